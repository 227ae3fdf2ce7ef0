// What Courier left keeps its UIDs and keywords, and a damaged or hostile file of it does no harm.
#include "maildir/names/CourierTakeover.h"

#include <cppunit/extensions/HelperMacros.h>

#include "maildir/FileOps.h"
#include "tests/unit/maildir/names/TemporaryTree.h"

using std::string_literals::operator""s;

namespace maildir {

class CourierTakeoverTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(CourierTakeoverTest);
    CPPUNIT_TEST(takesTheUidListOver);
    CPPUNIT_TEST(doesItOnce);
    CPPUNIT_TEST(leavesAMailboxAloneThatHasAList);
    CPPUNIT_TEST(doesNothingWithoutCouriersFile);
    CPPUNIT_TEST(refusesOtherHeaders);
    CPPUNIT_TEST(ordersAndCleansRows);
    CPPUNIT_TEST(keepsTheNextUidAboveAllRows);
    CPPUNIT_TEST(waitsForTheLock);
    CPPUNIT_TEST(readsTheKeywordList);
    CPPUNIT_TEST(readsNewerKeywordsOfMessages);
    CPPUNIT_TEST(readsNoKeywordsWhereThereAreNone);
    CPPUNIT_TEST(survivesDamagedKeywords);
    CPPUNIT_TEST_SUITE_END();

    TemporaryTree _tree;

    using Keywords = std::map<std::string, std::vector<std::string>>;

public:
    void takesTheUidListOver() {
        _tree.write("courierimapuiddb",
                    "1 1275660208 25\n3 1000.M1.host,S=12\n7 1001.M2.host:2,S\n24 1002.M3.host:2,\n");
        CPPUNIT_ASSERT(needsCourierTakeOver(_tree.path()));
        CPPUNIT_ASSERT(takeOverUidList(_tree.path()).isDone);
        std::string list = _tree.read("dovecot-uidlist");
        const std::string start = "3 V1275660208 N25 G";
        CPPUNIT_ASSERT(list.starts_with(start));
        const std::string guid = list.substr(start.size(), 32);
        CPPUNIT_ASSERT(guid.find_first_not_of("0123456789abcdef") == std::string::npos);
        list.erase(start.size(), 32);
        CPPUNIT_ASSERT_EQUAL(start + "\n3 :1000.M1.host,S=12\n7 :1001.M2.host\n24 :1002.M3.host\n", list);
        CPPUNIT_ASSERT_EQUAL(std::ptrdiff_t(2), std::distance(std::filesystem::directory_iterator(_tree.path()), {}));
    }

    void doesItOnce() {
        _tree.write("courierimapuiddb", "1 5 2\n1 a\n");
        const CourierTakeOver result = takeOverUidList(_tree.path());
        CPPUNIT_ASSERT(result.isDone);
        CPPUNIT_ASSERT_EQUAL(""s, result.fault);
        const std::string list = _tree.read("dovecot-uidlist");
        CPPUNIT_ASSERT(!needsCourierTakeOver(_tree.path()));
        CPPUNIT_ASSERT(!takeOverUidList(_tree.path()).isDone);
        CPPUNIT_ASSERT_EQUAL(list, _tree.read("dovecot-uidlist"));
    }

    void leavesAMailboxAloneThatHasAList() {
        _tree.write("courierimapuiddb", "1 5 2\n1 a\n");
        _tree.write("dovecot-uidlist", "");
        CPPUNIT_ASSERT(!takeOverUidList(_tree.path()).isDone);
        CPPUNIT_ASSERT_EQUAL(""s, _tree.read("dovecot-uidlist"));
    }

    void doesNothingWithoutCouriersFile() {
        CPPUNIT_ASSERT(!takeOverUidList(_tree.path()).isDone);
        CPPUNIT_ASSERT_EQUAL("Unavailable"s, errorOf([&] { takeOverUidList(_tree / "not there"); }));
        CPPUNIT_ASSERT(!_tree.has("dovecot-uidlist"));
    }

    void refusesOtherHeaders() {
        for (const std::string& header : {""s, "\n"s, "2 5 6\n"s, "1 5\n"s, "1 0 6\n"s, "1 5 0\n"s, "1 4294967296 2\n"s,
                                          "1  5 6\n"s, "3 V5 N6\n"s, "1 -5 6\n"s, "x"s}) {
            CPPUNIT_ASSERT_MESSAGE(header, !parseCourierUidList(header + "1 a\n"));
            _tree.write("courierimapuiddb", header);
            const CourierTakeOver result = takeOverUidList(_tree.path());
            CPPUNIT_ASSERT_MESSAGE(header, !result.isDone && result.fault.find("first line") != std::string::npos);
        }
        CPPUNIT_ASSERT(!_tree.has("dovecot-uidlist"));
    }

    void ordersAndCleansRows() {
        const auto list = parseCourierUidList(
            "1 5 100\n9 nine\n3 three\n3 other three\n4 nine:2,S\n\n5\n6 \nx y\n0 zero\n7 a/b\n8 .hidden\n10 "
            "tab\there\n"
            "11 :2,S\n12 with space\n4294967295 last\n4294967296 beyond\n13 no end"s +
            "\n14 nul\0name\n"s + "15 " + std::string(300, 'l'));
        CPPUNIT_ASSERT(list);
        std::string rows;
        for (const auto& row : list->rows) rows += std::to_string(row.uid) + '=' + row.baseName + ';';
        CPPUNIT_ASSERT_EQUAL("3=three;4=nine;12=with space;13=no end;"s, rows);
        CPPUNIT_ASSERT_EQUAL(std::uint32_t(100), list->nextUid);
        CPPUNIT_ASSERT_EQUAL(std::size_t(15), list->leftOut);
        _tree.write("courierimapuiddb", "1 5 9\n3 three\n4 four\nrubbish\n");
        const CourierTakeOver result = takeOverUidList(_tree.path());
        CPPUNIT_ASSERT(result.isDone);
        CPPUNIT_ASSERT_MESSAGE(result.fault, result.fault.starts_with("1 of its lines"));
    }

    void keepsTheNextUidAboveAllRows() {
        CPPUNIT_ASSERT_EQUAL(std::uint32_t(8), parseCourierUidList("1 5 2\n7 a\n")->nextUid);
        // The UID of a row that is left out was given out all the same.
        CPPUNIT_ASSERT_EQUAL(std::uint32_t(10), parseCourierUidList("1 5 2\n7 a\n9 a\n")->nextUid);
        CPPUNIT_ASSERT_EQUAL(UINT32_MAX, parseCourierUidList("1 5 2\n4294967294 a\n")->nextUid);
    }

    void waitsForTheLock() {
        _tree.write("courierimapuiddb", "1 5 2\n1 a\n");
        // Left by a process that is gone: it is taken over at once.
        char host[256] = {};
        ::gethostname(host, sizeof host - 1);
        _tree.write("dovecot-uidlist.lock", "2147483646:"s + host);
        CPPUNIT_ASSERT(takeOverUidList(_tree.path()).isDone);
        CPPUNIT_ASSERT(!_tree.has("dovecot-uidlist.lock"));
    }

    void readsTheKeywordList() {
        std::filesystem::create_directory(_tree / "courierimapkeywords");
        _tree.write("courierimapkeywords/:list", "Bar\nLater\nFoo\n\n1.M.h:0 2\n2.M.h:1\n");
        const Keywords expected{{"1.M.h", {"Bar", "Foo"}}, {"2.M.h", {"Later"}}};
        CPPUNIT_ASSERT(readCourierKeywords(_tree.path()).byBaseName == expected);
    }

    void readsNewerKeywordsOfMessages() {
        std::filesystem::create_directory(_tree / "courierimapkeywords");
        _tree.write("courierimapkeywords/:list", "A\nB\n\nm1:0\nm2:0 1\nm3:1\nm4:0\n");
        _tree.write("courierimapkeywords/.5984653.m1", "Old\n");
        _tree.write("courierimapkeywords/.5984700.m1", "New\nNew\n\n");
        _tree.write("courierimapkeywords/.99.m2", "Aged\n");
        _tree.write("courierimapkeywords/m2", "Newest\n");
        _tree.write("courierimapkeywords/.5984653.m3", "");
        _tree.write("courierimapkeywords/.tmp.5984653.x", "Half\n");
        _tree.write("courierimapkeywords/.0.m4", "Zero\n");
        _tree.write("courierimapkeywords/m5", "Alone");
        const Keywords expected{{"m1", {"New"}}, {"m2", {"Newest"}}, {"m4", {"A"}}, {"m5", {"Alone"}}};
        CPPUNIT_ASSERT(readCourierKeywords(_tree.path()).byBaseName == expected);
    }

    void readsNoKeywordsWhereThereAreNone() {
        CPPUNIT_ASSERT(readCourierKeywords(_tree.path()).byBaseName.empty());
        std::filesystem::create_directory(_tree / "courierimapkeywords");
        CPPUNIT_ASSERT(readCourierKeywords(_tree.path()).byBaseName.empty());
    }

    void survivesDamagedKeywords() {
        const auto keywords = parseCourierKeywordList(
            "Good\ntwo words\nm\xC3\xBCll\n\nm1:0 1 2 3 99999999999999999999 -1 x\nno colon\n:0\nm2:\nm3: "
            "0\na/b:0\nm4:1\nm5:0");
        const Keywords expected{{"m1", {"Good"}}, {"m3", {"Good"}}, {"m5", {"Good"}}};
        CPPUNIT_ASSERT(keywords.byBaseName == expected);
        CPPUNIT_ASSERT(parseCourierKeywordList("").byBaseName.empty());
        CPPUNIT_ASSERT(parseCourierKeywordList("A\nB").byBaseName.empty());
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(CourierTakeoverTest);

}  // namespace maildir
