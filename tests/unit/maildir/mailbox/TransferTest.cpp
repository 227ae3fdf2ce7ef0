// Messages that come in: delivery, copy, move; and what a failure leaves.
#include <sys/mount.h>

#include "CoarseTimes.h"
#include "MaildirFixture.h"

namespace maildir::test {

namespace {

class TransferTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(TransferTest);
    CPPUNIT_TEST(storesLinesWithLf);
    CPPUNIT_TEST(keepsDateFlagsAndKeywords);
    CPPUNIT_TEST(leavesNothingOfADroppedDelivery);
    CPPUNIT_TEST(leavesNothingOfAFailedDelivery);
    CPPUNIT_TEST(leavesNothingWhenTheListCannotBeWritten);
    CPPUNIT_TEST(leavesNothingOnAFullDisk);
    CPPUNIT_TEST(copiesWithAllThatBelongsToIt);
    CPPUNIT_TEST(copiesAllOrNothing);
    CPPUNIT_TEST(copiesAllOrNothingByPolling);
    CPPUNIT_TEST(copiesWhatAnotherRenamed);
    CPPUNIT_TEST(copiesBetweenFileSystems);
    CPPUNIT_TEST(moves);
    CPPUNIT_TEST(movesWithoutWhatIsGone);
    CPPUNIT_TEST(movesWithoutWhatIsGoneByPolling);
    CPPUNIT_TEST(movesWhatAnotherRenamed);
    CPPUNIT_TEST(movesBackWhenItFails);
    CPPUNIT_TEST(movesWithinAMailbox);
    CPPUNIT_TEST(movesBetweenFileSystems);
    CPPUNIT_TEST(takesCopiesBackOfWhatCannotBeRemoved);
    CPPUNIT_TEST_SUITE_END();

    TemporaryDirectory _directory;
    Maildir _maildir{_directory.path + "/box"};
    Maildir _target{_directory.path + "/target"};
    Process _process;

    // Something that no list can be renamed over, in the place of the list.
    static void blockList(const Maildir& maildir) {
        std::filesystem::remove(maildir.path + "/dovecot-uidlist");
        mkdir((maildir.path + "/dovecot-uidlist").c_str(), 0700);
        write(maildir.path + "/dovecot-uidlist/x", "x");
    }

public:
    void tearDown() override { _process.end(); }

    void storesLinesWithLf() {
        const auto mailbox = _process.open(_maildir.path);
        mailbox->refresh();
        const std::pair<std::string, std::string> cases[] = {{"a\r\nb\r\n", "a\nb\n"},
                                                             {"a\nb", "a\nb"},
                                                             {"a\r\r\nb\r\n", "a\r\r\nb\n"},
                                                             {"\r\n\r\n", "\n\n"},
                                                             {"a\rb\r\n", "a\rb\n"},
                                                             {"a\r", "a\r"},
                                                             {"\r\r\r\n\r", "\r\r\r\n\r"},
                                                             {"", ""},
                                                             {"\n\r\n\n", "\n\n\n"},
                                                             {"\r\n\r\r\n", "\n\r\r\n"},
                                                             {"x\r\n\r", "x\n\r"}};
        for (const auto& [wire, stored] : cases) {
            std::string sent;
            for (std::size_t i = 0; i < stored.size(); ++i) {
                if (stored[i] == '\n' && (i == 0 || stored[i - 1] != '\r')) sent += '\r';
                sent += stored[i];
            }
            for (std::size_t split = 0; split <= wire.size(); ++split) {
                auto delivery = mailbox->beginDelivery();
                delivery->write(std::string_view(wire).substr(0, split));
                delivery->write(std::string_view(wire).substr(split));
                CPPUNIT_ASSERT_EQUAL(std::uint64_t(wire.size()), delivery->wireOctets());
                const Uid uid = mailbox->deliver(std::move(delivery), {}, {}, {}).uid;
                CPPUNIT_ASSERT_EQUAL(stored, readAll(mailbox->open(uid)));
                const auto snapshot = mailbox->snapshot();
                const RecordRef record = *snapshot->find(uid);
                CPPUNIT_ASSERT_EQUAL(std::uint64_t(stored.size()), record->recordedStoredOctets);
                CPPUNIT_ASSERT_EQUAL(std::uint64_t(sent.size()), record->recordedWireOctets);
                CPPUNIT_ASSERT_EQUAL(std::uint64_t(sent.size()), mailbox->exactOctets(uid));
            }
            // Octet by octet.
            auto delivery = mailbox->beginDelivery();
            for (const char octet : wire) delivery->write(std::string_view(&octet, 1));
            CPPUNIT_ASSERT_EQUAL(stored, readAll(mailbox->open(mailbox->deliver(std::move(delivery), {}, {}, {}).uid)));
        }
        // Larger than any buffer.
        std::string wire, stored;
        for (int i = 0; i < 50000; ++i) {
            wire += "line " + std::to_string(i) + "\r\n";
            stored += "line " + std::to_string(i) + "\n";
        }
        CPPUNIT_ASSERT(stored == readAll(mailbox->open(append(*mailbox, wire).uid)));
    }

    void keepsDateFlagsAndKeywords() {
        const auto mailbox = _process.open(_maildir.path);
        mailbox->refresh();
        const auto plain = append(*mailbox, "x\r\n"),
                   rich = append(*mailbox, "x\r\n", Flag::Seen, {"$Junk"}, 1000000000);
        CPPUNIT_ASSERT_EQUAL(std::size_t(1), _maildir.count("new"));
        CPPUNIT_ASSERT(mailbox->internalDate(plain.uid) > 1600000000);
        CPPUNIT_ASSERT_EQUAL(std::int64_t(1000000000), mailbox->internalDate(rich.uid));
        const auto again = Process().open(_maildir.path);
        CPPUNIT_ASSERT(keywordsOfMessage(*again->refresh(), rich.uid).contains("$Junk"));
        CPPUNIT_ASSERT_EQUAL(std::int64_t(1000000000), again->internalDate(rich.uid));
        CPPUNIT_ASSERT_EQUAL(std::size_t(0), _maildir.count("tmp"));
        CPPUNIT_ASSERT(!std::filesystem::exists(_maildir.path + "/dovecot-uidlist.lock"));
    }

    void leavesNothingOfADroppedDelivery() {
        const auto mailbox = _process.open(_maildir.path);
        mailbox->beginDelivery()->write("half a mess");
        CPPUNIT_ASSERT_EQUAL(std::size_t(0), _maildir.count("tmp"));
        CPPUNIT_ASSERT_EQUAL(std::size_t(0), mailbox->refresh()->size());
    }

    void leavesNothingOfAFailedDelivery() {
        const auto mailbox = _process.open(_maildir.path);
        mailbox->refresh();
        const std::string list = _maildir.uidList();
        std::filesystem::rename(_maildir.path + "/new", _directory.path + "/new.away");
        write(_maildir.path + "/new", "a file");
        CPPUNIT_ASSERT_THROW(append(*mailbox, "x\r\n"), Error);
        std::filesystem::remove(_maildir.path + "/new");
        std::filesystem::rename(_directory.path + "/new.away", _maildir.path + "/new");
        CPPUNIT_ASSERT_EQUAL(std::size_t(0), _maildir.fileCount() + _maildir.count("tmp"));
        CPPUNIT_ASSERT_EQUAL(list, _maildir.uidList());
        CPPUNIT_ASSERT_EQUAL(std::uint32_t(1), append(*mailbox, "x\r\n").uid.value);
        CPPUNIT_ASSERT_EQUAL(std::size_t(1), mailbox->refresh()->size());
    }

    void leavesNothingWhenTheListCannotBeWritten() {
        const auto source = _process.open(_maildir.path), target = _process.open(_target.path);
        append(*source, "x\r\n");
        target->refresh();
        blockList(_target);
        const std::vector<Uid> uids{Uid{1}};
        CPPUNIT_ASSERT_THROW(append(*target, "x\r\n"), Error);
        CPPUNIT_ASSERT_THROW(target->copyFrom(*source, uids), Error);
        CPPUNIT_ASSERT_THROW(target->moveFrom(*source, uids), Error);
        CPPUNIT_ASSERT_EQUAL(std::size_t(0), _target.fileCount() + _target.count("tmp"));
        std::filesystem::remove_all(_target.path + "/dovecot-uidlist");
        CPPUNIT_ASSERT_EQUAL(std::size_t(1), source->refresh()->size());
        CPPUNIT_ASSERT_EQUAL(std::size_t(0), target->refresh()->size());
        CPPUNIT_ASSERT_EQUAL(std::size_t(1), target->moveFrom(*source, uids).target.size());
    }

    void leavesNothingOnAFullDisk() {
        const std::string disk = _directory.path + "/disk";
        mkdir(disk.c_str(), 0700);
        if (mount("none", disk.c_str(), "tmpfs", 0, "size=128k") != 0) return;  // only root may
        const std::unique_ptr<const char, void (*)(const char*)> mounted(disk.c_str(),
                                                                         [](const char* path) { umount(path); });
        Maildir full(disk + "/box");
        const auto mailbox = Process(false).open(full.path);
        mailbox->refresh();
        const std::string message = "Subject: x\r\n\r\n" + std::string(3000, 'x') + "\r\n";
        std::size_t kept = 0;
        bool isFull = false;
        for (int i = 0; i < 200 && !isFull; ++i) {
            try {
                append(*mailbox, message);
                ++kept;
            } catch (const Error& error) {
                CPPUNIT_ASSERT(error.kind() == ErrorKind::OverQuota);
                isFull = true;
            }
        }
        CPPUNIT_ASSERT(isFull && kept > 5);
        CPPUNIT_ASSERT_EQUAL(kept, full.fileCount());
        CPPUNIT_ASSERT_EQUAL(std::size_t(0), full.count("tmp"));
        CPPUNIT_ASSERT(full.uidList().ends_with("\n"));
        CPPUNIT_ASSERT_EQUAL(kept, Process(false).open(full.path)->refresh()->size());
        // Expunging makes room again.
        const std::vector<Uid> uids = uidsOf(*mailbox->refresh());
        CPPUNIT_ASSERT_EQUAL(std::size_t(3), mailbox->expunge(std::span(uids).first(3), false).size());
        append(*mailbox, message);
    }

    void copiesWithAllThatBelongsToIt() {
        const auto source = _process.open(_maildir.path), target = _process.open(_target.path);
        std::vector<std::string> names;
        for (int i = 0; i < 30; ++i) names.push_back("Key" + std::to_string(i));
        append(*target, "first\r\n", {}, {"Other"});
        append(*source, "one\r\n", Flag::Seen, names, 1000000000);
        append(*source, "two\r\n", Flag::Draft, {"Key29"}, 1100000000);
        const std::vector<Uid> uids{Uid{1}, Uid{2}};
        const CopyResult result = target->copyFrom(*source, uids);
        CPPUNIT_ASSERT(result.source == uids);
        CPPUNIT_ASSERT((result.target == std::vector<Uid>{Uid{2}, Uid{3}}));
        for (const auto& mailbox : {target, Process().open(_target.path)}) {
            const auto snapshot = mailbox->refresh();
            CPPUNIT_ASSERT(result.targetUidValidity == snapshot->uidValidity());
            CPPUNIT_ASSERT(flagsOf(*snapshot, Uid{2}) == FlagSet(Flag::Seen));
            CPPUNIT_ASSERT(keywordsOfMessage(*snapshot, Uid{2}) == std::set<std::string>(names.begin(), names.end()));
            CPPUNIT_ASSERT((keywordsOfMessage(*snapshot, Uid{3}) == std::set<std::string>{"Key29"}));
            CPPUNIT_ASSERT_EQUAL(std::int64_t(1000000000), mailbox->internalDate(Uid{2}));
            CPPUNIT_ASSERT_EQUAL(std::string("two\n"), readAll(mailbox->open(Uid{3})));
            CPPUNIT_ASSERT_EQUAL(std::uint64_t(5), (*snapshot->find(Uid{3}))->recordedWireOctets);
        }
        CPPUNIT_ASSERT_EQUAL(std::size_t(2), source->refresh()->size());
    }

    void copiesAllOrNothing() { copiesAllOrNothingWith(Process(true)); }
    void copiesAllOrNothingByPolling() { copiesAllOrNothingWith(Process(false)); }
    void copiesAllOrNothingWith(const Process& process) {
        const auto source = process.open(_maildir.path), target = process.open(_target.path);
        append(*source, "one\r\n");
        append(*source, "two\r\n");
        target->refresh();
        _maildir.remove(std::string(source->snapshot()->at(1).baseName()));
        const std::vector<Uid> uids{Uid{1}, Uid{2}};
        const CopyResult result = target->copyFrom(*source, uids);
        CPPUNIT_ASSERT(result.someExpunged);
        CPPUNIT_ASSERT(result.target.empty());
        CPPUNIT_ASSERT_EQUAL(std::size_t(0), target->refresh()->size());
        CPPUNIT_ASSERT_EQUAL(std::size_t(0), _target.fileCount());
    }

    void copiesWhatAnotherRenamed() {
        for (const bool useInotify : {true, false}) {
            const Process process(useInotify);
            const auto source = process.open(_maildir.path), target = process.open(_target.path);
            const Uid uid = append(*source, "one\r\n").uid;
            const auto snapshot = source->snapshot();
            _maildir.flag(std::string(snapshot->find(uid)->baseName()), "FS");
            const CopyResult result = target->copyFrom(*source, std::vector<Uid>{uid});
            CPPUNIT_ASSERT_EQUAL(std::size_t(1), result.target.size());
            CPPUNIT_ASSERT(flagsOf(*target->snapshot(), result.target[0]).has(Flag::Flagged));
        }
    }

    void copiesBetweenFileSystems() {
        std::string pattern = "/dev/shm/maildirXXXXXX";
        if (mkdtemp(pattern.data()) == nullptr) return;  // no second file system here
        {
            Maildir far(pattern + "/far");
            const auto source = _process.open(_maildir.path), target = _process.open(far.path);
            append(*source, "one\r\n", Flag::Seen, {"Work"}, 1000000000);
            target->refresh();
            const CopyResult result = target->copyFrom(*source, std::vector<Uid>{Uid{1}});
            CPPUNIT_ASSERT_EQUAL(std::size_t(1), result.target.size());
            const std::uint64_t listings = target->listingCount();
            CPPUNIT_ASSERT_EQUAL(std::string("one\n"), readAll(target->open(Uid{1})));
            CPPUNIT_ASSERT_EQUAL(std::int64_t(1000000000), target->internalDate(Uid{1}));
            CPPUNIT_ASSERT_EQUAL(std::size_t(1), target->refresh()->size());
            CPPUNIT_ASSERT_EQUAL(listings, target->listingCount());
            CPPUNIT_ASSERT_EQUAL(std::size_t(0), far.count("tmp"));
        }
        std::filesystem::remove_all(pattern);
    }

    void moves() {
        const auto source = _process.open(_maildir.path), target = _process.open(_target.path);
        append(*source, "one\r\n", Flag::Seen, {"Work"}, 1000000000);
        append(*source, "two\r\n");
        append(*source, "three\r\n");
        const std::vector<Uid> uids{Uid{1}, Uid{3}};
        const CopyResult result = target->moveFrom(*source, uids);
        CPPUNIT_ASSERT(result.source == uids && !result.someExpunged);
        CPPUNIT_ASSERT((result.target == std::vector<Uid>{Uid{1}, Uid{2}}));
        CPPUNIT_ASSERT((uidsOf(*source->snapshot()) == std::vector<Uid>{Uid{2}}));
        CPPUNIT_ASSERT_EQUAL(std::size_t(1), _maildir.fileCount());
        CPPUNIT_ASSERT(keywordsOfMessage(*target->refresh(), Uid{1}).contains("Work"));
        CPPUNIT_ASSERT_EQUAL(std::int64_t(1000000000), target->internalDate(Uid{1}));
        CPPUNIT_ASSERT_EQUAL(std::string("three\n"), readAll(target->open(Uid{2})));
        CPPUNIT_ASSERT_EQUAL(std::size_t(2), Process().open(_target.path)->refresh()->size());
        CPPUNIT_ASSERT_THROW(source->open(Uid{1}), Error);
    }

    void movesWithoutWhatIsGone() { movesWithoutWhatIsGoneWith(Process(true), 0); }
    void movesWithoutWhatIsGoneByPolling() { movesWithoutWhatIsGoneWith(Process(false), 1); }
    void movesWithoutWhatIsGoneWith(const Process& process, std::size_t shown) {
        const auto source = process.open(_maildir.path), target = process.open(_target.path);
        for (int i = 0; i < 3; ++i) append(*source, "x\r\n");
        _maildir.remove(std::string(source->snapshot()->at(1).baseName()));
        const std::vector<Uid> uids{Uid{1}, Uid{2}, Uid{3}, Uid{9}};
        const CopyResult result = target->moveFrom(*source, uids);
        CPPUNIT_ASSERT(result.someExpunged);
        CPPUNIT_ASSERT((result.source == std::vector<Uid>{Uid{1}, Uid{3}}));
        // Without events it takes a while until it is certain that the second one is gone.
        CPPUNIT_ASSERT(source->refresh()->size() <= shown);
        CPPUNIT_ASSERT_EQUAL(std::size_t(2), target->refresh()->size());
    }

    void movesWhatAnotherRenamed() {
        for (const bool useInotify : {true, false}) {
            const Process process(useInotify);
            const auto source = process.open(_maildir.path), target = process.open(_target.path);
            const Uid uid = append(*source, "one\r\n").uid;
            const auto snapshot = source->snapshot();
            _maildir.flag(std::string(snapshot->find(uid)->baseName()), "FS");
            const CopyResult result = target->moveFrom(*source, std::vector<Uid>{uid});
            CPPUNIT_ASSERT_EQUAL(std::size_t(1), result.target.size());
            CPPUNIT_ASSERT(!result.someExpunged);
            CPPUNIT_ASSERT(flagsOf(*target->snapshot(), result.target[0]).has(Flag::Flagged));
            CPPUNIT_ASSERT_EQUAL(std::size_t(0), source->refresh()->size());
        }
    }

    void movesBackWhenItFails() {
        const auto source = _process.open(_maildir.path), target = _process.open(_target.path);
        for (int i = 0; i < 3; ++i) append(*source, "x\r\n");
        const auto before = listing(*source->refresh());
        target->refresh();
        const std::vector<Uid> uids{Uid{1}, Uid{2}, Uid{3}};
        {
            const FullDisk full;
            CPPUNIT_ASSERT_THROW(target->moveFrom(*source, uids), Error);
        }
        CPPUNIT_ASSERT_EQUAL(joined(before), joined(listing(*source->refresh())));
        CPPUNIT_ASSERT_EQUAL(std::size_t(0), target->refresh()->size());
        CPPUNIT_ASSERT_EQUAL(std::size_t(3), _maildir.fileCount());
    }

    void movesWithinAMailbox() {
        const auto mailbox = _process.open(_maildir.path);
        append(*mailbox, "x\r\n");
        append(*mailbox, "y\r\n");
        const CopyResult result = mailbox->moveFrom(*mailbox, std::vector<Uid>{Uid{1}});
        CPPUNIT_ASSERT((result.target == std::vector<Uid>{Uid{3}}));
        CPPUNIT_ASSERT((uidsOf(*mailbox->refresh()) == std::vector<Uid>{Uid{2}, Uid{3}}));
    }

    void movesBetweenFileSystems() {
        std::string pattern = "/dev/shm/maildirXXXXXX";
        if (mkdtemp(pattern.data()) == nullptr) return;
        {
            Maildir far(pattern + "/far");
            const auto source = _process.open(_maildir.path), target = _process.open(far.path);
            append(*source, "one\r\n", Flag::Seen, {}, 1000000000);
            append(*source, "two\r\n");
            const std::vector<Uid> uids{Uid{1}, Uid{2}, Uid{7}};
            const CopyResult result = target->moveFrom(*source, uids);
            CPPUNIT_ASSERT_EQUAL(std::size_t(2), result.target.size());
            CPPUNIT_ASSERT(result.someExpunged);
            CPPUNIT_ASSERT_EQUAL(std::size_t(0), source->refresh()->size() + _maildir.fileCount());
            CPPUNIT_ASSERT_EQUAL(std::int64_t(1000000000), target->internalDate(Uid{1}));
        }
        std::filesystem::remove_all(pattern);
    }

    // Each try of a move would leave one copy more.
    void takesCopiesBackOfWhatCannotBeRemoved() {
        const std::string disk = _directory.path + "/disk";
        mkdir(disk.c_str(), 0700);
        if (mount("none", disk.c_str(), "tmpfs", 0, "") != 0) return;  // only root may
        const std::unique_ptr<const char, void (*)(const char*)> mounted(disk.c_str(),
                                                                         [](const char* path) { umount(path); });
        const auto mountAgain = [&disk](unsigned long flags) {
            CPPUNIT_ASSERT_EQUAL(0, mount("none", disk.c_str(), "tmpfs", MS_REMOUNT | flags, nullptr));
        };
        Maildir far(disk + "/far");
        far.put("a:2,");
        const auto source = _process.open(far.path), target = _process.open(_maildir.path);
        source->refresh();
        target->refresh();
        const std::vector<Uid> uids{Uid{1}};
        mountAgain(MS_RDONLY);
        for (int attempt = 0; attempt < 2; ++attempt) {
            CPPUNIT_ASSERT_THROW(target->moveFrom(*source, uids), Error);
            CPPUNIT_ASSERT_EQUAL(std::size_t(0), target->refresh()->size() + _maildir.fileCount());
        }
        mountAgain(0);
        CPPUNIT_ASSERT(target->moveFrom(*source, uids).source == uids);
        CPPUNIT_ASSERT_EQUAL(std::size_t(0), far.fileCount());
        CPPUNIT_ASSERT_EQUAL(std::size_t(1), target->refresh()->size());
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(TransferTest);

}  // namespace

}  // namespace maildir::test
