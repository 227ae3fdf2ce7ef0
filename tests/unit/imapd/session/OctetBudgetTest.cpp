// A budget is never overdrawn, and all of it comes back.
#include "imapd/session/OctetBudget.h"

#include <cppunit/extensions/HelperMacros.h>

#include <thread>
#include <vector>

namespace imapd {

class OctetBudgetTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(OctetBudgetTest);
    CPPUNIT_TEST(givesWhatIsLeft);
    CPPUNIT_TEST(givesBackOnce);
    CPPUNIT_TEST(takesManyThreads);
    CPPUNIT_TEST_SUITE_END();

    std::shared_ptr<OctetBudget> _budget = std::make_shared<OctetBudget>(100);

    [[nodiscard]] bool has(std::uint64_t octets) { return _budget->take(octets).has_value(); }

public:
    void givesWhatIsLeft() {
        const auto share = _budget->take(60);
        CPPUNIT_ASSERT(share && !has(41) && has(40) && !has(UINT64_MAX));
        const auto rest = _budget->take(40);
        CPPUNIT_ASSERT(rest && !has(1) && has(0));
    }

    void givesBackOnce() {
        auto share = _budget->take(60);
        {
            std::optional<OctetBudget::Share> moved = std::move(share);
            share.reset();
            CPPUNIT_ASSERT(!has(41));
            auto other = _budget->take(30);
            *moved = std::move(*other);
            other.reset();
            CPPUNIT_ASSERT(has(70) && !has(71));
        }
        CPPUNIT_ASSERT(has(100) && !has(101));
    }

    void takesManyThreads() {
        std::vector<std::thread> threads;
        std::atomic<int> held{0}, most{0};
        for (int number = 0; number < 4; ++number) {
            threads.emplace_back([&] {
                for (int i = 0; i < 20000; ++i) {
                    const auto share = _budget->take(40);
                    if (!share) continue;
                    const int now = ++held;
                    int before = most;
                    while (before < now && !most.compare_exchange_weak(before, now)) {
                    }
                    --held;
                }
            });
        }
        for (std::thread& thread : threads) thread.join();
        CPPUNIT_ASSERT(most >= 1 && most <= 2);
        CPPUNIT_ASSERT(has(100) && !has(101));
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(OctetBudgetTest);

}  // namespace imapd
