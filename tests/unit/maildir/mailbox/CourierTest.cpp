// A mailbox that Courier left, opened for the first time.
#include "MaildirFixture.h"
#include "maildir/DotLock.h"
#include "maildir/Patience.h"

namespace maildir::test {

namespace {

class CourierTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(CourierTest);
    CPPUNIT_TEST(takesUidsAndKeywordsOver);
    CPPUNIT_TEST(keepsKeywordsThatHaveNoLetter);
    CPPUNIT_TEST(tellsOfAListThatIsNotUnderstood);
    CPPUNIT_TEST(tellsOfLinesThatAreNotUnderstood);
    CPPUNIT_TEST(tellsItOnceWhileItHasToWait);
    CPPUNIT_TEST_SUITE_END();

    TemporaryDirectory _directory;
    Maildir _maildir{_directory.path + "/box"};
    Process _process;

    void writeKeywords(const std::string& list) {
        mkdir((_maildir.path + "/courierimapkeywords").c_str(), 0700);
        write(_maildir.path + "/courierimapkeywords/:list", list);
    }

public:
    void tearDown() override { _process.end(); }

    void takesUidsAndKeywordsOver() {
        const std::string first = _maildir.put("1000.M1.host:2,S"), second = _maildir.deliver();
        write(_maildir.path + "/courierimapuiddb", "1 77 20\n5 " + first + "\n9 " + second + "\n");
        writeKeywords("Work\nLater\n\n" + first + ":1\n" + second + ":0 1\n");
        const auto snapshot = _process.open(_maildir.path)->refresh();
        CPPUNIT_ASSERT((listing(*snapshot) == std::vector<std::string>{"5:" + first, "9:" + second}));
        CPPUNIT_ASSERT(snapshot->uidValidity() == UidValidity{77} && snapshot->uidNext() == Uid{20});
        CPPUNIT_ASSERT((keywordsOfMessage(*snapshot, Uid{5}) == std::set<std::string>{"Later"}));
        CPPUNIT_ASSERT((keywordsOfMessage(*snapshot, Uid{9}) == std::set<std::string>{"Later", "Work"}));
    }

    void tellsOfAListThatIsNotUnderstood() {
        for (const char* const text : {"", "2 77 20\n5 1000.M1.host\n", "5 1000.M1.host\n"}) {
            Maildir maildir(_directory.path + "/other" + std::to_string(std::hash<std::string>()(text)));
            maildir.put("1000.M1.host:2,S");
            write(maildir.path + "/courierimapuiddb", text);
            const Process process;
            const auto mailbox = process.open(maildir.path);
            CPPUNIT_ASSERT_EQUAL(std::string("1:1000.M1.host "), joined(listing(*mailbox->refresh())));
            maildir.deliver();
            mailbox->refresh();
            process.open(maildir.path)->refresh();
            CPPUNIT_ASSERT_EQUAL_MESSAGE(process.told().all(), std::size_t(1), process.told().count(""));
            CPPUNIT_ASSERT_EQUAL_MESSAGE(process.told().all(), std::size_t(1),
                                         process.told().count(maildir.path + "/courierimapuiddb, is damaged"));
            CPPUNIT_ASSERT_EQUAL(std::size_t(1), process.told().count("clients download them again. If a backup"));
        }
    }

    void tellsOfLinesThatAreNotUnderstood() {
        const std::string first = _maildir.put("1000.M1.host:2,S"), second = _maildir.put("1001.M1.host:2,");
        write(_maildir.path + "/courierimapuiddb", "1 77 20\n5 " + first + "\nx " + second + "\n");
        const auto snapshot = _process.open(_maildir.path)->refresh();
        CPPUNIT_ASSERT((listing(*snapshot) == std::vector<std::string>{"5:" + first, "20:" + second}));
        CPPUNIT_ASSERT_EQUAL_MESSAGE(_process.told().all(), std::size_t(1), _process.told().count("1 of its lines"));
        CPPUNIT_ASSERT_EQUAL(std::size_t(1), _process.told().count(""));
    }

    void tellsItOnceWhileItHasToWait() {
        _maildir.put("1000.M1.host:2,S");
        write(_maildir.path + "/courierimapuiddb", "rubbish\n");
        const auto mailbox = _process.open(_maildir.path);
        {
            // The UID list's own lock is free, so that the take-over is tried each time.
            const DotLock another(_maildir.path + "/dovecot-uidvalidity.lock", 1000);
            const Patience::Scope patience(Patience::Kind::Returns);
            for (int i = 0; i < 3; ++i) CPPUNIT_ASSERT_THROW(mailbox->refresh(), Error);
        }
        CPPUNIT_ASSERT_EQUAL(std::size_t(1), mailbox->refresh()->size());
        CPPUNIT_ASSERT_EQUAL_MESSAGE(_process.told().all(), std::size_t(1), _process.told().count(""));
    }

    void keepsKeywordsThatHaveNoLetter() {
        std::string names, indexes;
        std::set<std::string> all;
        for (int i = 0; i < 40; ++i) {
            const std::string name = "Word" + std::to_string(i);
            all.insert(name);
            names += name + "\n";
            indexes += (i == 0 ? "" : " ") + std::to_string(i);
        }
        const std::string every = _maildir.put("1000.M1.host:2,S"), one = _maildir.put("1001.M1.host:2,");
        write(_maildir.path + "/courierimapuiddb", "1 77 20\n5 " + every + "\n9 " + one + "\n");
        writeKeywords(names + "\n" + every + ":" + indexes + "\n" + one + ":39\n");
        for (const Process& process : {Process(), Process()}) {  // at the take-over, and from what it wrote
            const auto snapshot = process.open(_maildir.path)->refresh();
            CPPUNIT_ASSERT(uidsOf(*snapshot) == (std::vector<Uid>{Uid{5}, Uid{9}}));
            CPPUNIT_ASSERT(keywordsOfMessage(*snapshot, Uid{5}) == all);
            CPPUNIT_ASSERT((keywordsOfMessage(*snapshot, Uid{9}) == std::set<std::string>{"Word39"}));
        }
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(CourierTest);

}  // namespace

}  // namespace maildir::test
