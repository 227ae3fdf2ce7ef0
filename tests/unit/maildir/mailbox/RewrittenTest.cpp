// Files whose content another program changes ([MS-STANXIMAP] 2.1.2, 2.1.3, V0004).
#include "MaildirFixture.h"

namespace maildir::test {

namespace {

class RewrittenTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(RewrittenTest);
    CPPUNIT_TEST(givesOtherContentANewUid);
    CPPUNIT_TEST(givesOtherContentANewUidByPolling);
    CPPUNIT_TEST(noticesAReplacedFile);
    CPPUNIT_TEST(noticesItByEvents);
    CPPUNIT_TEST(noticesItAfterAGap);
    CPPUNIT_TEST(keepsTheUidOfATouchedFile);
    CPPUNIT_TEST(keepsTheUidOfARecopiedFile);
    CPPUNIT_TEST(forgetsFactsOfContentNeverRead);
    CPPUNIT_TEST(takesAMessageWrittenInPlaceInCur);
    CPPUNIT_TEST_SUITE_END();

    TemporaryDirectory _directory;
    Maildir _maildir{_directory.path + "/box"};
    Process _process;

    void writeOver(const std::string& base, const std::string& content) {
        write(_maildir.path + "/" + _maildir.find(base), content);
    }

    void checkNewUid(Mailbox& mailbox, const std::string& base, const std::string& content) {
        CPPUNIT_ASSERT_THROW(mailbox.open(Uid{1}), Error);
        const auto snapshot = mailbox.refresh();
        CPPUNIT_ASSERT_EQUAL(std::size_t(1), snapshot->size());
        const RecordRef record = snapshot->at(0);
        CPPUNIT_ASSERT(record->uid == Uid{2});
        CPPUNIT_ASSERT(record->flags == (FlagSet(Flag::Seen) | Flag::Flagged));
        CPPUNIT_ASSERT(record.baseName() != base);
        CPPUNIT_ASSERT_EQUAL(unknownOctets, record->recordedWireOctets);
        CPPUNIT_ASSERT_EQUAL(content, readAll(mailbox.open(Uid{2})));
        CPPUNIT_ASSERT(mailbox.derived(Uid{2}, "key") == nullptr);
        CPPUNIT_ASSERT_EQUAL(std::uint64_t(content.size() + 3), mailbox.exactOctets(Uid{2}));
        CPPUNIT_ASSERT_EQUAL(joined(listing(*snapshot)), joined(listing(*Process().open(_maildir.path)->refresh())));
    }

    // A message of which all is known.
    std::string known(Mailbox& mailbox) {
        const std::string base = _maildir.put("1600000000.a,S=16,W=19:2,FS", "Subject: a\n\none\n");
        mailbox.refresh();
        CPPUNIT_ASSERT_EQUAL(std::uint64_t(19), mailbox.structure(Uid{1})->wireOctets);
        mailbox.storeDerived(Uid{1}, "key", "value");
        CPPUNIT_ASSERT_EQUAL(std::string("value"), *mailbox.derived(Uid{1}, "key"));
        return base;
    }

public:
    void tearDown() override { _process.end(); }

    void givesOtherContentANewUid() {
        const auto mailbox = _process.open(_maildir.path);
        const std::string base = known(*mailbox);
        writeOver(base, "Subject: b\n\ntwo, longer\n");
        checkNewUid(*mailbox, base, "Subject: b\n\ntwo, longer\n");
    }

    void givesOtherContentANewUidByPolling() {
        const auto mailbox = Process(false).open(_maildir.path);
        const std::string base = known(*mailbox);
        writeOver(base, "Subject: b\n\ntwo\n");
        checkNewUid(*mailbox, base, "Subject: b\n\ntwo\n");
    }

    void noticesAReplacedFile() {
        const auto mailbox = _process.open(_maildir.path);
        const std::string base = known(*mailbox), place = _maildir.path + "/" + _maildir.find(base);
        write(_maildir.path + "/tmp/other", "Subject: b\n\ntwo\n");
        const timespec times[2] = {{0, UTIME_OMIT}, {1600000000, 0}};
        utimensat(AT_FDCWD, (_maildir.path + "/tmp/other").c_str(), times, 0);
        utimensat(AT_FDCWD, place.c_str(), times, 0);
        mailbox->open(Uid{1});  // so that only the inode differs
        std::filesystem::rename(_maildir.path + "/tmp/other", place);
        checkNewUid(*mailbox, base, "Subject: b\n\ntwo\n");
    }

    void noticesItByEvents() {
        const auto mailbox = _process.open(_maildir.path);
        const std::string base = known(*mailbox);
        writeOver(base, "Subject: b\n\ntwo\n");
        // Cached facts are not served any more, though no file is opened.
        CPPUNIT_ASSERT((uidsOf(*mailbox->refresh()) == std::vector<Uid>{Uid{2}}));
        checkNewUid(*mailbox, base, "Subject: b\n\ntwo\n");
    }

    void noticesItAfterAGap() {
        std::string base;
        {
            const auto mailbox = _process.open(_maildir.path);
            base = known(*mailbox);
        }
        writeOver(base, "Subject: b\n\ntwo\n");
        const auto mailbox = _process.open(_maildir.path);
        mailbox->refresh();
        CPPUNIT_ASSERT_THROW(mailbox->derived(Uid{1}, "key"), Error);
        checkNewUid(*mailbox, base, "Subject: b\n\ntwo\n");
    }

    void keepsTheUidOfATouchedFile() {
        const auto mailbox = _process.open(_maildir.path);
        const std::string base = known(*mailbox);
        const std::int64_t date = mailbox->internalDate(Uid{1});
        const timespec times[2] = {{0, UTIME_OMIT}, {1200000000, 0}};
        utimensat(AT_FDCWD, (_maildir.path + "/" + _maildir.find(base)).c_str(), times, 0);
        CPPUNIT_ASSERT_EQUAL(std::string("Subject: a\n\none\n"), readAll(mailbox->open(Uid{1})));
        CPPUNIT_ASSERT_EQUAL(date, mailbox->internalDate(Uid{1}));
        CPPUNIT_ASSERT_EQUAL("1:" + base + " ", joined(listing(*mailbox->refresh())));
        CPPUNIT_ASSERT_EQUAL(std::string("value"), *mailbox->derived(Uid{1}, "key"));
    }

    void keepsTheUidOfARecopiedFile() {
        const auto mailbox = _process.open(_maildir.path);
        const std::string base = known(*mailbox), place = _maildir.path + "/" + _maildir.find(base);
        const std::int64_t date = mailbox->internalDate(Uid{1});
        std::filesystem::copy_file(place, _maildir.path + "/tmp/copy");
        std::filesystem::rename(_maildir.path + "/tmp/copy", place);
        writeOver(base, "Subject: a\n\none\n");
        CPPUNIT_ASSERT_EQUAL("1:" + base + " ", joined(listing(*mailbox->refresh())));
        CPPUNIT_ASSERT_EQUAL(date, mailbox->internalDate(Uid{1}));
        CPPUNIT_ASSERT_EQUAL(std::string("value"), *mailbox->derived(Uid{1}, "key"));
    }

    void forgetsFactsOfContentNeverRead() {
        const std::string base = _maildir.put("a:2,", "one\n");
        const auto mailbox = _process.open(_maildir.path);
        mailbox->refresh();
        CPPUNIT_ASSERT_EQUAL(std::uint64_t(4), mailbox->storedOctets(Uid{1}));
        mailbox->storeDerived(Uid{1}, "key", "value");
        writeOver(base, "longer\n");
        mailbox->refresh();
        CPPUNIT_ASSERT(mailbox->derived(Uid{1}, "key") == nullptr);
        CPPUNIT_ASSERT_EQUAL(std::uint64_t(7), mailbox->storedOctets(Uid{1}));
    }

    void takesAMessageWrittenInPlaceInCur() {
        const auto mailbox = _process.open(_maildir.path);
        mailbox->refresh();
        std::ofstream file(_maildir.path + "/cur/a:2,S");
        file << "Subject: half" << std::flush;
        CPPUNIT_ASSERT((uidsOf(*mailbox->refresh()) == std::vector<Uid>{Uid{1}}));
        CPPUNIT_ASSERT_EQUAL(std::uint64_t(13), mailbox->structure(Uid{1})->wireOctets);
        file << " and more\n\nbody\n";
        file.close();
        // What was shown under the first UID was other content.
        CPPUNIT_ASSERT((uidsOf(*mailbox->refresh()) == std::vector<Uid>{Uid{2}}));
        CPPUNIT_ASSERT_EQUAL(std::uint64_t(32), mailbox->exactOctets(Uid{2}));
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(RewrittenTest);

}  // namespace

}  // namespace maildir::test
