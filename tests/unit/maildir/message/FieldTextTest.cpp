// FieldText: fields as a search looks at them.
#include "maildir/message/FieldText.h"

#include <cppunit/TestFixture.h>
#include <cppunit/extensions/HelperMacros.h>

using namespace maildir;

namespace {

std::string joined(std::string_view value) {
    std::string lines;
    for (const std::string& text : addressTexts(value)) lines += text + '|';
    return lines;
}

std::string folded(std::string_view text) {
    std::string result = "x ";
    foldFieldText(text, result);
    return result.substr(2);
}

}  // namespace

class FieldTextTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(FieldTextTest);
    CPPUNIT_TEST(readsFields);
    CPPUNIT_TEST(joinsBlanks);
    CPPUNIT_TEST(showsAddressesAsEnvelopeDoes);
    CPPUNIT_TEST(showsNothingTwice);
    CPPUNIT_TEST(longListsTakeLinearTime);
    CPPUNIT_TEST_SUITE_END();

public:
    void readsFields() {
        CPPUNIT_ASSERT_EQUAL(std::string("Grüße an alle"), fieldText(" =?utf-8?Q?Gr=C3=BC=C3=9Fe?=\r\n an\n alle\r\n"));
        CPPUNIT_ASSERT_EQUAL(std::string("a b"), fieldText("=?utf-8?Q?a=0Ab?="));
    }

    void joinsBlanks() {
        CPPUNIT_ASSERT_EQUAL(std::string(" a b c "), folded("  A\t \tB\tC  "));
        CPPUNIT_ASSERT_EQUAL(std::string("a b"), folded("A \xC2\xA0\xE3\x80\x80"
                                                        "B"));
        CPPUNIT_ASSERT_EQUAL(std::string(), folded(""));
    }

    void showsAddressesAsEnvelopeDoes() {
        CPPUNIT_ASSERT_EQUAL(std::string("\"Doe\\, John\" <john@example.org>|Doe, John <john@example.org>|"),
                             joined("\"Doe\\, John\" <john@example.org>"));
        CPPUNIT_ASSERT_EQUAL(std::string("\"Quoted \\\"Q\\\" Name\" <q@x>, b@y|Quoted \"Q\" Name <q@x>|b@y|"),
                             joined("\"Quoted \\\"Q\\\" Name\" <q@x>, b@y"));
        CPPUNIT_ASSERT_EQUAL(std::string("user (comment)@ (comment) example.org|comment <user@example.org>|"),
                             joined("user (comment)@ (comment) example.org"));
        CPPUNIT_ASSERT_EQUAL(std::string("a@x (Ann)|Ann <a@x>|"), joined("a@x (Ann)"));
        CPPUNIT_ASSERT_EQUAL(std::string("<@a,@b:c@d>|c@d|"), joined("<@a,@b:c@d>"));
        CPPUNIT_ASSERT_EQUAL(std::string("Team: a@x, b@y;|Team|a@x|b@y|"), joined("Team: a@x, b@y;"));
        // Decoded after the list was taken apart: the comma is the name's.
        CPPUNIT_ASSERT_EQUAL(std::string("Doe, Jörg <j@x>|"), joined("=?utf-8?Q?Doe=2C_J=C3=B6rg?= <j@x>"));
        CPPUNIT_ASSERT_EQUAL(std::string("\"Jörg\" <j@x>|Jörg <j@x>|"), joined("\"=?utf-8?Q?J=C3=B6rg?=\" <j@x>"));
    }

    void showsNothingTwice() {
        CPPUNIT_ASSERT_EQUAL(std::string("Ann <a@x>, b@y|"), joined("Ann <a@x>,\n b@y"));
        CPPUNIT_ASSERT_EQUAL(std::string("|"), joined(""));
    }

    void longListsTakeLinearTime() {
        std::string value;
        for (int i = 0; i < 100000; ++i) value += "\"a\\,b\"<c@d>,";
        CPPUNIT_ASSERT(addressTexts(value).size() > 10000);
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(FieldTextTest);
