// Limits count networks, and strangers can't lock out those who have logged in before.
#include "imapd/session/ConnectionCounts.h"

#include <cppunit/TestFixture.h>
#include <cppunit/extensions/HelperMacros.h>

namespace imapd {

class ConnectionCountsTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(ConnectionCountsTest);
    CPPUNIT_TEST(oneNetworkOfIpv6IsOneAddress);
    CPPUNIT_TEST(usersAreCountedByNetworkToo);
    CPPUNIT_TEST(aMappedAddressIsIpv4);
    CPPUNIT_TEST(aStrangerGetsNoSecondPastTheLimit);
    CPPUNIT_TEST(manyNetworksOfStrangersAreBounded);
    CPPUNIT_TEST(knownNetworksAreLetInBesideThem);
    CPPUNIT_TEST(strangersLeaveAQuarterOfAllConnections);
    CPPUNIT_TEST(countsGoDownAgain);
    CPPUNIT_TEST_SUITE_END();

    ConnectionCounts _counts;
    static std::string host(int network, int number) {
        return "2001:db8:0:" + std::to_string(network) + "::" + std::to_string(number);
    }

public:
    void oneNetworkOfIpv6IsOneAddress() {
        const CountLimits limits{5, 0, 0, 0};
        int taken = 0;
        for (int number = 1; number <= 400; ++number) taken += _counts.admit(host(1, number), limits) ? 1 : 0;
        CPPUNIT_ASSERT_EQUAL(5, taken);
        CPPUNIT_ASSERT(_counts.admit(host(2, 1), limits));
    }

    void usersAreCountedByNetworkToo() {
        const CountLimits limits{0, 0, 0, 2};
        CPPUNIT_ASSERT(_counts.admitUser("anna", host(1, 1), limits));
        CPPUNIT_ASSERT(_counts.admitUser("anna", host(1, 2), limits));
        CPPUNIT_ASSERT(!_counts.admitUser("anna", host(1, 3), limits));
        CPPUNIT_ASSERT(_counts.admitUser("ben", host(1, 3), limits));
        _counts.departUser("anna", host(1, 9));
        CPPUNIT_ASSERT(_counts.admitUser("anna", host(1, 3), limits));
    }

    void aMappedAddressIsIpv4() {
        const CountLimits limits{1, 0, 0, 0};
        CPPUNIT_ASSERT(_counts.admit("192.0.2.1", limits));
        CPPUNIT_ASSERT(!_counts.admit("::ffff:192.0.2.1", limits));
        CPPUNIT_ASSERT(_counts.admit("::ffff:192.0.2.2", limits));
    }

    void aStrangerGetsNoSecondPastTheLimit() {
        const CountLimits limits{0, 0, 3, 0};
        for (int number = 1; number <= 3; ++number) CPPUNIT_ASSERT(_counts.admit(host(1, number), limits));
        CPPUNIT_ASSERT(!_counts.admit(host(1, 4), limits));
        CPPUNIT_ASSERT(_counts.admit(host(2, 1), limits));
        CPPUNIT_ASSERT(!_counts.admit(host(2, 2), limits));
    }

    void manyNetworksOfStrangersAreBounded() {
        const CountLimits limits{0, 0, 10, 0};
        int taken = 0;
        for (int network = 1; network <= 1000; ++network) taken += _counts.admit(host(network, 1), limits) ? 1 : 0;
        CPPUNIT_ASSERT_EQUAL(20, taken);
    }

    void knownNetworksAreLetInBesideThem() {
        const CountLimits limits{0, 0, 12, 0};
        CPPUNIT_ASSERT(_counts.admit("192.0.2.1", limits));
        _counts.signedIn("192.0.2.1");
        _counts.depart("192.0.2.1", true);
        for (int network = 1; network <= 1000; ++network) (void)_counts.admit(host(network, 1), limits);
        CPPUNIT_ASSERT(!_counts.admit("192.0.2.2", limits));
        // Three at a time, as often as they log in.
        for (int number = 1; number <= 3; ++number) CPPUNIT_ASSERT(_counts.admit("192.0.2.1", limits));
        CPPUNIT_ASSERT(!_counts.admit("192.0.2.1", limits));
        _counts.signedIn("192.0.2.1");
        CPPUNIT_ASSERT(_counts.admit("192.0.2.1", limits));
    }

    void strangersLeaveAQuarterOfAllConnections() {
        const CountLimits limits{0, 40, 0, 0};
        CPPUNIT_ASSERT(_counts.admit("192.0.2.1", limits));
        _counts.signedIn("192.0.2.1");
        int taken = 0;
        for (int network = 1; network <= 100; ++network) taken += _counts.admit(host(network, 1), limits) ? 1 : 0;
        CPPUNIT_ASSERT_EQUAL(30, taken);
        for (int number = 1; number <= 9; ++number) CPPUNIT_ASSERT(_counts.admit("192.0.2.1", limits));
        CPPUNIT_ASSERT(!_counts.admit("192.0.2.1", limits));
    }

    void countsGoDownAgain() {
        const CountLimits limits{1, 0, 1, 0};
        for (int round = 0; round < 3; ++round) {
            CPPUNIT_ASSERT(_counts.admit(host(1, 1), limits));
            if (round == 1) _counts.signedIn(host(1, 1));
            CPPUNIT_ASSERT(!_counts.admit(host(1, 2), limits));
            _counts.depart(host(1, 1), round == 1);
        }
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(ConnectionCountsTest);

}  // namespace imapd
