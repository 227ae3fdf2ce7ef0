#include "modules/signin/SuccessCache.h"

#include <cppunit/TestFixture.h>
#include <cppunit/extensions/HelperMacros.h>

using maildock::Outcome;
using maildock::signin::SuccessCache;
using namespace std::chrono_literals;

class SuccessCacheTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(SuccessCacheTest);
    CPPUNIT_TEST(aSuccessIsRememberedForAWhile);
    CPPUNIT_TEST(anotherPasswordIsNotFound);
    CPPUNIT_TEST(anotherStampForgets);
    CPPUNIT_TEST(memoryIsBounded);
    CPPUNIT_TEST(aLifetimeOfZeroRemembersNothing);
    CPPUNIT_TEST_SUITE_END();

    const SuccessCache::Clock::time_point _begin{1000h};
    const SuccessCache::Success _success{{Outcome::Success, {"anna", {}, {}, "/home/anna", "", {}, {}}, "file"},
                                         "file"};

public:
    void aSuccessIsRememberedForAWhile() {
        SuccessCache cache(60s);
        cache.remember({"anna", "192.0.2.1", "right"}, "1", _success, _begin);
        CPPUNIT_ASSERT_EQUAL(std::string("/home/anna"),
                             cache.find({"anna", "192.0.2.1", "right"}, "1", _begin + 59s)->verdict.account.home);
        CPPUNIT_ASSERT(!cache.find({"anna", "192.0.2.1", "right"}, "1", _begin + 60s));
    }

    void anotherPasswordIsNotFound() {
        SuccessCache cache(60s);
        cache.remember({"anna", "192.0.2.1", "right"}, "1", _success, _begin);
        CPPUNIT_ASSERT(!cache.find({"anna", "192.0.2.1", "wrong"}, "1", _begin));
        CPPUNIT_ASSERT(!cache.find({"ann", "192.0.2.1", "aright"}, "1", _begin));
        CPPUNIT_ASSERT(!cache.find({"anna", "192.0.2.2", "right"}, "1", _begin));
        CPPUNIT_ASSERT(cache.find({"anna", "192.0.2.1", "right"}, "1", _begin).has_value());
    }

    void anotherStampForgets() {
        SuccessCache cache(60s);
        cache.remember({"anna", "192.0.2.1", "right"}, "1", _success, _begin);
        CPPUNIT_ASSERT(!cache.find({"anna", "192.0.2.1", "right"}, "2", _begin));
        CPPUNIT_ASSERT(!cache.find({"anna", "192.0.2.1", "right"}, "1", _begin));
    }

    void memoryIsBounded() {
        SuccessCache cache(60s, 3);
        for (const char* const user : {"a", "b", "c", "d"})
            cache.remember({user, "192.0.2.1", "right"}, "1", _success, _begin);
        CPPUNIT_ASSERT(!cache.find({"a", "192.0.2.1", "right"}, "1", _begin));
        CPPUNIT_ASSERT(cache.find({"b", "192.0.2.1", "right"}, "1", _begin) &&
                       cache.find({"d", "192.0.2.1", "right"}, "1", _begin));
    }

    void aLifetimeOfZeroRemembersNothing() {
        SuccessCache cache(0s);
        cache.remember({"anna", "192.0.2.1", "right"}, "1", _success, _begin);
        CPPUNIT_ASSERT(!cache.isInUse() && !cache.find({"anna", "192.0.2.1", "right"}, "1", _begin));
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(SuccessCacheTest);
