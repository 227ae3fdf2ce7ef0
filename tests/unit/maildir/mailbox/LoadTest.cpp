// Opening mailboxes, the UID list, and what others do to both.
#include "MaildirFixture.h"

namespace maildir::test {

namespace {

class LoadTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(LoadTest);
    CPPUNIT_TEST(givesUidsInTheOrderOfDelivery);
    CPPUNIT_TEST(writesTheListAsDovecotDoes);
    CPPUNIT_TEST(keepsUidsWhenOpenedAgain);
    CPPUNIT_TEST(keepsUidsOfVersion1);
    CPPUNIT_TEST(readsAListThroughALink);
    CPPUNIT_TEST(namesAFileWithoutABaseName);
    CPPUNIT_TEST(seesDeliveries);
    CPPUNIT_TEST(seesFlags);
    CPPUNIT_TEST(seesRemovals);
    CPPUNIT_TEST(seesDeliveriesByPolling);
    CPPUNIT_TEST(seesRemovalsByPolling);
    CPPUNIT_TEST(takesOverRowsOfAnother);
    CPPUNIT_TEST(rewritesADeletedList);
    CPPUNIT_TEST(mendsHalfARow);
    CPPUNIT_TEST(survivesADamagedList);
    CPPUNIT_TEST(endsWhenUidValidityChanges);
    CPPUNIT_TEST(givesAReappearingFileANewUid);
    CPPUNIT_TEST(takesTheLastOfTwoRows);
    CPPUNIT_TEST(keepsBothOfTwoFilesOfOneBaseName);
    CPPUNIT_TEST(keepsBothOfTwoUnknownFilesOfOneBaseName);
    CPPUNIT_TEST(takesTwoLinksForOneMessage);
    CPPUNIT_TEST(renamesWhatNoRowCanHold);
    CPPUNIT_TEST(passesOverWhatIsNoFile);
    CPPUNIT_TEST(makesMissingDirectories);
    CPPUNIT_TEST(endsWhenTheDirectoryIsReplaced);
    CPPUNIT_TEST(endsWhenTheDirectoryIsRemoved);
    CPPUNIT_TEST(endsOnceMarkedGone);
    CPPUNIT_TEST(noticesAListReplacedInPlace);
    CPPUNIT_TEST(looksAgainAfterAFailure);
    CPPUNIT_TEST(compactsTheList);
    CPPUNIT_TEST(doesNotGoBackInModSeqs);
    CPPUNIT_TEST(givesRecentOnce);
    CPPUNIT_TEST(givesRecentToOneOfTwoProcesses);
    CPPUNIT_TEST(namesAKeywordThatComesAfterItsLetter);
    CPPUNIT_TEST_SUITE_END();

    TemporaryDirectory _directory;
    Maildir _maildir{_directory.path + "/box"};
    Process _process;

public:
    void tearDown() override { _process.end(); }

    void givesUidsInTheOrderOfDelivery() {
        _maildir.deliver("a\n", "1600000300.a");
        _maildir.deliver("b\n", "1600000100.b");
        _maildir.put("1600000200.c:2,S", "c\n");
        const auto snapshot = _process.open(_maildir.path)->refresh();
        CPPUNIT_ASSERT_EQUAL(std::string("1:1600000100.b 2:1600000200.c 3:1600000300.a "), joined(listing(*snapshot)));
        CPPUNIT_ASSERT(snapshot->uidNext() == Uid{4});
        CPPUNIT_ASSERT_EQUAL(std::size_t(2), snapshot->unseen());
    }

    void writesTheListAsDovecotDoes() {
        _maildir.deliver("a\n", "1600000300.a");
        const auto mailbox = _process.open(_maildir.path);
        const auto snapshot = mailbox->refresh();
        append(*mailbox, "x\r\n");
        const std::string list = _maildir.uidList();
        const std::string start = "3 V" + std::to_string(snapshot->uidValidity().value) + " N2 G";
        CPPUNIT_ASSERT_EQUAL(start, list.substr(0, start.size()));
        const std::size_t line = list.find('\n');
        CPPUNIT_ASSERT_EQUAL(std::size_t(32), list.find_first_of(" \n", start.size()) - start.size());
        const std::string rows = list.substr(line + 1);
        const std::string appended(mailbox->snapshot()->at(1).baseName());
        CPPUNIT_ASSERT_EQUAL("1 :1600000300.a\n2 :" + appended + "\n", rows);
        CPPUNIT_ASSERT(appended.ends_with(",S=2,W=3"));
    }

    void keepsUidsWhenOpenedAgain() {
        for (int i = 0; i < 5; ++i) _maildir.deliver();
        const auto first = _process.open(_maildir.path)->refresh();
        _maildir.deliver("z\n", "1500000000.early");
        const auto second = Process().open(_maildir.path)->refresh();
        CPPUNIT_ASSERT(first->uidValidity() == second->uidValidity());
        CPPUNIT_ASSERT_EQUAL(joined(listing(*first)) + "6:1500000000.early ", joined(listing(*second)));
    }

    void seesDeliveries() {
        const auto mailbox = _process.open(_maildir.path);
        CPPUNIT_ASSERT_EQUAL(std::size_t(0), mailbox->refresh()->size());
        const std::string base = _maildir.deliver();
        CPPUNIT_ASSERT_EQUAL("1:" + base + " ", joined(listing(*mailbox->refresh())));
        // Durable before it is told.
        CPPUNIT_ASSERT(_maildir.uidList().find("1 :" + base + "\n") != std::string::npos);
    }

    void seesFlags() {
        const std::string base = _maildir.deliver();
        const auto mailbox = _process.open(_maildir.path);
        const auto before = mailbox->refresh();
        _maildir.flag(base, "FS");
        const auto after = mailbox->refresh();
        CPPUNIT_ASSERT(flagsOf(*after, Uid{1}) == (FlagSet(Flag::Seen) | Flag::Flagged));
        CPPUNIT_ASSERT(after->at(0)->modSeq > before->at(0)->modSeq);
        CPPUNIT_ASSERT_EQUAL(std::size_t(1), difference(*before, *after).changed.size());
    }

    void seesRemovals() {
        const std::string first = _maildir.deliver(), second = _maildir.deliver();
        const auto mailbox = _process.open(_maildir.path);
        mailbox->refresh();
        _maildir.remove(first);
        CPPUNIT_ASSERT_EQUAL("2:" + second + " ", joined(listing(*mailbox->refresh())));
        // Out of the directory by rename.
        std::filesystem::rename(_maildir.path + "/" + _maildir.find(second), _directory.path + "/elsewhere");
        CPPUNIT_ASSERT(eventually(*mailbox, [](const Snapshot& now) { return now.size() == 0; }));
    }

    void seesDeliveriesByPolling() {
        const auto mailbox = Process(false).open(_maildir.path);
        mailbox->refresh();
        const std::string base = _maildir.deliver();
        CPPUNIT_ASSERT_EQUAL("1:" + base + " ", joined(listing(*mailbox->refresh())));
        _maildir.flag(base, "S");
        CPPUNIT_ASSERT(flagsOf(*mailbox->refresh(), Uid{1}).has(Flag::Seen));
    }

    void seesRemovalsByPolling() {
        const std::string first = _maildir.deliver(), second = _maildir.deliver();
        const auto mailbox = Process(false).open(_maildir.path);
        mailbox->refresh();
        _maildir.remove(first);
        _maildir.age();
        CPPUNIT_ASSERT_EQUAL("2:" + second + " ", joined(listing(*mailbox->refresh())));
    }

    void takesOverRowsOfAnother() {
        _maildir.put("b:2,", "b\n");
        _maildir.put("a:2,", "a\n");
        write(_maildir.path + "/dovecot-uidlist",
              "3 V1234567890 N20 G0123456789abcdef0123456789abcdef Zkept\n5 W33 S30 :b\n7 Puidl :gone\n9 :a\n");
        const auto mailbox = _process.open(_maildir.path);
        const auto snapshot = mailbox->refresh();
        CPPUNIT_ASSERT_EQUAL(std::string("5:b 9:a "), joined(listing(*snapshot)));
        CPPUNIT_ASSERT(snapshot->uidValidity() == UidValidity{1234567890});
        CPPUNIT_ASSERT(snapshot->uidNext() == Uid{20});
        CPPUNIT_ASSERT_EQUAL(std::uint64_t(33), snapshot->at(0)->recordedWireOctets);
        CPPUNIT_ASSERT_EQUAL(std::uint32_t(20), append(*mailbox, "x\r\n").uid.value);
        // Another appends while we are open; then replaces the list.
        std::ofstream(_maildir.path + "/dovecot-uidlist", std::ios::app) << "25 :c\n";
        _maildir.put("c:2,S", "c\n");
        CPPUNIT_ASSERT_EQUAL(std::size_t(1), std::size_t(mailbox->refresh()->find(Uid{25}).has_value()));
        std::string list = _maildir.uidList();
        write(_maildir.path + "/dovecot-uidlist.new", list + "30 :d\n");
        std::filesystem::rename(_maildir.path + "/dovecot-uidlist.new", _maildir.path + "/dovecot-uidlist");
        _maildir.put("d:2,S", "d\n");
        const std::string other = _maildir.deliver();
        CPPUNIT_ASSERT(mailbox->refresh()->find(Uid{30}).has_value());
        CPPUNIT_ASSERT(mailbox->snapshot()->find(Uid{31})->baseName() == other);
        CPPUNIT_ASSERT(_maildir.uidList().starts_with("3 V1234567890 N20 G0123456789abcdef0123456789abcdef Zkept\n"));
    }

    // Version 1, as Dovecot up to 1.0 had it: UIDs stay, and the list becomes one of version 3.
    void keepsUidsOfVersion1() {
        _maildir.put("b:2,S", "b\n");
        _maildir.put("a:2,", "a\n");
        write(_maildir.path + "/dovecot-uidlist", "1 1234567890 20\n5 b:2,S\n7 gone\n9 a\n");
        const auto mailbox = _process.open(_maildir.path);
        const auto snapshot = mailbox->refresh();
        CPPUNIT_ASSERT_EQUAL(std::string("5:b 9:a "), joined(listing(*snapshot)));
        CPPUNIT_ASSERT(snapshot->uidValidity() == UidValidity{1234567890});
        CPPUNIT_ASSERT(snapshot->uidNext() == Uid{20});
        CPPUNIT_ASSERT_EQUAL(std::uint32_t(20), append(*mailbox, "x\r\n").uid.value);
        CPPUNIT_ASSERT(_maildir.uidList().starts_with("3 V1234567890 N2"));
        CPPUNIT_ASSERT(_maildir.uidList().find("\n9 :a\n") != std::string::npos);
        const auto again = Process(false).open(_maildir.path)->refresh();
        CPPUNIT_ASSERT_EQUAL(std::size_t(3), again->size());
        CPPUNIT_ASSERT(again->find(Uid{9}) && again->uidValidity() == UidValidity{1234567890});
    }

    // As the keywords and the subscriptions are; what is no file is waited for by nobody.
    void readsAListThroughALink() {
        _maildir.put("a:2,", "a\n");
        write(_maildir.path + "/real", "3 V99 N50 G0123456789abcdef0123456789abcdef\n5 :a\n");
        std::filesystem::create_symlink("real", _maildir.path + "/dovecot-uidlist");
        const auto mailbox = _process.open(_maildir.path);
        CPPUNIT_ASSERT_EQUAL(std::string("5:a "), joined(listing(*mailbox->refresh())));
        CPPUNIT_ASSERT_EQUAL(std::uint32_t(50), append(*mailbox, "x\r\n").uid.value);
        CPPUNIT_ASSERT(Process(false).open(_maildir.path)->refresh()->uidValidity() == UidValidity{99});
        for (const bool isPipe : {true, false}) {
            Maildir other(_directory.path + (isPipe ? "/pipe-list" : "/device-list"));
            other.put("a:2,", "a\n");
            const std::string list = other.path + "/dovecot-uidlist";
            if (isPipe) CPPUNIT_ASSERT_EQUAL(0, mkfifo((other.path + "/pipe").c_str(), 0600));
            std::filesystem::create_symlink(isPipe ? "pipe" : "/dev/zero", list);
            try {
                (void)Process(false).open(other.path)->refresh();
                CPPUNIT_FAIL("what is no file was read as a list");
            } catch (const Error& error) {
                CPPUNIT_ASSERT(error.kind() == ErrorKind::Corrupt);
            }
        }
    }

    void namesAFileWithoutABaseName() {
        _maildir.put(":2,FS", "a\n");
        const auto snapshot = _process.open(_maildir.path)->refresh();
        CPPUNIT_ASSERT_EQUAL(std::size_t(1), snapshot->size());
        CPPUNIT_ASSERT(snapshot->at(0)->flags.has(Flag::Seen) && snapshot->at(0)->flags.has(Flag::Flagged));
        CPPUNIT_ASSERT(!snapshot->at(0).baseName().empty());
    }

    void rewritesADeletedList() {
        for (int i = 0; i < 3; ++i) _maildir.deliver();
        const auto mailbox = _process.open(_maildir.path);
        const auto before = mailbox->refresh();
        std::filesystem::remove(_maildir.path + "/dovecot-uidlist");
        _maildir.deliver();
        const auto after = mailbox->refresh();
        CPPUNIT_ASSERT_EQUAL(std::size_t(4), after->size());
        const auto again = Process().open(_maildir.path)->refresh();
        CPPUNIT_ASSERT(again->uidValidity() == before->uidValidity());
        CPPUNIT_ASSERT_EQUAL(joined(listing(*after)), joined(listing(*again)));
    }

    void mendsHalfARow() {
        const std::string base = _maildir.deliver();
        _process.open(_maildir.path)->refresh();
        std::ofstream(_maildir.path + "/dovecot-uidlist", std::ios::app) << "2 :160000";
        const auto mailbox = Process().open(_maildir.path);
        CPPUNIT_ASSERT_EQUAL("1:" + base + " ", joined(listing(*mailbox->refresh())));
        const std::string list = _maildir.uidList();
        CPPUNIT_ASSERT_EQUAL("1 :" + base + "\n", list.substr(list.find('\n') + 1));
        // The UID of the lost row is not given again: who wrote it may have told of it.
        CPPUNIT_ASSERT_EQUAL(std::uint32_t(3), append(*mailbox, "x\r\n").uid.value);
    }

    void survivesADamagedList() {
        for (const char* base : {"a", "b", "c", "d", "e", "f", "g"}) _maildir.put(std::string(base) + ":2,");
        const std::string header = "3 V99 N50 G0123456789abcdef0123456789abcdef\n";
        write(_maildir.path + "/dovecot-uidlist",
              header + "5 :a\n4 :b\nrubbish\n6 :c\n6 :d\n4294967295 :e\n99999999999 :f\n7 :\n8 :g/x\n9 \n");
        const auto mailbox = _process.open(_maildir.path);
        const auto snapshot = mailbox->refresh();
        CPPUNIT_ASSERT_EQUAL(std::string("5:a 6:c 50:b 51:d 52:e 53:f 54:g "), joined(listing(*snapshot)));
        CPPUNIT_ASSERT_EQUAL_MESSAGE(_process.told().all(), std::size_t(1),
                                     _process.told().count("8 of its lines are malformed"));
        const Process another;
        const auto again = another.open(_maildir.path)->refresh();
        CPPUNIT_ASSERT_EQUAL(joined(listing(*snapshot)), joined(listing(*again)));
        CPPUNIT_ASSERT_EQUAL(std::string(), another.told().all());
        for (const char* text : {"", "\n", "garbage", "3 V0 N1\n1 :a\n", "1 V5 N7\n1 :a\n", "3 V1234567890123 N1\n"}) {
            Maildir other(_directory.path + "/other" + std::to_string(std::hash<std::string>()(text)));
            other.put("a:2,");
            write(other.path + "/dovecot-uidlist", text);
            const auto fresh = _process.open(other.path)->refresh();
            CPPUNIT_ASSERT_EQUAL(std::string("1:a "), joined(listing(*fresh)));
            CPPUNIT_ASSERT(other.uidList().starts_with("3 V"));
            CPPUNIT_ASSERT_EQUAL_MESSAGE(
                _process.told().all(), std::size_t(1),
                _process.told().count("the UID list of " + other.path + " is damaged: its first line"));
        }
    }

    void endsWhenUidValidityChanges() {
        const std::string base = _maildir.deliver();
        const auto mailbox = _process.open(_maildir.path);
        mailbox->refresh();
        write(_maildir.path + "/dovecot-uidlist.new", "3 V77 N2 G0123456789abcdef0123456789abcdef\n1 :" + base + "\n");
        std::filesystem::rename(_maildir.path + "/dovecot-uidlist.new", _maildir.path + "/dovecot-uidlist");
        _maildir.deliver();
        CPPUNIT_ASSERT_THROW(mailbox->refresh(), Error);
        CPPUNIT_ASSERT(mailbox->isGone());
    }

    void givesAReappearingFileANewUid() {
        const std::string base = _maildir.deliver();
        const auto mailbox = _process.open(_maildir.path);
        mailbox->refresh();
        const std::string where = _maildir.path + "/" + _maildir.find(base), away = _directory.path + "/away";
        std::filesystem::rename(where, away);
        CPPUNIT_ASSERT(eventually(*mailbox, [](const Snapshot& now) { return now.size() == 0; }));
        std::filesystem::rename(away, where);
        CPPUNIT_ASSERT_EQUAL("2:" + base + " ", joined(listing(*mailbox->refresh())));
        CPPUNIT_ASSERT_EQUAL("2:" + base + " ", joined(listing(*Process().open(_maildir.path)->refresh())));
    }

    void takesTheLastOfTwoRows() {
        _maildir.put("a:2,");
        write(_maildir.path + "/dovecot-uidlist", "3 V99 N50 G0123456789abcdef0123456789abcdef\n5 :a\n9 :a\n");
        const auto mailbox = _process.open(_maildir.path);
        CPPUNIT_ASSERT_EQUAL(std::string("9:a "), joined(listing(*mailbox->refresh())));
        // Also when we know the message under another UID.
        std::ofstream(_maildir.path + "/dovecot-uidlist", std::ios::app) << "60 :a\n";
        _maildir.put("b:2,");
        CPPUNIT_ASSERT_EQUAL(std::string("60:a 61:b "), joined(listing(*mailbox->refresh())));
    }

    void keepsBothOfTwoFilesOfOneBaseName() {
        _maildir.put("a:2,", "one\n");
        const auto mailbox = _process.open(_maildir.path);
        mailbox->refresh();
        _maildir.put("a:2,S", "two\n");
        const auto snapshot = mailbox->refresh();
        CPPUNIT_ASSERT_EQUAL(std::size_t(2), snapshot->size());
        CPPUNIT_ASSERT_EQUAL(std::string("one\n"), readAll(mailbox->open(Uid{1})));
        CPPUNIT_ASSERT_EQUAL(std::string("two\n"), readAll(mailbox->open(Uid{2})));
        CPPUNIT_ASSERT(flagsOf(*snapshot, Uid{2}).has(Flag::Seen));
        CPPUNIT_ASSERT(!flagsOf(*snapshot, Uid{1}).has(Flag::Seen));
    }

    void keepsBothOfTwoUnknownFilesOfOneBaseName() {
        _maildir.put("a:2,", "one\n");
        _maildir.put("a:2,S", "two\n");
        _maildir.deliver("three\n", "a");
        const auto mailbox = _process.open(_maildir.path);
        std::set<std::string> contents;
        for (const Uid uid : uidsOf(*mailbox->refresh())) contents.insert(readAll(mailbox->open(uid)));
        CPPUNIT_ASSERT_EQUAL(std::size_t(3), contents.size());
        CPPUNIT_ASSERT_EQUAL(std::size_t(3), mailbox->snapshot()->size());
        // And those that a list names.
        Maildir other(_directory.path + "/other");
        other.put("a:2,", "one\n");
        other.put("a:2,S", "two\n");
        write(other.path + "/dovecot-uidlist", "3 V99 N50 G0123456789abcdef0123456789abcdef\n5 :a\n");
        CPPUNIT_ASSERT_EQUAL(std::size_t(2), _process.open(other.path)->refresh()->size());
    }

    void takesTwoLinksForOneMessage() {
        const std::string base = _maildir.deliver();
        std::filesystem::create_hard_link(_maildir.path + "/new/" + base, _maildir.path + "/cur/" + base + ":2,S");
        const auto mailbox = _process.open(_maildir.path);
        CPPUNIT_ASSERT_EQUAL(std::size_t(1), mailbox->refresh()->size());
        CPPUNIT_ASSERT(flagsOf(*mailbox->snapshot(), Uid{1}).has(Flag::Seen));
        const std::vector<Uid> uids{Uid{1}};
        mailbox->changeFlags(uids, {FlagChange::Add, Flag::Flagged, {}});
        mailbox->changeFlags(uids, {FlagChange::Remove, Flag::Flagged, {}});
        CPPUNIT_ASSERT_EQUAL(std::size_t(1), mailbox->refresh()->size());
    }

    void renamesWhatNoRowCanHold() {
        _maildir.put("line\nbreak:2,F", "odd\n");
        _maildir.put(std::string(250, 'x') + ":2,", "long\n");
        const auto mailbox = _process.open(_maildir.path);
        const auto snapshot = mailbox->refresh();
        CPPUNIT_ASSERT_EQUAL(std::size_t(2), snapshot->size());
        const std::vector<Uid> uids = uidsOf(*snapshot);
        mailbox->changeFlags(uids, {FlagChange::Replace, FlagSet(Flag::Seen) | Flag::Flagged | Flag::Draft, {"word"}});
        const auto again = Process().open(_maildir.path)->refresh();
        CPPUNIT_ASSERT_EQUAL(joined(listing(*snapshot)), joined(listing(*again)));
        // Seen by events too.
        _maildir.put("another\nbreak:2,F", "odd\n");
        CPPUNIT_ASSERT_EQUAL(std::size_t(3), mailbox->refresh()->size());
    }

    void passesOverWhatIsNoFile() {
        mkdir((_maildir.path + "/cur/directory").c_str(), 0700);
        mkfifo((_maildir.path + "/cur/fifo").c_str(), 0600);
        CPPUNIT_ASSERT_EQUAL(0, symlink("/etc/passwd", (_maildir.path + "/cur/link:2,").c_str()));
        write(_maildir.path + "/cur/.hidden", "x");
        _maildir.put("real:2,");
        const auto mailbox = _process.open(_maildir.path);
        CPPUNIT_ASSERT_EQUAL(std::string("1:real "), joined(listing(*mailbox->refresh())));
        CPPUNIT_ASSERT_EQUAL(0, symlink("/etc/passwd", (_maildir.path + "/cur/later:2,").c_str()));
        CPPUNIT_ASSERT_EQUAL(std::size_t(1), mailbox->refresh()->size());
    }

    void makesMissingDirectories() {
        _maildir.put("a:2,");
        std::filesystem::remove(_maildir.path + "/new");
        std::filesystem::remove(_maildir.path + "/tmp");
        const auto mailbox = _process.open(_maildir.path);
        CPPUNIT_ASSERT_EQUAL(std::size_t(1), mailbox->refresh()->size());
        append(*mailbox, "x\r\n");
        CPPUNIT_ASSERT_EQUAL(std::size_t(2), mailbox->refresh()->size());
    }

    void endsWhenTheDirectoryIsReplaced() {
        const std::string base = _maildir.deliver();
        const auto store = std::make_unique<MailStore>(_process.options(), 100000);
        const auto mailbox = store->open(_maildir.path);
        mailbox->refresh();
        std::filesystem::rename(_maildir.path, _directory.path + "/renamed");
        Maildir second(_maildir.path);
        CPPUNIT_ASSERT_THROW(mailbox->refresh(), Error);
        const auto fresh = store->open(_maildir.path);
        CPPUNIT_ASSERT(fresh != mailbox);
        CPPUNIT_ASSERT_EQUAL(std::size_t(0), fresh->refresh()->size());
        second.deliver();
        CPPUNIT_ASSERT_EQUAL(std::size_t(1), fresh->refresh()->size());
    }

    void endsWhenTheDirectoryIsRemoved() {
        _maildir.deliver();
        const auto mailbox = _process.open(_maildir.path);
        mailbox->refresh();
        std::filesystem::remove_all(_maildir.path);
        const auto fails = [&] {
            try {
                mailbox->refresh();
            } catch (const Error& error) {
                return error.kind();
            }
            CPPUNIT_FAIL("still there");
            return ErrorKind::Io;
        };
        CPPUNIT_ASSERT(fails() == ErrorKind::Unavailable);
        for (int look = 0; look < 200 && fails() != ErrorKind::NotFound; ++look) usleep(50'000);
        CPPUNIT_ASSERT(fails() == ErrorKind::NotFound);
        const std::vector<Uid> uids{Uid{1}};
        CPPUNIT_ASSERT_THROW(mailbox->changeFlags(uids, {FlagChange::Add, Flag::Seen, {}}), Error);
        CPPUNIT_ASSERT_THROW(mailbox->beginDelivery(), Error);
    }

    void endsOnceMarkedGone() {
        _maildir.deliver();
        const auto mailbox = _process.open(_maildir.path);
        mailbox->refresh();
        int news = 0;
        const Viewer viewer(mailbox, [&news] { ++news; });
        mailbox->markGone();
        CPPUNIT_ASSERT(news > 0);
        // What it was is no news of removed messages.
        CPPUNIT_ASSERT_EQUAL(std::size_t(1), mailbox->snapshot()->size());
        CPPUNIT_ASSERT_THROW(mailbox->refresh(), Error);
        CPPUNIT_ASSERT_THROW(append(*mailbox, "x"), Error);
    }

    void noticesAListReplacedInPlace() {
        const std::string header = "3 V99 N50 G0123456789abcdef0123456789abcdef\n";
        _maildir.put("a:2,");
        write(_maildir.path + "/dovecot-uidlist", header + "5 :a\n");
        const auto mailbox = _process.open(_maildir.path);
        mailbox->refresh();
        // The same inode, header, and more octets, as a file system that uses numbers again makes it look.
        _maildir.put("b:2,");
        _maildir.put("c:2,");
        write(_maildir.path + "/dovecot-uidlist", header + "51 :b\n55 :c\n");
        CPPUNIT_ASSERT_EQUAL(std::string("5:a 51:b 55:c "), joined(listing(*mailbox->refresh())));
    }

    void looksAgainAfterAFailure() {
        for (const bool useInotify : {true, false}) {
            Maildir other(_directory.path + (useInotify ? "/watched" : "/polled"));
            const Process process(useInotify);
            Mailbox::Options options = process.options();
            options.lockTimeoutMs = 30;
            const auto mailbox = std::make_shared<Mailbox>(other.path, options);
            mailbox->refresh();
            std::string host(256, '\0');
            gethostname(host.data(), host.size() - 1);
            write(other.path + "/dovecot-uidlist.lock", "1:" + std::string(host.c_str()));
            const std::string base = other.deliver();
            other.age();
            try {
                mailbox->refresh();
                CPPUNIT_FAIL("no UID can be given");
            } catch (const Error& error) {
                CPPUNIT_ASSERT(error.kind() == ErrorKind::Busy);
            }
            std::filesystem::remove(other.path + "/dovecot-uidlist.lock");
            CPPUNIT_ASSERT_EQUAL("1:" + base + " ", joined(listing(*mailbox->refresh())));
        }
    }

    void compactsTheList() {
        const auto mailbox = _process.open(_maildir.path);
        mailbox->refresh();
        std::string rows;
        for (int i = 1; i <= 2000; ++i) rows += std::to_string(i) + " :gone" + std::to_string(i) + "\n";
        std::ofstream(_maildir.path + "/dovecot-uidlist", std::ios::app) << rows;
        CPPUNIT_ASSERT_EQUAL(std::uint32_t(2001), append(*mailbox, "x\r\n").uid.value);
        const std::string list = _maildir.uidList();
        CPPUNIT_ASSERT(std::count(list.begin(), list.end(), '\n') < 10);
        CPPUNIT_ASSERT(Process().open(_maildir.path)->refresh()->uidNext() == Uid{2002});
    }

    void doesNotGoBackInModSeqs() {
        const std::string base = _maildir.deliver();
        const auto mailbox = _process.open(_maildir.path);
        mailbox->refresh();
        const std::vector<Uid> uids{Uid{1}};
        for (int i = 0; i < 10; ++i) {
            mailbox->changeFlags(uids, {i % 2 == 0 ? FlagChange::Add : FlagChange::Remove, Flag::Seen, {}});
        }
        const ModSeq highest = mailbox->snapshot()->highestModSeq();
        CPPUNIT_ASSERT(Process().open(_maildir.path)->refresh()->highestModSeq() > highest);
        // The mark in the list holds though the time of day is set back.
        std::string list = _maildir.uidList();
        const std::string mark = " M9000000000000000";
        list.insert(list.find('\n'), mark);
        write(_maildir.path + "/dovecot-uidlist", list);
        const auto later = Process().open(_maildir.path);
        CPPUNIT_ASSERT(later->refresh()->highestModSeq() > ModSeq{9000000000000000});
    }

    void givesRecentOnce() {
        for (int i = 0; i < 4; ++i) _maildir.deliver();
        const auto mailbox = _process.open(_maildir.path);
        const Viewer one(mailbox, {}), other(mailbox, {});
        mailbox->refresh();
        const std::vector<Uid> first = mailbox->claimRecent(), second = mailbox->claimRecent();
        CPPUNIT_ASSERT_EQUAL(std::size_t(4), first.size());
        CPPUNIT_ASSERT(second.empty());
        CPPUNIT_ASSERT_EQUAL(std::size_t(0), _maildir.count("new"));
        CPPUNIT_ASSERT_EQUAL(std::size_t(4), _maildir.count("cur"));
        append(*mailbox, "x\r\n", Flag::Seen);
        CPPUNIT_ASSERT_EQUAL(std::size_t(1), mailbox->claimRecent().size());
        CPPUNIT_ASSERT_EQUAL(std::size_t(5), mailbox->refresh()->size());
    }

    void givesRecentToOneOfTwoProcesses() {
        for (const bool useInotify : {true, false}) {
            Maildir shared(_directory.path + (useInotify ? "/watched" : "/polled"));
            const Process first(useInotify), second(useInotify);
            const auto here = first.open(shared.path), there = second.open(shared.path);
            for (int i = 0; i < 4; ++i) shared.deliver();
            CPPUNIT_ASSERT_EQUAL(std::size_t(4), here->refresh()->recentUnclaimed());
            CPPUNIT_ASSERT_EQUAL(std::size_t(4), there->refresh()->recentUnclaimed());
            CPPUNIT_ASSERT_EQUAL(std::size_t(4), here->claimRecent().size());
            there->refresh();
            CPPUNIT_ASSERT(there->claimRecent().empty());
            // Nor if nobody told it yet that the files are elsewhere.
            shared.deliver();
            there->refresh();
            here->refresh();
            CPPUNIT_ASSERT_EQUAL(std::size_t(1), here->claimRecent().size());
            CPPUNIT_ASSERT(there->claimRecent().empty());
            // What is flagged here before it is claimed is in cur/, and this process's to give.
            shared.deliver();
            there->refresh();
            here->refresh();
            here->changeFlags(std::vector<Uid>{Uid{6}}, {FlagChange::Add, Flag::Seen, {}});
            there->refresh();
            CPPUNIT_ASSERT(there->claimRecent().empty());
            CPPUNIT_ASSERT_EQUAL(std::size_t(1), here->claimRecent().size());
        }
    }

    // As Dovecot does it: the files carry the letter before its line is in dovecot-keywords.
    void namesAKeywordThatComesAfterItsLetter() {
        for (const bool useInotify : {true, false}) {
            Maildir other(_directory.path + (useInotify ? "/watched" : "/polled"));
            const std::string base = other.put("a:2,");
            const auto mailbox = Process(useInotify).open(other.path);
            mailbox->refresh();
            other.put("b:2,S");
            other.flag(base, "a");
            const auto before = mailbox->refresh();
            CPPUNIT_ASSERT(keywordsOfMessage(*before, Uid{1}) == std::set<std::string>{""});
            write(other.path + "/dovecot-keywords", "0 Work\n");
            const auto after = mailbox->refresh();
            CPPUNIT_ASSERT(keywordsOfMessage(*after, Uid{1}) == std::set<std::string>{"Work"});
            CPPUNIT_ASSERT(difference(*before, *after).changed == std::vector<Uid>{Uid{1}});
            CPPUNIT_ASSERT((*after->find(Uid{1}))->modSeq > (*before->find(Uid{1}))->modSeq);
            CPPUNIT_ASSERT((*after->find(Uid{2}))->modSeq == (*before->find(Uid{2}))->modSeq);
            CPPUNIT_ASSERT(mailbox->refresh() == after);
        }
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(LoadTest);

}  // namespace

}  // namespace maildir::test
