// A mailbox that Courier left, opened for the first time.
#include "MaildirFixture.h"

namespace maildir::test {

namespace {

class CourierTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(CourierTest);
    CPPUNIT_TEST(takesUidsAndKeywordsOver);
    CPPUNIT_TEST(keepsKeywordsThatHaveNoLetter);
    CPPUNIT_TEST_SUITE_END();

    TemporaryDirectory _directory;
    Maildir _maildir{_directory.path + "/box"};
    Process _process;

    void writeKeywords(const std::string& list) {
        mkdir((_maildir.path + "/courierimapkeywords").c_str(), 0700);
        write(_maildir.path + "/courierimapkeywords/:list", list);
    }

public:
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
