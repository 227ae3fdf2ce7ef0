// The cache file by itself, the encodings that it holds, and the folder's size.
#include <cppunit/extensions/HelperMacros.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <system_error>

#include "maildir/cache/Bytes.h"
#include "maildir/cache/CacheFolder.h"
#include "maildir/cache/FactBlocks.h"
#include "maildir/cache/FactCodec.h"

namespace maildir::test {

namespace {

MessageFacts someFacts() {
    MessageFacts facts;
    facts.file.emplace();
    facts.file->internalDate = -1;
    facts.file->storedOctets = 1u << 20;
    facts.file->inode = UINT64_MAX;
    facts.file->fileOctets = 7;
    facts.file->modificationNanoseconds = INT64_MIN;
    facts.file->hasContentHash = true;
    facts.file->contentHash = {1, UINT64_MAX};
    facts.exactOctets = 0;
    const std::string message =
        "From: a@b\nSubject: =?utf-8?q?=C3=BC?=\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=x\n\n"
        "--x\nContent-Type: message/rfc822\nContent-Language: en, de\n\nSubject: inner\n\nbody\n"
        "--x\nContent-Type: text/plain; charset=\"u\\\"x\"\nContent-Disposition: attachment; "
        "filename=f\n\n\xff\n--x--\n";
    facts.structure = std::make_shared<const std::string>(encodeStructure(parseStructure(message)));
    facts.derived.emplace_back("ENVELOPE", std::make_shared<const std::string>("(NIL)"));
    facts.derived.emplace_back("", std::make_shared<const std::string>(300, '\0'));
    return facts;
}

std::string encoded(const MessageFacts& facts) {
    std::string bytes;
    encodeFacts(facts, bytes);
    return bytes;
}

class CacheFileTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(CacheFileTest);
    CPPUNIT_TEST(codesNumbers);
    CPPUNIT_TEST(neverReadsPastTheEnd);
    CPPUNIT_TEST(codesFacts);
    CPPUNIT_TEST(takesNoHalfFacts);
    CPPUNIT_TEST(keepsTheLastRoot);
    CPPUNIT_TEST(goesBackToTheLastRootWhenTheDiskIsFull);
    CPPUNIT_TEST(isOfOneAtATime);
    CPPUNIT_TEST(keepsFewDescriptors);
    CPPUNIT_TEST(readsNothingOnceSomebodyElseAdded);
    CPPUNIT_TEST(findsFactsInTheLastBlock);
    CPPUNIT_TEST(gathersAllBlocks);
    CPPUNIT_TEST(removesWhatWasUsedLeastRecently);
    CPPUNIT_TEST(complainsOnce);
    CPPUNIT_TEST_SUITE_END();

    std::string _path;

public:
    void setUp() override {
        _path = (std::filesystem::temp_directory_path() / "maildirXXXXXX").string();
        CPPUNIT_ASSERT(mkdtemp(_path.data()) != nullptr);
    }
    void tearDown() override { std::filesystem::remove_all(_path); }

    void codesNumbers() {
        std::string bytes;
        ByteWriter out(bytes);
        const std::uint64_t numbers[] = {0, 1, 127, 128, 300, UINT32_MAX, UINT64_MAX};
        const std::int64_t others[] = {0, -1, 1, INT64_MIN, INT64_MAX};
        for (const std::uint64_t number : numbers) out.number(number);
        for (const std::int64_t number : others) out.signedNumber(number);
        for (const std::uint64_t number : numbers) out.fixed(number);
        out.string("text");
        ByteReader in(bytes);
        for (const std::uint64_t number : numbers) CPPUNIT_ASSERT_EQUAL(number, in.number());
        for (const std::int64_t number : others) CPPUNIT_ASSERT_EQUAL(number, in.signedNumber());
        for (const std::uint64_t number : numbers) CPPUNIT_ASSERT_EQUAL(number, in.fixed());
        CPPUNIT_ASSERT(in.string() == "text" && in.isAtEnd() && in.isSound());
    }

    void neverReadsPastTheEnd() {
        ByteReader cut(
            std::string_view("\x05"
                             "ab",
                             3));
        CPPUNIT_ASSERT(cut.string().empty() && !cut.isSound() && cut.number() == 0 && cut.fixed() == 0);
        ByteReader endless("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff");
        CPPUNIT_ASSERT(endless.number() == 0 && !endless.isSound());
        ByteReader large("\x7f");
        CPPUNIT_ASSERT(large.number(3) == 0 && !large.isSound());
        ByteReader many(
            "\x7f"
            "ab");
        CPPUNIT_ASSERT(many.count(1) == 0 && !many.isSound());
    }

    void codesFacts() {
        const std::string bytes = encoded(someFacts());
        const auto facts = decodeFacts(bytes);
        CPPUNIT_ASSERT(facts.has_value());
        CPPUNIT_ASSERT_EQUAL(std::int64_t(-1), facts->file->internalDate);
        CPPUNIT_ASSERT_EQUAL(INT64_MIN, facts->file->modificationNanoseconds);
        CPPUNIT_ASSERT(facts->file->contentHash[1] == UINT64_MAX && facts->exactOctets == 0u);
        const auto structure = decodeStructure(*facts->structure);
        CPPUNIT_ASSERT(structure != nullptr && *facts->structure == encodeStructure(*structure));
        const Part& root = structure->root;
        CPPUNIT_ASSERT_EQUAL(std::size_t(2), root.children.size());
        CPPUNIT_ASSERT_EQUAL(std::string("inner"),
                             root.children[0].children[0].envelope->values[EnvelopeFields::Subject]);
        CPPUNIT_ASSERT(structure->has8Bit && structure->lineEndings == LineEndings::AllLf);
        CPPUNIT_ASSERT_EQUAL(std::size_t(300), facts->derived[1].second->size());
        CPPUNIT_ASSERT(bytes == encoded(*facts));
        CPPUNIT_ASSERT(encoded(MessageFacts()) == encoded(*decodeFacts(encoded(MessageFacts()))));
    }

    void takesNoHalfFacts() {
        const std::string bytes = encoded(someFacts());
        for (std::size_t end = 0; end < bytes.size(); ++end) CPPUNIT_ASSERT(!decodeFacts(bytes.substr(0, end)));
        CPPUNIT_ASSERT(!decodeFacts(bytes + "x"));
        for (std::size_t at = 0; at < bytes.size(); ++at) {
            std::string bad = bytes;
            bad[at] = static_cast<char>(~bad[at]);
            (void)decodeFacts(bad);  // the sanitizers watch
        }
    }

    void keepsTheLastRoot() {
        BlockPlace place;
        {
            const auto file = CacheFile::create(_path + "/one");
            place = file->append("block");
            file->commit("first root");
            CPPUNIT_ASSERT(!std::filesystem::exists(_path + "/one"));
            file->publish();
            CPPUNIT_ASSERT(file->isInPlace());
            file->append("more");
            file->commit("second root");
        }
        const auto file = CacheFile::open(_path + "/one");
        CPPUNIT_ASSERT(file && file->root() == "second root" && file->read(place) == "block");
        BlockPlace wrong = place;
        ++wrong.checksum;
        CPPUNIT_ASSERT(!file->read(wrong));
        wrong = place;
        wrong.octets = UINT32_MAX;
        CPPUNIT_ASSERT(!file->read(wrong));
        wrong.offset = UINT64_MAX;
        CPPUNIT_ASSERT(!file->read(wrong));
        std::filesystem::remove(_path + "/one");
        CPPUNIT_ASSERT(!file->isInPlace());
        CPPUNIT_ASSERT(!CacheFile::open(_path + "/one"));
    }

    void goesBackToTheLastRootWhenTheDiskIsFull() {
        // A file that may not grow stands for a disk that is full.
        signal(SIGXFSZ, SIG_IGN);
        const auto file = CacheFile::create(_path + "/one");
        file->commit("root");
        file->publish();
        rlimit before{};
        getrlimit(RLIMIT_FSIZE, &before);
        const rlimit little{file->octets() + 100, before.rlim_max};
        setrlimit(RLIMIT_FSIZE, &little);
        file->append(std::string(5000, 'x'));
        bool isRefused = false;
        try {
            file->commit("too much");
        } catch (const Error&) {
            isRefused = true;
        }
        setrlimit(RLIMIT_FSIZE, &before);
        CPPUNIT_ASSERT(isRefused);
        const BlockPlace place = file->append("fits");
        file->commit("later root");
        CPPUNIT_ASSERT(file->read(place) == "fits");
    }

    void isOfOneAtATime() {
        auto file = CacheFile::create(_path + "/one");
        file->commit("root");
        file->publish();
        CPPUNIT_ASSERT(!CacheFile::open(_path + "/one"));
        file.reset();
        CPPUNIT_ASSERT(CacheFile::open(_path + "/one") != nullptr);
    }

    void keepsFewDescriptors() {
        constexpr std::size_t count = CacheFile::mostDescriptors + 20;
        std::vector<std::shared_ptr<CacheFile>> files;
        std::vector<BlockPlace> places;
        for (std::size_t number = 0; number < count; ++number) {
            files.push_back(CacheFile::create(_path + "/" + std::to_string(number)));
            places.push_back(files.back()->append("block " + std::to_string(number)));
            files.back()->commit("root");
            files.back()->publish();
        }
        for (std::size_t number = 0; number < count; ++number) {
            CPPUNIT_ASSERT(files[number]->read(places[number]) == "block " + std::to_string(number));
            files[number]->append("more");
            files[number]->commit("later root");
        }
        std::size_t open = 0;
        for (const auto& each : std::filesystem::directory_iterator("/proc/self/fd")) {
            std::error_code error;
            open += std::filesystem::read_symlink(each.path(), error).string().starts_with(_path) ? 1u : 0u;
        }
        CPPUNIT_ASSERT(open <= CacheFile::mostDescriptors + 1);
        files.clear();
        CPPUNIT_ASSERT_EQUAL(std::string("later root"), CacheFile::open(_path + "/0")->root());
    }

    void readsNothingOnceSomebodyElseAdded() {
        const auto first = CacheFile::create(_path + "/first");
        const BlockPlace place = first->append("block");
        first->commit("root");
        first->publish();
        std::vector<std::shared_ptr<CacheFile>> others;  // which take its descriptor
        for (std::size_t number = 0; number <= CacheFile::mostDescriptors; ++number) {
            others.push_back(CacheFile::create(_path + "/" + std::to_string(number)));
        }
        {
            const auto other = CacheFile::open(_path + "/first");
            CPPUNIT_ASSERT(other != nullptr);
            other->append("added");
            other->commit("root of another");
        }
        CPPUNIT_ASSERT(!first->read(place) && !first->isInPlace());
        bool isRefused = false;
        try {
            first->append("lost");
            first->commit("root");
        } catch (const Error&) {
            isRefused = true;
        }
        CPPUNIT_ASSERT(isRefused);
        CPPUNIT_ASSERT_EQUAL(std::string("root of another"), CacheFile::open(_path + "/first")->root());
    }

    void findsFactsInTheLastBlock() {
        const auto file = CacheFile::create(_path + "/one");
        std::vector<FactBlock> blocks;
        FactBlockWriter writer(*file, [&](FactBlock block) { blocks.push_back(block); });
        for (std::uint32_t uid = 1; uid <= 2000; uid += 3) writer.add(Uid{uid}, "old " + std::to_string(uid));
        writer.finish();
        for (std::uint32_t uid = 4; uid <= 1000; uid += 6) writer.add(Uid{uid}, "new " + std::to_string(uid));
        writer.finish();
        file->commit("root");
        FactBlocks found(file, blocks);
        CPPUNIT_ASSERT(blocks.size() == 3);
        for (std::uint32_t uid = 0; uid <= 2010; ++uid) {
            const bool isThere = uid <= 2000 && uid % 3 == 1, isNew = isThere && uid <= 1000 && uid % 6 == 4;
            const auto facts = found.find(Uid{uid});
            CPPUNIT_ASSERT_EQUAL(isThere, facts.has_value());
            if (isThere) CPPUNIT_ASSERT_EQUAL((isNew ? "new " : "old ") + std::to_string(uid), std::string(*facts));
        }
    }

    void gathersAllBlocks() {
        const auto file = CacheFile::create(_path + "/one");
        std::vector<FactBlock> blocks;
        FactBlockWriter writer(*file, [&](FactBlock block) { blocks.push_back(block); });
        for (std::uint32_t round = 0; round < 5; ++round) {
            for (std::uint32_t uid = 1 + round; uid <= 1000; uid += 5 - round)
                writer.add(Uid{uid}, std::to_string(round));
            writer.finish();
        }
        file->commit("root");
        FactBlocks found(file, blocks);
        Uid last;
        std::size_t count = 0;
        found.each([](Uid uid) { return uid.value != 500; },
                   [&](Uid uid, std::string_view facts) {
                       CPPUNIT_ASSERT(uid > last && uid.value != 500);
                       last = uid;
                       ++count;
                       if (uid.value >= 5) CPPUNIT_ASSERT(facts == "4");
                   });
        CPPUNIT_ASSERT_EQUAL(std::size_t(999), count);
    }

    void removesWhatWasUsedLeastRecently() {
        std::vector<std::string> lines;
        CacheFolder folder(_path + "/state/cache", 1u << 20, [&](const std::string& line) { lines.push_back(line); });
        folder.trim();  // there is nothing yet
        std::shared_ptr<CacheFile> inUse;
        for (int number = 0; number < 8; ++number) {
            const std::string directory = "/mail/" + std::to_string(number);
            const auto file = folder.create(directory, nullptr);
            file->append(std::string(200'000, static_cast<char>('a' + number)));
            file->commit("root");
            file->publish();
            folder.noteWritten(file->octets());
            if (number == 0) inUse = file;
            usleep(1'100'000 / 8);
        }
        // Used again: it is not the oldest any more. (Times of whole seconds must differ.)
        usleep(1'100'000);
        CPPUNIT_ASSERT(folder.open("/mail/1") != nullptr);
        folder.trim();
        CPPUNIT_ASSERT(folder.open("/mail/1") != nullptr && folder.open("/mail/7") != nullptr);
        std::size_t left = 0;
        for (int number = 1; number < 8; ++number) left += folder.open("/mail/" + std::to_string(number)) ? 1u : 0u;
        CPPUNIT_ASSERT(inUse->isInPlace() && left < 6 && left >= 3);
    }

    void complainsOnce() {
        std::vector<std::string> lines;
        const auto log = [&](const std::string& line) { lines.push_back(line); };
        CacheFolder folder(_path + "/state/cache", 1u << 20, log, 0);
        folder.noteSuccess();
        CPPUNIT_ASSERT(lines.empty());
        folder.noteFailure("full");
        folder.noteFailure("full");
        folder.noteSuccess();
        folder.noteSuccess();
        CPPUNIT_ASSERT_EQUAL(std::size_t(2), lines.size());
        // Where some can be written and others cannot.
        CacheFolder nearlyFull(_path + "/state/cache", 1u << 20, log);
        for (int number = 0; number < 3; ++number) {
            nearlyFull.noteFailure("full");
            nearlyFull.noteSuccess();
        }
        CPPUNIT_ASSERT_EQUAL(std::size_t(3), lines.size());
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(CacheFileTest);

}  // namespace

}  // namespace maildir::test
