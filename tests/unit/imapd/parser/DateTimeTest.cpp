// DateTime: what APPEND sends, what INTERNALDATE shows, what SEARCH asks for.
#include "imapd/parser/DateTime.h"

#include <cppunit/extensions/HelperMacros.h>

#include <limits>
#include <utility>
#include <vector>

namespace imapd {

class DateTimeTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(DateTimeTest);
    CPPUNIT_TEST(readsDateTimes);
    CPPUNIT_TEST(refusesWrongDateTimes);
    CPPUNIT_TEST(readsOneDigitDaysWhenLiberal);
    CPPUNIT_TEST(readsLooseDateTimesWhenLiberal);
    CPPUNIT_TEST(writesTheExactForm);
    CPPUNIT_TEST(writesWhatItReads);
    CPPUNIT_TEST(writesExtremeInstants);
    CPPUNIT_TEST(readsDates);
    CPPUNIT_TEST(refusesWrongDates);
    CPPUNIT_TEST_SUITE_END();

public:
    void readsDateTimes() {
        CPPUNIT_ASSERT_EQUAL(std::int64_t(0), parseDateTime(" 1-Jan-1970 00:00:00 +0000").value());
        CPPUNIT_ASSERT_EQUAL(std::int64_t(837596665), parseDateTime("17-Jul-1996 02:44:25 -0700").value());
        CPPUNIT_ASSERT_EQUAL(std::int64_t(837596665), parseDateTime("17-jUL-1996 15:14:25 +0530").value());
        CPPUNIT_ASSERT_EQUAL(std::int64_t(951782400), parseDateTime("29-Feb-2000 00:00:00 +0000").value());
        CPPUNIT_ASSERT_EQUAL(std::int64_t(-1), parseDateTime("31-Dec-1969 23:59:59 +0000").value());
        CPPUNIT_ASSERT_EQUAL(std::int64_t(1483228800), parseDateTime("31-Dec-2016 23:59:60 +0000").value());
        CPPUNIT_ASSERT_EQUAL(std::int64_t(1577836800), parseDateTime("01-Jan-2020 00:00:00 +0000").value());
    }

    void refusesWrongDateTimes() {
        for (const char* wrong : {"",
                                  " ",
                                  "1-Jan-1970 00:00:00 +0000",
                                  "  1-Jan-1970 00:00:00 +0000",
                                  "00-Jan-1970 00:00:00 +0000",
                                  "32-Jan-1970 00:00:00 +0000",
                                  "30-Feb-2020 00:00:00 +0000",
                                  "29-Feb-2019 00:00:00 +0000",
                                  "01-Foo-1970 00:00:00 +0000",
                                  "01-Jan-70 00:00:00 +0000",
                                  "01-Jan-19700 00:00:00 +0000",
                                  "01-Jan-1970 24:00:00 +0000",
                                  "01-Jan-1970 00:60:00 +0000",
                                  "01-Jan-1970 00:00:61 +0000",
                                  "01-Jan-1970 00:00:00 0000",
                                  "01-Jan-1970 00:00:00 +000",
                                  "01-Jan-1970 00:00:00 +0060",
                                  "01-Jan-1970 00:00:00 +2400",
                                  "01-Jan-1970 00:00:00 +00000",
                                  "01-Jan-1970 00:00:00",
                                  "01-Jan-1970",
                                  "01 Jan 1970 00:00:00 +0000",
                                  "01-Jan-1970  00:00:00 +0000",
                                  "01-Jan-1970 00:00:00 GMT"}) {
            CPPUNIT_ASSERT_MESSAGE(wrong, !parseDateTime(wrong));
        }
    }

    void readsOneDigitDaysWhenLiberal() {
        CPPUNIT_ASSERT_EQUAL(std::int64_t(0), parseDateTime("1-Jan-1970 00:00:00 +0000", false).value());
        CPPUNIT_ASSERT_EQUAL(std::int64_t(0), parseDateTime(" 1-Jan-1970 00:00:00 +0000", false).value());
        CPPUNIT_ASSERT(!parseDateTime("0-Jan-1970 00:00:00 +0000", false));
    }

    void readsLooseDateTimesWhenLiberal() {
        const std::vector<std::pair<const char*, std::int64_t>> table = {
            {"  1-Jan-1970  0:00:01  +0000 ", 1},      {"1-Jan-1970 05:30:00 +05:30", 0},
            {"01-Jan-1970 05:30:00 +.530", 0},         {"01-Jan-1970 05:45:00 +7545", 0},
            {"1-Jan-1970 00:00:00 --500", 5 * 3600},   {"1-Jan-1970 00:00:00 -.530", 3 * 3600 + 1800},
            {"01-Jan-1970 00:00:00 -05:00", 5 * 3600}, {" 1-jan-1970 00:00:00 -0000", 0}};
        for (const auto& [text, seconds] : table) {
            CPPUNIT_ASSERT_EQUAL_MESSAGE(text, seconds, parseDateTime(text, false).value());
        }
        for (const char* strict :
             {"  1-Jan-1970 00:00:00 +0000", "01-Jan-1970 0:00:00 +0000", "01-Jan-1970 00:00:00 +05:30",
              "01-Jan-1970 00:00:00 +.530", "01-Jan-1970 00:00:00 --500", "01-Jan-1970 00:00:00 +0000 "}) {
            CPPUNIT_ASSERT_MESSAGE(strict, !parseDateTime(strict));
        }
        for (const char* wrong :
             {"01-Jan-1970 00:00:00", "01-Jan-1970", "01-Jan-70 00:00:00 +0000", "01-Jan-1970 00:00 +0000",
              "01-Jan-1970 00:00:00 +.130", "01-Jan-1970 00:00:00 GMT", "01-Jan-1970 00:00:00 +500",
              "01-Jan-1970 00:00:00 +-500", "01-Jan-1970 00:00:00 ---00"}) {
            CPPUNIT_ASSERT_MESSAGE(wrong, !parseDateTime(wrong, false));
        }
        CPPUNIT_ASSERT_EQUAL(0, parseDate(" 1-Jan-1970 ", false).value());
        CPPUNIT_ASSERT(!parseDate("1-Jan-70", false));
    }

    void writesTheExactForm() {
        CPPUNIT_ASSERT_EQUAL(std::string("01-Jan-2020 00:00:00 +0000"), formatDateTime(1577836800, 0));
        CPPUNIT_ASSERT_EQUAL(std::string("17-Jul-1996 02:44:25 -0700"), formatDateTime(837596665, -420));
        CPPUNIT_ASSERT_EQUAL(std::string("31-Dec-1969 23:59:59 +0000"), formatDateTime(-1, 0));
        CPPUNIT_ASSERT_EQUAL(std::string("01-Jan-1970 05:29:59 +0530"), formatDateTime(-1, 330));
        CPPUNIT_ASSERT_EQUAL(std::string("31-Dec-1969 23:30:00 -0030"), formatDateTime(0, -30));
    }

    void writesWhatItReads() {
        for (std::int64_t seconds = -3'000'000'000; seconds < 5'000'000'000; seconds += 86399 * 13 + 7) {
            for (const int zone : {0, 60, -300, 345, 1439, -1439}) {
                CPPUNIT_ASSERT_EQUAL(seconds, parseDateTime(formatDateTime(seconds, zone)).value());
            }
        }
    }

    void writesExtremeInstants() {
        CPPUNIT_ASSERT_EQUAL(std::string("31-Dec-9999 23:59:59 +0000"),
                             formatDateTime(std::numeric_limits<std::int64_t>::max(), 0));
        CPPUNIT_ASSERT_EQUAL(std::string("01-Jan-0000 00:00:00 +0000"),
                             formatDateTime(std::numeric_limits<std::int64_t>::min(), 0));
        CPPUNIT_ASSERT_EQUAL(std::string("01-Jan-1970 23:59:00 +2359"),
                             formatDateTime(0, std::numeric_limits<int>::max()));
        CPPUNIT_ASSERT_EQUAL(std::string("31-Dec-1969 00:01:00 -2359"),
                             formatDateTime(0, std::numeric_limits<int>::min()));
    }

    void readsDates() {
        CPPUNIT_ASSERT_EQUAL(0, parseDate("1-Jan-1970").value());
        CPPUNIT_ASSERT_EQUAL(0, parseDate("01-jan-1970").value());
        CPPUNIT_ASSERT_EQUAL(8797, parseDate("1-Feb-1994").value());
        CPPUNIT_ASSERT_EQUAL(-1, parseDate("31-Dec-1969").value());
    }

    void refusesWrongDates() {
        for (const char* wrong : {"", "1", "-Jan-1970", " 1-Jan-1970", "001-Jan-1970", "0-Jan-1970", "31-Apr-1994",
                                  "1-Jan-94", "1-Jan-1994 ", "1-January-1994", "1-1-1994", "1-Jan-", "1-Jan"}) {
            CPPUNIT_ASSERT_MESSAGE(wrong, !parseDate(wrong));
        }
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(DateTimeTest);

}  // namespace imapd
