// Messages between the plugin and its helper: whole ones come through, everything else is refused.
#include <cppunit/extensions/HelperMacros.h>

#include "plugins/auth-pam/Protocol.h"

namespace {

using maildock::Secret;
using maildock::pam::decode;
using maildock::pam::encode;
using maildock::pam::lengthOf;
using maildock::pam::messageOf;
using maildock::pam::requestFrom;
using Fields = std::vector<std::string>;

class ProtocolTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(ProtocolTest);
    CPPUNIT_TEST(fieldsComeThrough);
    CPPUNIT_TEST(lengthsAreKnownFromTheBeginning);
    CPPUNIT_TEST(whatIsNotWholeIsRefused);
    CPPUNIT_TEST(lengthsThatLieAreRefused);
    CPPUNIT_TEST(requestsComeThrough);
    CPPUNIT_TEST(requestsThatAreNoneAreRefused);
    CPPUNIT_TEST_SUITE_END();

public:
    void fieldsComeThrough() {
        const Fields fields{"", "anna", std::string("a\0b\xFF", 4), std::string(8192, 'x')};
        CPPUNIT_ASSERT(decode(encode(fields), 4).value() == fields);
        CPPUNIT_ASSERT_EQUAL(std::size_t{8192}, decode(encode({std::string(9000, 'x')}), 1).value()[0].size());
        CPPUNIT_ASSERT(decode(encode({}), 0).value().empty());
    }

    void lengthsAreKnownFromTheBeginning() {
        const std::string message = encode({"ab", "c"});
        CPPUNIT_ASSERT_EQUAL(std::size_t{4 + 2 + 2 + 2 + 1}, message.size());
        CPPUNIT_ASSERT(!lengthOf(message.substr(0, 3)));
        CPPUNIT_ASSERT_EQUAL(message.size(), lengthOf(message).value());
        CPPUNIT_ASSERT_EQUAL(std::size_t{0}, lengthOf("\xFF\xFF\xFF\xFF").value());
    }

    void whatIsNotWholeIsRefused() {
        const std::string message = encode({"ab", "c"});
        for (std::size_t length = 0; length < message.size(); ++length) {
            CPPUNIT_ASSERT(!decode(message.substr(0, length), 2));
        }
        CPPUNIT_ASSERT(!decode(message + "x", 2));
        CPPUNIT_ASSERT(!decode(message, 1));
        CPPUNIT_ASSERT(!decode(message, 3));
    }

    void lengthsThatLieAreRefused() {
        using namespace std::string_literals;
        CPPUNIT_ASSERT(!decode("\0\0\0\x03\0\x05x"s, 1));
        CPPUNIT_ASSERT(!decode("\0\0\0\x03\xFF\xFFx"s, 1));
        CPPUNIT_ASSERT(!decode("\0\0\0\x01\0"s, 1));
        CPPUNIT_ASSERT(!decode("\xFF\xFF\xFF\xFF\0\x01x"s, 1));
        CPPUNIT_ASSERT(decode("\0\0\0\x03\0\x01x"s, 1));
    }

    void requestsComeThrough() {
        const auto asked = requestFrom(messageOf({false, "j\xC3\xB6rg", Secret("p\xFF:"), "fe80::1%eth0"})).value();
        CPPUNIT_ASSERT(!asked.isLookup);
        CPPUNIT_ASSERT_EQUAL(std::string("j\xC3\xB6rg p\xFF: fe80::1%eth0"),
                             asked.user + " " + asked.password.text() + " " + asked.clientAddress);
        CPPUNIT_ASSERT(requestFrom(messageOf({true, "anna", Secret(), ""})).value().isLookup);
    }

    void requestsThatAreNoneAreRefused() {
        using namespace std::string_literals;
        for (const Fields& fields :
             {Fields{"verify", "anna", "x"}, Fields{"verify", "anna", "x", "", ""}, Fields{"", "anna", "x", ""},
              Fields{"verify ", "anna", "x", ""}, Fields{"verify", "", "x", ""}, Fields{"verify", "a/b", "x", ""},
              Fields{"verify", "a\n", "x", ""}, Fields{"verify", "a\0b"s, "x", ""}, Fields{"verify", "anna", "", ""},
              Fields{"verify", std::string(256, 'a'), "x", ""}, Fields{"verify", "anna", "x\0y"s, ""},
              Fields{"lookup", "anna", "x", ""}, Fields{"verify", "anna", "x", "a b"},
              Fields{"verify", "anna", "x", std::string(65, '1')}}) {
            CPPUNIT_ASSERT(!requestFrom(encode(fields)));
        }
        CPPUNIT_ASSERT(!requestFrom(""));
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(ProtocolTest);

}  // namespace
