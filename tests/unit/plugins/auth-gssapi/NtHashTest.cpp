// The hash of a password that NTLM compares with ([MS-NLMP] 3.3.1).
#include <cppunit/extensions/HelperMacros.h>

#include "plugins/auth-gssapi/NtHash.h"

namespace {

class NtHashTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(NtHashTest);
    CPPUNIT_TEST(knownHashes);
    CPPUNIT_TEST_SUITE_END();

public:
    void knownHashes() {
        const maildock::gssapi::NtHash hash;
        CPPUNIT_ASSERT_EQUAL(std::string("31D6CFE0D16AE931B73C59D7E0C089C0"), hash.of(""));
        // [MS-NLMP] 4.2.2.1.2
        CPPUNIT_ASSERT_EQUAL(std::string("A4F49C406510BDCAB6824EE7C30FD852"), hash.of("Password"));
        CPPUNIT_ASSERT_EQUAL(std::string("0CB6948805F797BF2A82807973B89537"), hash.of("test"));
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(NtHashTest);

}  // namespace
