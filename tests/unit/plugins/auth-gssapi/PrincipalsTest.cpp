// Whose a Kerberos ticket is: principals and the users that they are.
#include <cppunit/extensions/HelperMacros.h>

#include "plugins/auth-gssapi/Principals.h"

namespace {

using namespace maildock::gssapi;
using namespace std::string_literals;

const NameRules rules{{"HOME.TEST"}, false, true};

class PrincipalsTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(PrincipalsTest);
    CPPUNIT_TEST(aPrincipalIsTakenApart);
    CPPUNIT_TEST(oddTextsAreNoPrincipals);
    CPPUNIT_TEST(theServiceIsRecognised);
    CPPUNIT_TEST(usersOfTheRealmAreKnownByTheirName);
    CPPUNIT_TEST(usersOfOtherRealms);
    CPPUNIT_TEST(othersAreNobody);
    CPPUNIT_TEST(caseIsKeptWhereItCounts);
    CPPUNIT_TEST_SUITE_END();

public:
    void aPrincipalIsTakenApart() {
        const auto parsed = parsePrincipal("imap/mail.example.org@HOME.TEST");
        CPPUNIT_ASSERT(parsed.has_value());
        CPPUNIT_ASSERT(parsed->components == std::vector<std::string>({"imap", "mail.example.org"}));
        CPPUNIT_ASSERT_EQUAL("HOME.TEST"s, parsed->realm);
    }

    void oddTextsAreNoPrincipals() {
        for (const char* text : {"", "@", "anna", "anna@", "@HOME.TEST", "/@HOME.TEST", "a//b@HOME.TEST",
                                 "anna/@HOME.TEST", "anna\\@x@HOME.TEST", "an\\/na@HOME.TEST", "a@b@HOME.TEST"}) {
            CPPUNIT_ASSERT_MESSAGE(text, !parsePrincipal(text));
        }
    }

    void theServiceIsRecognised() {
        const auto is = [](const char* text, const char* host) {
            return isServicePrincipal(*parsePrincipal(text), "imap", host);
        };
        CPPUNIT_ASSERT(is("imap/a.test@HOME.TEST", ""));
        CPPUNIT_ASSERT(is("IMAP/A.test@HOME.TEST", "a.TEST"));
        CPPUNIT_ASSERT(!is("imap/a.test@HOME.TEST", "b.test"));
        CPPUNIT_ASSERT(!is("host/a.test@HOME.TEST", ""));
        CPPUNIT_ASSERT(!is("imap@HOME.TEST", ""));
        CPPUNIT_ASSERT(!is("imap/a.test/x@HOME.TEST", ""));
    }

    void usersOfTheRealmAreKnownByTheirName() {
        CPPUNIT_ASSERT_EQUAL("anna"s, userOf("anna@HOME.TEST", rules).user);
        CPPUNIT_ASSERT_EQUAL("j\xC3\xB6rg"s, userOf("J\xC3\x96rg@HOME.TEST", rules).user);
    }

    void usersOfOtherRealms() {
        CPPUNIT_ASSERT(userOf("anna@AWAY.TEST", rules).user.empty());
        CPPUNIT_ASSERT(!userOf("anna@AWAY.TEST", rules).fault.empty());
        CPPUNIT_ASSERT(userOf("anna@home.test", rules).user.empty());
        NameRules keeping = rules;
        keeping.keepsOtherRealms = true;
        CPPUNIT_ASSERT_EQUAL("anna@away.test"s, userOf("anna@AWAY.TEST", keeping).user);
        CPPUNIT_ASSERT_EQUAL("anna"s, userOf("anna@HOME.TEST", keeping).user);
    }

    void othersAreNobody() {
        for (const char* text : {"anna/admin@HOME.TEST", "host/a.test@HOME.TEST", "anna", "..@HOME.TEST", ".@HOME.TEST",
                                 "WELLKNOWN/ANONYMOUS@WELLKNOWN:ANONYMOUS", "an\xFFna@HOME.TEST", "a\x01@HOME.TEST"}) {
            CPPUNIT_ASSERT_MESSAGE(text, userOf(text, rules).user.empty());
        }
    }

    void caseIsKeptWhereItCounts() {
        NameRules keeping = rules;
        keeping.isLowerCased = false;
        CPPUNIT_ASSERT_EQUAL("Anna"s, userOf("Anna@HOME.TEST", keeping).user);
        CPPUNIT_ASSERT_EQUAL("Anna"s, userNamed("Anna", keeping).user);
        CPPUNIT_ASSERT_EQUAL("anna"s, userNamed("Anna", rules).user);
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(PrincipalsTest);

}  // namespace
