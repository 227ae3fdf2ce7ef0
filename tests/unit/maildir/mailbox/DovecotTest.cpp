// A mailbox as Dovecot 2.3.19.1 left it (dovecot-2.3.19/: its UID list and keywords, and the names of its files).
#include "MaildirFixture.h"

namespace maildir::test {

namespace {

class DovecotTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(DovecotTest);
    CPPUNIT_TEST(takesItOver);
    CPPUNIT_TEST(changesNothingByLooking);
    CPPUNIT_TEST(addsOnlyARow);
    CPPUNIT_TEST(keepsWhatItDoesNotKnowWhenItRewrites);
    CPPUNIT_TEST_SUITE_END();

    const std::string _sample = std::string(TESTS_FOLDER) + "/unit/maildir/mailbox/dovecot-2.3.19";
    TemporaryDirectory _directory;
    Maildir _maildir{_directory.path + "/box"};
    Process _process;

    void restore() {
        std::ifstream names(_sample + "/files");
        CPPUNIT_ASSERT(names.is_open());
        for (std::string name; std::getline(names, name);) write(_maildir.path + "/" + name, "Subject: x\n\nbody\n");
        for (const char* file : {"/dovecot-uidlist", "/dovecot-keywords"}) {
            std::filesystem::copy_file(_sample + file, _maildir.path + file);
        }
    }

public:
    void tearDown() override { _process.end(); }

    void setUp() override { restore(); }

    void takesItOver() {
        const auto snapshot = _process.open(_maildir.path)->refresh();
        const std::vector<Uid> uids{Uid{1}, Uid{3}, Uid{4}, Uid{5}, Uid{6}, Uid{7}};
        CPPUNIT_ASSERT(uidsOf(*snapshot) == uids);
        CPPUNIT_ASSERT(snapshot->uidValidity() == UidValidity{1795399351});
        CPPUNIT_ASSERT(snapshot->uidNext() == Uid{8});
        CPPUNIT_ASSERT(flagsOf(*snapshot, Uid{1}) == FlagSet(Flag::Seen));
        CPPUNIT_ASSERT((keywordsOfMessage(*snapshot, Uid{1}) == std::set<std::string>{"Work", "$Junk"}));
        CPPUNIT_ASSERT(flagsOf(*snapshot, Uid{5}) == FlagSet(Flag::Flagged));
        CPPUNIT_ASSERT((keywordsOfMessage(*snapshot, Uid{5}) == std::set<std::string>{"Later"}));
        CPPUNIT_ASSERT(flagsOf(*snapshot, Uid{6}) == (FlagSet(Flag::Answered) | Flag::Deleted));
        CPPUNIT_ASSERT_EQUAL(std::uint64_t(23), (*snapshot->find(Uid{1}))->recordedWireOctets);
        CPPUNIT_ASSERT_EQUAL(std::uint64_t(25), (*snapshot->find(Uid{3}))->recordedWireOctets);
        CPPUNIT_ASSERT_EQUAL(std::uint64_t(22), (*snapshot->find(Uid{3}))->recordedStoredOctets);
    }

    void changesNothingByLooking() {
        const auto mailbox = _process.open(_maildir.path);
        mailbox->refresh();
        mailbox->claimRecent();
        mailbox->changeFlags(std::vector<Uid>{Uid{4}}, {FlagChange::Add, Flag::Seen, {"work"}});
        CPPUNIT_ASSERT_EQUAL(contentOf(_sample + "/dovecot-uidlist"), _maildir.uidList());
        CPPUNIT_ASSERT_EQUAL(contentOf(_sample + "/dovecot-keywords"), contentOf(_maildir.path + "/dovecot-keywords"));
        CPPUNIT_ASSERT_EQUAL(std::size_t(0), _maildir.count("new"));
        CPPUNIT_ASSERT(_maildir.find("1795399376.M103806P20455.vm,S=20,W=23").ends_with(":2,Sa"));
    }

    void addsOnlyARow() {
        const auto mailbox = _process.open(_maildir.path);
        CPPUNIT_ASSERT_EQUAL(std::uint32_t(8), append(*mailbox, "x\r\n").uid.value);
        const auto snapshot = mailbox->snapshot();
        CPPUNIT_ASSERT_EQUAL(
            contentOf(_sample + "/dovecot-uidlist") + "8 :" + std::string(snapshot->find(Uid{8})->baseName()) + "\n",
            _maildir.uidList());
    }

    void keepsWhatItDoesNotKnowWhenItRewrites() {
        const auto mailbox = _process.open(_maildir.path);
        std::vector<std::string> names;
        for (int i = 0; i < 24; ++i) names.push_back("Key" + std::to_string(i));
        mailbox->changeFlags(std::vector<Uid>{Uid{3}}, {FlagChange::Add, {}, names});
        const std::string list = _maildir.uidList();
        CPPUNIT_ASSERT(list.starts_with("3 V1795399351 N8 G2b23a32eb79e036b184e000083ecc375 M"));
        CPPUNIT_ASSERT(list.find("\n3 W25 S22 K26 :1600000000.M5P6.elsewhere\n") != std::string::npos);
        CPPUNIT_ASSERT(list.find("\n7 W27 :1600000001.M5P6.elsewhere\n") != std::string::npos);
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(DovecotTest);

}  // namespace

}  // namespace maildir::test
