// A pool never gives more blocks than it has, none to two at once, and all of them come back.
#include "imapd/session/OctetPool.h"

#include <cppunit/extensions/HelperMacros.h>

#include <algorithm>
#include <atomic>
#include <thread>
#include <vector>

namespace imapd {

class OctetPoolTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(OctetPoolTest);
    CPPUNIT_TEST(givesWhatIsLeft);
    CPPUNIT_TEST(givesBackOnce);
    CPPUNIT_TEST(givesAgainWhatCameBack);
    CPPUNIT_TEST(takesManyThreads);
    CPPUNIT_TEST_SUITE_END();

    std::shared_ptr<OctetPool> _pool = std::make_shared<OctetPool>(100, 3);

    [[nodiscard]] std::size_t left() {
        std::vector<OctetPool::Block> taken;
        while (auto block = _pool->take()) taken.push_back(std::move(*block));
        return taken.size();
    }

public:
    void givesWhatIsLeft() {
        const auto one = _pool->take(), other = _pool->take();
        CPPUNIT_ASSERT(one && other && one->octets().data() != other->octets().data());
        CPPUNIT_ASSERT_EQUAL(std::size_t(100), one->octets().size());
        CPPUNIT_ASSERT_EQUAL(std::size_t(1), left());
    }

    void givesBackOnce() {
        auto block = _pool->take();
        {
            std::optional<OctetPool::Block> moved = std::move(block);
            block.reset();
            CPPUNIT_ASSERT_EQUAL(std::size_t(2), left());
            auto other = _pool->take();
            *moved = std::move(*other);
            other.reset();
            CPPUNIT_ASSERT_EQUAL(std::size_t(2), left());
        }
        CPPUNIT_ASSERT_EQUAL(std::size_t(3), left());
    }

    void givesAgainWhatCameBack() {
        const char* const first = _pool->take()->octets().data();
        CPPUNIT_ASSERT(first == _pool->take()->octets().data());
    }

    void takesManyThreads() {
        std::vector<std::thread> threads;
        std::atomic<int> held{0}, most{0}, foreign{0};
        for (int number = 0; number < 4; ++number) {
            threads.emplace_back([&, mark = static_cast<char>('a' + number)] {
                for (int i = 0; i < 20000; ++i) {
                    const auto block = _pool->take();
                    if (!block) continue;
                    const int now = ++held;
                    int before = most;
                    while (before < now && !most.compare_exchange_weak(before, now)) {
                    }
                    std::ranges::fill(block->octets(), mark);
                    if (std::ranges::count(block->octets(), mark) != 100) ++foreign;
                    --held;
                }
            });
        }
        for (std::thread& thread : threads) thread.join();
        CPPUNIT_ASSERT(most >= 1 && most <= 3);
        CPPUNIT_ASSERT_EQUAL(0, foreign.load());
        CPPUNIT_ASSERT_EQUAL(std::size_t(3), left());
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(OctetPoolTest);

}  // namespace imapd
