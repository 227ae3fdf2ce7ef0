// Batches: each message is given once, and what takes long is given less.
#include "imapd/commands/Batches.h"

#include <cppunit/extensions/HelperMacros.h>

#include <stdexcept>

namespace imapd {

using maildir::Uid;
using std::chrono::milliseconds;

class BatchesTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(BatchesTest);
    CPPUNIT_TEST(givesEachMessageOnce);
    CPPUNIT_TEST(givesNoMoreThanAsked);
    CPPUNIT_TEST(givesThoseThatFailedAgain);
    CPPUNIT_TEST(sizeFollowsTime);
    CPPUNIT_TEST_SUITE_END();

    static std::vector<Uid> upTo(std::uint32_t count) {
        std::vector<Uid> uids;
        for (std::uint32_t uid = 1; uid <= count; ++uid) uids.push_back(Uid{uid});
        return uids;
    }

public:
    void givesEachMessageOnce() {
        for (const std::uint32_t count : {0u, 1u, 128u, 129u, 5000u}) {
            Batches batches(upTo(count));
            std::vector<Uid> given;
            while (!batches.isOver()) {
                batches.next([&](std::span<const Uid> uids) {
                    CPPUNIT_ASSERT(!uids.empty() && uids.size() <= Batches::most);
                    given.insert(given.end(), uids.begin(), uids.end());
                });
            }
            CPPUNIT_ASSERT(given == upTo(count));
        }
    }

    void givesNoMoreThanAsked() {
        Batches batches(upTo(1000), 100);
        for (int call = 0; call < 10; ++call) {
            batches.next([](std::span<const Uid> uids) { CPPUNIT_ASSERT_EQUAL(std::size_t(100), uids.size()); });
        }
        CPPUNIT_ASSERT(batches.isOver());
    }

    void givesThoseThatFailedAgain() {
        Batches batches(upTo(2));
        CPPUNIT_ASSERT_THROW(batches.next([](std::span<const Uid>) { throw std::runtime_error("full"); }),
                             std::runtime_error);
        CPPUNIT_ASSERT(!batches.isOver());
        batches.next([](std::span<const Uid> uids) { CPPUNIT_ASSERT_EQUAL(std::size_t(2), uids.size()); });
        CPPUNIT_ASSERT(batches.isOver());
    }

    void sizeFollowsTime() {
        CPPUNIT_ASSERT_EQUAL(std::size_t(256), Batches::sizeAfter(128, milliseconds(9)));
        CPPUNIT_ASSERT_EQUAL(std::size_t(128), Batches::sizeAfter(128, milliseconds(15)));
        CPPUNIT_ASSERT_EQUAL(std::size_t(64), Batches::sizeAfter(128, milliseconds(21)));
        CPPUNIT_ASSERT_EQUAL(Batches::most, Batches::sizeAfter(Batches::most, milliseconds(0)));
        CPPUNIT_ASSERT_EQUAL(Batches::least, Batches::sizeAfter(Batches::least, milliseconds(5000)));
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(BatchesTest);

}  // namespace imapd
