// Modified UTF-7 of RFC 3501 5.1.3: what is well-formed goes there and back, all else is refused.
#include "maildir/names/Unicode.h"

#include <cppunit/extensions/HelperMacros.h>

#include <random>

#include "maildir/names/NameMapper.h"

using std::string_literals::operator""s;

namespace maildir {

class UnicodeTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(UnicodeTest);
    CPPUNIT_TEST(writesTheExamplesOfTheStandard);
    CPPUNIT_TEST(takesShiftedAscii);
    CPPUNIT_TEST(refusesMalformedShifts);
    CPPUNIT_TEST(refusesInvalidUtf8);
    CPPUNIT_TEST(goesThereAndBackForAllPlanes);
    CPPUNIT_TEST(neverTakesWhatItCannotGiveBack);
    CPPUNIT_TEST_SUITE_END();

    static void checkPair(const std::string& utf8, const std::string& utf7) {
        CPPUNIT_ASSERT_EQUAL(utf7, utf8ToModifiedUtf7(utf8).value_or("nothing"));
        CPPUNIT_ASSERT_EQUAL(utf8, modifiedUtf7ToUtf8(utf7).value_or("nothing"));
    }

public:
    void writesTheExamplesOfTheStandard() {
        checkPair("~peter/mail/台北/日本語", "~peter/mail/&U,BTFw-/&ZeVnLIqe-");
        checkPair("Entwürfe", "Entw&APw-rfe");
        checkPair("R&D", "R&-D");
        checkPair("&", "&-");
        checkPair("", "");
        checkPair("\xF0\x9F\x98\x80", "&2D3eAA-");
        checkPair("a\tb\x7F", "a&AAk-b&AH8-");
        checkPair("ü&ü", "&APw-&-&APw-");
    }

    void takesShiftedAscii() {
        CPPUNIT_ASSERT_EQUAL("a.b"s, modifiedUtf7ToUtf8("a&AC4-b").value_or("nothing"));
        CPPUNIT_ASSERT_EQUAL("üö"s, modifiedUtf7ToUtf8("&APw-&APY-").value_or("nothing"));
    }

    void refusesMalformedShifts() {
        for (const std::string& text : {"&"s, "a&"s, "&AP"s, "&AP-"s, "&APx-"s, "&APwA-"s, "&2D0-"s, "&3gA-"s,
                                        "&2D0AYQ-"s, "&A/w-"s, "&=-"s, "Entw\xC3\xBCrfe"s, "a\tb"s, "a\0"s, "\x7F"s}) {
            CPPUNIT_ASSERT_MESSAGE(text, !modifiedUtf7ToUtf8(text));
        }
    }

    void refusesInvalidUtf8() {
        for (const std::string& text :
             {"\x80"s, "\xC0\x80"s, "\xC1\xBF"s, "\xC3"s, "\xE0\x80\x80"s, "\xED\xA0\x80"s, "\xF0\x80\x80\x80"s,
              "\xF4\x90\x80\x80"s, "\xF5\x80\x80\x80"s, "a\xFF"s, "\xE2\x82"s}) {
            CPPUNIT_ASSERT(!isValidUtf8(text));
            CPPUNIT_ASSERT(!utf8ToModifiedUtf7(text));
        }
        CPPUNIT_ASSERT(isValidUtf8("\xEF\xBF\xBF\xF4\x8F\xBF\xBF"));
    }

    void goesThereAndBackForAllPlanes() {
        for (const std::string& text : {"\xC2\x80"s, "\xDF\xBF"s, "\xE0\xA0\x80"s, "\xED\x9F\xBF"s, "\xEE\x80\x80"s,
                                        "\xEF\xBF\xBF"s, "\xF0\x90\x80\x80"s, "\xF4\x8F\xBF\xBF"s,
                                        "ab\xC2\x80"
                                        "c&\xF0\x90\x80\x80-"s}) {
            CPPUNIT_ASSERT_EQUAL(text, modifiedUtf7ToUtf8(*utf8ToModifiedUtf7(text)).value_or("nothing"));
        }
    }

    void neverTakesWhatItCannotGiveBack() {
        std::mt19937 random(1);
        const std::string alphabet = "&&&--ABCDwP2g3,/+ab";
        for (int round = 0; round < 100'000; ++round) {
            std::string text;
            for (auto left = random() % 12; left > 0; --left) text += alphabet[random() % alphabet.size()];
            const auto utf8 = modifiedUtf7ToUtf8(text);
            if (!utf8) continue;
            CPPUNIT_ASSERT(isValidUtf8(*utf8));
            CPPUNIT_ASSERT_EQUAL(*utf8, modifiedUtf7ToUtf8(*utf8ToModifiedUtf7(*utf8)).value_or("nothing"));
        }
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(UnicodeTest);

}  // namespace maildir
