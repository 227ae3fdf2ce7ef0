#include "maildir/message/MessageFile.h"

#include <cppunit/TestFixture.h>
#include <cppunit/extensions/HelperMacros.h>

#include <sys/stat.h>

#include <filesystem>

#include "TemporaryMessage.h"
#include "maildir/Error.h"

using namespace maildir;

namespace {

ErrorKind kindThrown(const auto& action) {
    try {
        action();
    } catch (const Error& error) {
        return error.kind();
    }
    CPPUNIT_FAIL("nothing was thrown");
    return ErrorKind::Io;
}

}  // namespace

class MessageFileTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(MessageFileTest);
    CPPUNIT_TEST(tellsSizeAndTime);
    CPPUNIT_TEST(convertsBareLfOnly);
    CPPUNIT_TEST(everyPartialIsASliceOfTheWhole);
    CPPUNIT_TEST(readsAnExtent);
    CPPUNIT_TEST(readsWhatItHoldsFromMemory);
    CPPUNIT_TEST(closesAFileThatItHoldsWhole);
    CPPUNIT_TEST(structureOfALargeFileMatchesMemory);
    CPPUNIT_TEST(aTruncatedFileIsExpunged);
    CPPUNIT_TEST(otherLineEndsThanPromisedAreExpunged);
    CPPUNIT_TEST_SUITE_END();

    std::string _memory;

    void hold(MessageFile& file, std::uint64_t offset, std::size_t octets) {
        _memory.assign(octets, '\0');
        file.hold(offset, _memory);
        CPPUNIT_ASSERT_EQUAL(octets, file.held(offset, octets)->size());
    }

public:
    void tellsSizeAndTime() {
        const TemporaryMessage message("A: b\n\nc\n");
        const MessageFile file = message.open();
        CPPUNIT_ASSERT_EQUAL(std::uint64_t(8), file.storedOctets());
        struct stat status {};
        ::stat(message.path().c_str(), &status);
        CPPUNIT_ASSERT_EQUAL(std::int64_t(status.st_mtime), file.modificationTime());
        CPPUNIT_ASSERT_EQUAL(message.path(), file.path());
    }

    void convertsBareLfOnly() {
        CPPUNIT_ASSERT_EQUAL(std::string("a\r\nb\r\n\r\n\rc\r\r\nd\r"), toWire("a\nb\r\n\n\rc\r\r\nd\r"));
        CPPUNIT_ASSERT_EQUAL(std::string(), toWire(""));
        CPPUNIT_ASSERT_EQUAL(std::string("a\r\n"), toWire("a\r\n"));
    }

    void everyPartialIsASliceOfTheWhole() {
        for (const std::string content : {"A: b\n\nc\n\nd\n", "A: b\r\n\r\nc\r\n", "A: b\r\n\nc\rd\n\r\r\n\ne\r"}) {
            const TemporaryMessage message(content);
            const MessageFile file = message.open();
            const Structure structure = file.structure();
            const Extent whole{0, structure.storedOctets, structure.wireOctets};
            const std::string wire = toWire(content);
            CPPUNIT_ASSERT_EQUAL(wire, readWire(file, whole, structure.lineEndings));
            for (std::uint64_t first = 0; first <= wire.size() + 1; ++first) {
                for (std::uint64_t count = 0; count <= wire.size() + 1; ++count) {
                    for (const std::size_t piece : {1u, 2u, 3u, 100u}) {
                        const std::string expected = first > wire.size() ? "" : wire.substr(first, count);
                        WireReader reader(file, whole, structure.lineEndings, first, count);
                        CPPUNIT_ASSERT_EQUAL(std::uint64_t(expected.size()), reader.remaining());
                        std::string got;
                        while (reader.read(got, piece) > 0) {
                            CPPUNIT_ASSERT_EQUAL(expected.size(), got.size() + reader.remaining());
                        }
                        CPPUNIT_ASSERT_EQUAL(expected, got);
                    }
                }
            }
        }
    }

    void readsAnExtent() {
        const std::string content = "Content-Type: multipart/mixed; boundary=b\n\n--b\n\none\ntwo\n--b--\n";
        const TemporaryMessage message(content);
        const MessageFile file = message.open();
        const Structure structure = file.structure();
        CPPUNIT_ASSERT_EQUAL(std::string("one\r\ntwo"),
                             readWire(file, structure.root.children.at(0).body, structure.lineEndings));
    }

    void structureOfALargeFileMatchesMemory() {
        std::string content = "Content-Type: multipart/mixed; boundary=bound\n\n";
        for (int i = 0; i < 900; ++i) content += "--bound\n\n" + std::string(static_cast<std::size_t>(i), 'x') + "\n";
        const TemporaryMessage message(content);
        const Structure fromFile = message.open().structure();
        const Structure fromMemory = parseStructure(content);
        CPPUNIT_ASSERT_EQUAL(fromMemory.root.children.size(), fromFile.root.children.size());
        for (std::size_t i = 0; i < fromMemory.root.children.size(); ++i) {
            CPPUNIT_ASSERT_EQUAL(fromMemory.root.children[i].body.storedOffset,
                                 fromFile.root.children[i].body.storedOffset);
            CPPUNIT_ASSERT_EQUAL(fromMemory.root.children[i].body.wireOctets,
                                 fromFile.root.children[i].body.wireOctets);
        }
    }

    void readsWhatItHoldsFromMemory() {
        const TemporaryMessage message("0123456789");
        MessageFile file = message.open();
        hold(file, 2, 5);
        message.write("abcdefghij");
        const auto stored = [&](std::uint64_t offset, std::size_t octets) {
            std::string read(octets, ' ');
            file.readStored(offset, read);
            return read;
        };
        CPPUNIT_ASSERT_EQUAL(std::string("23456"), stored(2, 5));
        CPPUNIT_ASSERT_EQUAL(std::string("6"), stored(6, 1));
        CPPUNIT_ASSERT_EQUAL(std::string("bc"), stored(1, 2));  // not all of it is held
        CPPUNIT_ASSERT_EQUAL(std::string("gh"), stored(6, 2));
        CPPUNIT_ASSERT(!file.held(0, 1) && !file.held(7, 1) && !file.held(UINT64_MAX, 2));
        CPPUNIT_ASSERT_EQUAL(std::size_t(0), file.held(7, 0)->size());
    }

    void closesAFileThatItHoldsWhole() {
        for (const std::string content : {"A: b\n\nc\n\nd\n", "A: b\r\n\r\nc\r\n", ""}) {
            const TemporaryMessage message(content);
            MessageFile file = message.open();
            const Structure structure = file.structure();
            hold(file, 0, content.size());
            CPPUNIT_ASSERT(file.descriptor() >= 0);
            file.closeIfHeld();
            CPPUNIT_ASSERT_EQUAL(-1, file.descriptor());
            const Extent whole{0, structure.storedOctets, structure.wireOctets};
            CPPUNIT_ASSERT_EQUAL(toWire(content), readWire(file, whole, structure.lineEndings));
        }
        const TemporaryMessage message("0123456789");
        MessageFile file = message.open();
        CPPUNIT_ASSERT_EQUAL(static_cast<int>(ErrorKind::Expunged),
                             static_cast<int>(kindThrown([&] { hold(file, 5, 6); })));
        hold(file, 0, 9);
        file.closeIfHeld();
        CPPUNIT_ASSERT(file.descriptor() >= 0);
    }

    void aTruncatedFileIsExpunged() {
        const TemporaryMessage message("A: b\n\n" + std::string(100000, 'x'));
        const MessageFile file = message.open();
        const Structure structure = file.structure();
        std::filesystem::resize_file(message.path(), 50);
        CPPUNIT_ASSERT(ErrorKind::Expunged ==
                       kindThrown([&] { readWire(file, structure.root.body, structure.lineEndings); }));
        CPPUNIT_ASSERT(ErrorKind::Expunged == kindThrown([&] { (void)file.structure(); }));
    }

    void otherLineEndsThanPromisedAreExpunged() {
        const TemporaryMessage message("A: b\n\n\n\n\n\n");
        const MessageFile file = message.open();
        const Structure structure = file.structure();
        message.write("A: b\n\nxxxx");
        CPPUNIT_ASSERT(ErrorKind::Expunged ==
                       kindThrown([&] { readWire(file, structure.root.body, structure.lineEndings); }));
        CPPUNIT_ASSERT(ErrorKind::Expunged ==
                       kindThrown([&] { WireReader(file, structure.root.body, structure.lineEndings, 7); }));
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(MessageFileTest);
