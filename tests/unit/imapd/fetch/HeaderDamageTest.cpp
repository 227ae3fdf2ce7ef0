#include "imapd/fetch/HeaderDamage.h"

#include <cppunit/TestFixture.h>
#include <cppunit/extensions/HelperMacros.h>

class HeaderDamageTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(HeaderDamageTest);
    CPPUNIT_TEST(soundMessages);
    CPPUNIT_TEST(dates);
    CPPUNIT_TEST(boundaries);
    CPPUNIT_TEST(transferEncodings);
    CPPUNIT_TEST(partsOfParts);
    CPPUNIT_TEST_SUITE_END();

    static std::string damageOf(const std::string& message) {
        return imapd::damageOf(maildir::parseStructure(message));
    }

public:
    void soundMessages() {
        for (const char* const sound : {"", "\n", "Date:\n\n", "Date: Mon, 1 Feb 2021 10:00:00 +0000\n\nx\n",
                                        "Content-Type: multipart/mixed; boundary=x\n\n--x\n\na\n--x--\n",
                                        "Content-Type: multipart/mixed; BOUNDARY*0=x; boundary*1=y\n\n--xy\n\na\n",
                                        "Content-Transfer-Encoding: BASE64\n\nYQ==\n"}) {
            CPPUNIT_ASSERT_EQUAL(std::string(), damageOf(sound));
        }
    }

    void dates() { CPPUNIT_ASSERT_EQUAL(std::string("the Date cannot be read"), damageOf("Date: yesterday\n\n")); }

    void boundaries() {
        CPPUNIT_ASSERT_EQUAL(std::string("the Content-Type of a multipart has no boundary"),
                             damageOf("Content-Type: multipart/mixed; charset=x\n\n--x\n"));
    }

    void transferEncodings() {
        CPPUNIT_ASSERT_EQUAL(std::string("the Content-Transfer-Encoding of a part is not known"),
                             damageOf("Content-Transfer-Encoding: x-uuencode\n\nx\n"));
    }

    void partsOfParts() {
        CPPUNIT_ASSERT(!damageOf("Content-Type: multipart/mixed; boundary=x\n\n--x\nContent-Type: message/rfc822\n\n"
                                 "Content-Transfer-Encoding: x-none\n\nx\n--x--\n")
                            .empty());
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(HeaderDamageTest);
