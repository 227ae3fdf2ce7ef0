#include "imapd/session/Networks.h"

#include <cppunit/TestFixture.h>
#include <cppunit/extensions/HelperMacros.h>

using imapd::isWithin;

class NetworksTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(NetworksTest);
    CPPUNIT_TEST(addresses);
    CPPUNIT_TEST(prefixes);
    CPPUNIT_TEST(mappedAddresses);
    CPPUNIT_TEST(whatIsNotUnderstoodHoldsNothing);
    CPPUNIT_TEST_SUITE_END();

public:
    void addresses() {
        CPPUNIT_ASSERT(isWithin("192.0.2.7", {"192.0.2.7"}));
        CPPUNIT_ASSERT(!isWithin("192.0.2.8", {"192.0.2.7"}));
        CPPUNIT_ASSERT(isWithin("127.0.0.1", {"192.0.2.7", "local"}));
        CPPUNIT_ASSERT(!isWithin("192.0.2.7", {"local"}));
        CPPUNIT_ASSERT(!isWithin("192.0.2.7", {}));
    }

    void prefixes() {
        CPPUNIT_ASSERT(isWithin("192.0.2.200", {"192.0.2.128/25"}));
        CPPUNIT_ASSERT(!isWithin("192.0.2.100", {"192.0.2.128/25"}));
        CPPUNIT_ASSERT(isWithin("10.1.2.3", {"0.0.0.0/0"}));
        CPPUNIT_ASSERT(isWithin("2001:db8::5", {"2001:db8::/32"}));
        CPPUNIT_ASSERT(!isWithin("2001:db9::5", {"2001:db8::/32"}));
        CPPUNIT_ASSERT(!isWithin("2001:db8::5", {"0.0.0.0/0"}));
    }

    void mappedAddresses() { CPPUNIT_ASSERT(isWithin("::ffff:192.0.2.7", {"192.0.2.0/24"})); }

    void whatIsNotUnderstoodHoldsNothing() {
        for (const char* const network :
             {"", "nonsense", "192.0.2.7/33", "192.0.2.7/", "192.0.2.7/x", "192.0.2.7/-1"}) {
            CPPUNIT_ASSERT(!isWithin("192.0.2.7", {network}));
        }
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(NetworksTest);
