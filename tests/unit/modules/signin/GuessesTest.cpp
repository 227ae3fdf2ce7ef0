#include "modules/signin/Guesses.h"

#include <cppunit/TestFixture.h>
#include <cppunit/extensions/HelperMacros.h>

#include "modules/signin/CountedNetwork.h"

using maildock::signin::countedNetwork;
using maildock::signin::Guesses;
using maildock::signin::Scores;
using Refusal = Guesses::Refusal;
using namespace std::chrono_literals;

class GuessesTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(GuessesTest);
    CPPUNIT_TEST(anAddressIsStoppedAtItsLimit);
    CPPUNIT_TEST(timeForgives);
    CPPUNIT_TEST(aUserIsCountedOverAddresses);
    CPPUNIT_TEST(aKnownAddressIsNotLockedOut);
    CPPUNIT_TEST(theSamePasswordAgainCountsOnce);
    CPPUNIT_TEST(attemptsAtWorkCount);
    CPPUNIT_TEST(ipv6IsCountedByItsNetwork);
    CPPUNIT_TEST(withoutLimitsNothingIsCounted);
    CPPUNIT_TEST(memoryIsBounded);
    CPPUNIT_TEST_SUITE_END();

    const Guesses::Clock::time_point _begin{1000h};

    static Guesses::Limits limits(std::size_t perAddress, std::size_t perUser) {
        Guesses::Limits limits;
        limits.perAddress = perAddress;
        limits.perUser = perUser;
        limits.forgiveness = 60s;
        return limits;
    }

    Refusal fail(Guesses& guesses, const std::string& address, const std::string& user, const std::string& password,
                 std::chrono::seconds after = 0s) const {
        Guesses::Hold hold;
        const Refusal refusal = guesses.begin(address, user, hold, _begin + after);
        if (refusal == Refusal::None) hold.failed(password, _begin + after);
        return refusal;
    }

public:
    void anAddressIsStoppedAtItsLimit() {
        Guesses guesses(limits(3, 0));
        for (const char* const password : {"a", "b", "c"})
            CPPUNIT_ASSERT(fail(guesses, "192.0.2.1", "anna", password) == Refusal::None);
        CPPUNIT_ASSERT(fail(guesses, "192.0.2.1", "ben", "d") == Refusal::Address);
        CPPUNIT_ASSERT(fail(guesses, "::ffff:192.0.2.1", "ben", "d") == Refusal::Address);
        CPPUNIT_ASSERT(fail(guesses, "192.0.2.2", "anna", "d") == Refusal::None);
        CPPUNIT_ASSERT_DOUBLES_EQUAL(1.0, guesses.nearness("192.0.2.1", _begin), 1e-6);
        CPPUNIT_ASSERT_DOUBLES_EQUAL(1.0 / 3, guesses.nearness("192.0.2.2", _begin), 1e-6);
    }

    void timeForgives() {
        Guesses guesses(limits(3, 0));
        for (const char* const password : {"a", "b", "c"}) fail(guesses, "192.0.2.1", "anna", password);
        CPPUNIT_ASSERT(fail(guesses, "192.0.2.1", "anna", "d", 59s) == Refusal::Address);
        CPPUNIT_ASSERT(fail(guesses, "192.0.2.1", "anna", "d", 60s) == Refusal::None);
        CPPUNIT_ASSERT(fail(guesses, "192.0.2.1", "anna", "e", 61s) == Refusal::Address);
        CPPUNIT_ASSERT_DOUBLES_EQUAL(0.0, guesses.nearness("192.0.2.1", _begin + 300s), 1e-6);
    }

    void aUserIsCountedOverAddresses() {
        Guesses guesses(limits(0, 3));
        for (const char* const address : {"192.0.2.1", "192.0.2.2", "192.0.2.3"})
            CPPUNIT_ASSERT(fail(guesses, address, "anna", address) == Refusal::None);
        CPPUNIT_ASSERT(fail(guesses, "192.0.2.4", "anna", "x") == Refusal::User);
        CPPUNIT_ASSERT(fail(guesses, "192.0.2.4", "ben", "x") == Refusal::None);
    }

    void aKnownAddressIsNotLockedOut() {
        Guesses guesses(limits(0, 2));
        Guesses::Hold hold;
        CPPUNIT_ASSERT(guesses.begin("192.0.2.9", "anna", hold, _begin) == Refusal::None);
        hold.succeeded(_begin);
        for (const char* const password : {"a", "b"}) fail(guesses, "192.0.2.1", "anna", password);
        CPPUNIT_ASSERT(fail(guesses, "192.0.2.1", "anna", "c") == Refusal::User);
        CPPUNIT_ASSERT(guesses.begin("192.0.2.9", "anna", hold, _begin) == Refusal::None);
    }

    void theSamePasswordAgainCountsOnce() {
        Guesses guesses(limits(3, 3));
        for (int i = 0; i < 20; ++i) CPPUNIT_ASSERT(fail(guesses, "192.0.2.1", "anna", "last year's") == Refusal::None);
        // What is not known counts each time.
        for (int i = 0; i < 2; ++i) CPPUNIT_ASSERT(fail(guesses, "192.0.2.1", "anna", "") == Refusal::None);
        CPPUNIT_ASSERT(fail(guesses, "192.0.2.1", "anna", "") != Refusal::None);
    }

    void attemptsAtWorkCount() {
        Guesses guesses(limits(2, 0));
        Guesses::Hold one, two, three;
        CPPUNIT_ASSERT(guesses.begin("192.0.2.1", "a", one, _begin) == Refusal::None);
        CPPUNIT_ASSERT(guesses.begin("192.0.2.1", "b", two, _begin) == Refusal::None);
        CPPUNIT_ASSERT(guesses.begin("192.0.2.1", "c", three, _begin) == Refusal::Address);
        one.succeeded(_begin);
        CPPUNIT_ASSERT(guesses.begin("192.0.2.1", "c", three, _begin) == Refusal::None);
        three = Guesses::Hold();  // gone without a verdict
        CPPUNIT_ASSERT(guesses.begin("192.0.2.1", "c", three, _begin) == Refusal::None);
    }

    void ipv6IsCountedByItsNetwork() {
        CPPUNIT_ASSERT_EQUAL(std::string("2001:db8:1:2::"), countedNetwork("2001:db8:1:2:3:4:5:6"));
        CPPUNIT_ASSERT_EQUAL(std::string("192.0.2.1"), countedNetwork("::ffff:192.0.2.1"));
        CPPUNIT_ASSERT_EQUAL(std::string("192.0.2.1"), countedNetwork("192.0.2.1"));
        CPPUNIT_ASSERT_EQUAL(std::string("fe80::"), countedNetwork("fe80::1%eth0"));
        CPPUNIT_ASSERT_EQUAL(std::string(), countedNetwork(""));
    }

    void withoutLimitsNothingIsCounted() {
        Guesses guesses(limits(0, 0));
        for (int i = 0; i < 100; ++i)
            CPPUNIT_ASSERT(fail(guesses, "192.0.2.1", "anna", std::to_string(i)) == Refusal::None);
        CPPUNIT_ASSERT_DOUBLES_EQUAL(0.0, guesses.nearness("192.0.2.1", _begin), 1e-9);
    }

    void memoryIsBounded() {
        Scores scores(60s, 100);
        for (int i = 0; i < 1000; ++i) scores.add(std::to_string(i), 0, _begin);
        CPPUNIT_ASSERT_EQUAL(std::size_t{100}, scores.size());
        CPPUNIT_ASSERT(scores.of("999", _begin) > 0 && scores.of("1", _begin) == 0);
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(GuessesTest);
