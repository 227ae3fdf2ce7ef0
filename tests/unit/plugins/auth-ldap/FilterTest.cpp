// Search filters: a user's name is escaped (RFC 4515 section 3) and can't change what is asked.
#include <cppunit/extensions/HelperMacros.h>

#include "plugins/auth-ldap/Connection.h"
#include "plugins/auth-ldap/Filter.h"

namespace {

using maildock::ldap::Directory;
using maildock::ldap::faultOfFilter;
using maildock::ldap::filterFor;

class FilterTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(FilterTest);
    CPPUNIT_TEST(namesBecomePartOfTheFilter);
    CPPUNIT_TEST(whatMeansSomethingIsEscaped);
    CPPUNIT_TEST(faultsAreFound);
    CPPUNIT_TEST(addresses);
    CPPUNIT_TEST_SUITE_END();

public:
    void namesBecomePartOfTheFilter() {
        CPPUNIT_ASSERT_EQUAL(std::string("(uid=anna)"), filterFor("(uid=%u)", "anna"));
        CPPUNIT_ASSERT_EQUAL(std::string("(&(o=b.org)(uid=a)(mail=a@b.org)(x=%))"),
                             filterFor("(&(o=%d)(uid=%n)(mail=%u)(x=%%))", "a@b.org"));
        CPPUNIT_ASSERT_EQUAL(std::string("(uid=J\xC3\xB6rg)"), filterFor("(uid=%u)", "J\xC3\xB6rg"));
        CPPUNIT_ASSERT_EQUAL(std::string("(uid=%u)"), filterFor("(uid=%u)", "%u"));
    }

    void whatMeansSomethingIsEscaped() {
        CPPUNIT_ASSERT_EQUAL(std::string("(uid=\\2a)"), filterFor("(uid=%u)", "*"));
        CPPUNIT_ASSERT_EQUAL(std::string("(uid=a\\29\\28uid\\3d\\2a)"), filterFor("(uid=%u)", "a)(uid=*"));
        CPPUNIT_ASSERT_EQUAL(std::string("(uid=\\5c\\00\\0a\\20)"), filterFor("(uid=%u)", std::string("\\\0\n ", 4)));
    }

    void faultsAreFound() {
        CPPUNIT_ASSERT_EQUAL(std::string(), faultOfFilter("(&(objectClass=x)(|(uid=%n)(mail=%u)))"));
        for (const char* filter : {"", "uid=%u", "(uid=%u", "(uid=%u))", "(uid=%u)(a=b)", "(uid=x)", "(uid=%%u)",
                                   "(|(uid=%u)(mail=%Lu))", "(|(uid=%u)(mail=%{user}))"}) {
            CPPUNIT_ASSERT_MESSAGE(filter, !faultOfFilter(filter).empty());
        }
    }

    void addresses() {
        Directory directory;
        for (const char* uri :
             {"ldap://h", "ldaps://h:636", "ldapi://%2frun%2fx", "ldap://a ldap://b", "ldap://[::1]:389"}) {
            directory.uri = uri;
            CPPUNIT_ASSERT_MESSAGE(uri, directory.faultOfUri().empty());
        }
        for (const char* uri : {"", " ", "h", "http://h", "ldap://a ldaps://b"}) {
            directory.uri = uri;
            CPPUNIT_ASSERT_MESSAGE(uri, !directory.faultOfUri().empty());
        }
        directory.uri = "ldap://h";
        CPPUNIT_ASSERT(!directory.isInTheClear());
        directory.isStartTls = false;
        CPPUNIT_ASSERT(directory.isInTheClear());
        for (const char* uri : {"ldaps://h", "ldap://127.0.0.1:389", "ldapi:///"}) {
            directory.uri = uri;
            CPPUNIT_ASSERT_MESSAGE(uri, !directory.isInTheClear());
        }
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(FilterTest);

}  // namespace
