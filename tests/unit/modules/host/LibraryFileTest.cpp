// What is said of a library that another library needs and that is not installed.
#include "modules/host/LibraryFile.h"

#include <cppunit/extensions/HelperMacros.h>

namespace maildock::host {

class LibraryFileTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(LibraryFileTest);
    CPPUNIT_TEST(namesDebiansPackage);
    CPPUNIT_TEST_SUITE_END();

    static std::string packageFor(const std::string& library) {
        return debianPackageFor(library + ": cannot open shared object file: No such file or directory");
    }

public:
    void namesDebiansPackage() {
        CPPUNIT_ASSERT_EQUAL(std::string("libldap-2.5-0"), packageFor("libldap-2.5.so.0"));
        CPPUNIT_ASSERT_EQUAL(std::string("libldap-2.5-0"), packageFor("liblber-2.5.so.0"));
        CPPUNIT_ASSERT_EQUAL(std::string("libpq5"), packageFor("libpq.so.5"));
        CPPUNIT_ASSERT_EQUAL(std::string("libpocodatamysql80"), packageFor("libPocoDataMySQL.so.80"));
        CPPUNIT_ASSERT_EQUAL(std::string("libgssapi-krb5-2"), packageFor("libgssapi_krb5.so.2"));
        CPPUNIT_ASSERT_EQUAL(std::string("libssl3"), packageFor("libcrypto.so.3"));
        CPPUNIT_ASSERT_EQUAL(std::string("libargon2-1"), packageFor("libargon2.so.1"));
        CPPUNIT_ASSERT_EQUAL(std::string(), debianPackageFor("/x/auth-a.so: undefined symbol: f"));
        CPPUNIT_ASSERT_EQUAL(std::string(), packageFor("plugin"));
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(LibraryFileTest);

}  // namespace maildock::host
