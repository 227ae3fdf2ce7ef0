// What back ends tell of a user, and what unknown users are held against.
#include <cppunit/extensions/HelperMacros.h>

#include "plugins/common/AccountFields.h"
#include "plugins/common/DecoyHash.h"

namespace {

using maildock::common::AccountFields;
using maildock::common::DecoyHash;
using maildock::common::isUsableName;
using maildock::common::isUsableUtf8Name;
using maildock::common::meansYes;
using maildock::common::PasswordHash;

class AccountFieldsTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(AccountFieldsTest);
    CPPUNIT_TEST(fieldsFindTheirPlaces);
    CPPUNIT_TEST(idsThatAreNoneAreFaults);
    CPPUNIT_TEST(namesThatCanBeUsed);
    CPPUNIT_TEST(whatMeansYes);
    CPPUNIT_TEST(passwordsOfOddLengthsAreWrong);
    CPPUNIT_TEST_SUITE_END();

public:
    void fieldsFindTheirPlaces() {
        AccountFields fields;
        fields.set("home", "/home/anna");
        fields.set("userdb_mail", "maildir:~/Mail:LAYOUT=fs");
        fields.set("uid", "1000");
        fields.set("gid", "root");
        fields.set("allow_nets", "192.0.2.0/24,local");
        fields.set("userdb_quota_rule", "*:storage=1G");
        CPPUNIT_ASSERT_EQUAL(std::string(), fields.finish());
        CPPUNIT_ASSERT_EQUAL(std::string("/home/anna"), fields.account.home);
        CPPUNIT_ASSERT_EQUAL(std::string("/home/anna/Mail"), fields.account.mailLocation);
        CPPUNIT_ASSERT_EQUAL(std::uint32_t{1000}, fields.account.uid.value());
        CPPUNIT_ASSERT_EQUAL(std::uint32_t{0}, fields.account.gid.value());
        CPPUNIT_ASSERT_EQUAL(std::size_t{2}, fields.account.allowedNetworks.size());
        CPPUNIT_ASSERT_EQUAL(std::string("*:storage=1G"), fields.account.extra["quota_rule"]);
        CPPUNIT_ASSERT(!fields.isDisabled);
        fields.set("nologin", "");
        CPPUNIT_ASSERT(fields.isDisabled);
    }

    void idsThatAreNoneAreFaults() {
        AccountFields fields;
        fields.set("uid", "no-such-user-here");
        CPPUNIT_ASSERT(!fields.finish().empty());
        CPPUNIT_ASSERT(!fields.account.uid);
    }

    void namesThatCanBeUsed() {
        for (const char* name :
             {"anna", "a@b.org", "J\xC3\xB6rg", "\xE6\x97\xA5\xE6\x9C\xAC", "\xF0\x9F\x98\x80", "' --"}) {
            CPPUNIT_ASSERT_MESSAGE(name, isUsableUtf8Name(name));
        }
        for (const std::string& name : {std::string(), std::string("."), std::string(".."), std::string("a/b"),
                                        std::string("a\0b", 3), std::string("a\nb"), std::string(256, 'x')}) {
            CPPUNIT_ASSERT_MESSAGE(name, !isUsableName(name));
        }
        for (const char* name : {"J\xF6rg", "\xC3", "a\xE6\x97", "\xC0\xAF", "\xFF"}) {
            CPPUNIT_ASSERT_MESSAGE(name, !isUsableUtf8Name(name));
        }
    }

    void whatMeansYes() {
        for (const char* value : {"1", "Y", "yes", "true", "t", "x"}) CPPUNIT_ASSERT(meansYes(value));
        for (const char* value : {"", "0", "N", "no", "False", "f"}) CPPUNIT_ASSERT(!meansYes(value));
    }

    void passwordsOfOddLengthsAreWrong() {
        const auto hash = PasswordHash::parse("{PLAIN}x", "PLAIN");
        using maildock::common::isRightPassword;
        CPPUNIT_ASSERT(isRightPassword(*hash, "x"));
        CPPUNIT_ASSERT(!isRightPassword(*hash, ""));
        CPPUNIT_ASSERT(!isRightPassword(*hash, std::string(5000, 'x')));
        DecoyHash decoy;
        decoy.compare("x");
        decoy.note(hash);
        decoy.compare("");
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(AccountFieldsTest);

}  // namespace
