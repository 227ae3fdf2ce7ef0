// Variables in an admin's patterns: ours are known, those of other servers are told with the right form.
#include "modules/api/Variables.h"

#include <cppunit/TestFixture.h>
#include <cppunit/extensions/HelperMacros.h>

using maildock::faultOfVariables;

class VariablesTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(VariablesTest);
    CPPUNIT_TEST(oursAreKnown);
    CPPUNIT_TEST(othersFormsAreToldRight);
    CPPUNIT_TEST(whatHasNoNameHereIsRefused);
    CPPUNIT_TEST(aKeyHasItsOwnVariables);
    CPPUNIT_TEST(barePercentSigns);
    CPPUNIT_TEST_SUITE_END();

    static void tells(const std::string& pattern, const std::string& right) {
        const std::string fault = faultOfVariables(pattern, "undh");
        CPPUNIT_ASSERT_MESSAGE(pattern + ": " + fault, fault.ends_with(": write " + right));
    }

public:
    void oursAreKnown() {
        for (const char* const pattern : {"", "/srv/mail/%u", "/srv/%d/%n/Maildir", "%h/Maildir", "/srv/100%%/%u"})
            CPPUNIT_ASSERT_EQUAL(std::string(), faultOfVariables(pattern, "undh"));
    }

    void othersFormsAreToldRight() {
        tells("/srv/mail/%Ld/%Ln", "/srv/mail/%d/%n");
        CPPUNIT_ASSERT(
            faultOfVariables("/srv/%Lu", "und").find("has %Lu, which is no variable here; names are lower") == 0);
        tells("/srv/%{user}", "/srv/%u");
        tells("/srv/%{user | domain}/%{user | username}", "/srv/%d/%n");
        tells("/srv/%{domain}/%{username}/%u", "/srv/%d/%n/%u");
        tells("/srv/%{user|lower}", "/srv/%u");
        tells("/srv/%L{user}", "/srv/%u");
        tells("%{home}/Maildir", "%h/Maildir");
    }

    void whatHasNoNameHereIsRefused() {
        for (const char* const pattern : {"/srv/%x", "/srv/%Uu", "/srv/%1n/%n", "/srv/%2.256Nu/%u", "/srv/%{protocol}",
                                          "/srv/%{user", "/srv/%s/%u", "/srv/%u/%", "/srv/% u", "/srv/%-u"}) {
            const std::string fault = faultOfVariables(pattern, "undh");
            CPPUNIT_ASSERT_MESSAGE(pattern, fault.find("there are %u (the user)") != std::string::npos);
        }
    }

    void aKeyHasItsOwnVariables() {
        CPPUNIT_ASSERT(!faultOfVariables("(uid=%h)", "und").empty());
        CPPUNIT_ASSERT(faultOfVariables("(uid=%h)", "und").find("%h (the home)") == std::string::npos);
    }

    void barePercentSigns() {
        CPPUNIT_ASSERT_EQUAL(std::string(), faultOfVariables("a LIKE 'x%' AND b % 2 = 0 AND c = %u", "und", true));
        CPPUNIT_ASSERT(!faultOfVariables("a LIKE '%x' AND c = %u", "und", true).empty());
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(VariablesTest);
