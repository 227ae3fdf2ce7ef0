// Calls that hang hold up whoever asks for a bounded time, and then nobody.
#include <cppunit/extensions/HelperMacros.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <stdexcept>
#include <thread>

#include "plugins/common/BoundedCalls.h"

namespace {

using maildock::common::BoundedCalls;
using std::chrono::milliseconds;

// What jobs wait at, until it is opened; shared, since a job may outlive the test.
struct Gate {
    std::mutex mutex;
    std::condition_variable news;
    bool isOpen = false;
    int waiting = 0;

    void pass() {
        std::unique_lock lock(mutex);
        ++waiting;
        news.notify_all();
        news.wait(lock, [this] { return isOpen; });
        --waiting;
        news.notify_all();
    }
    void open() {
        std::unique_lock lock(mutex);
        isOpen = true;
        news.notify_all();
        news.wait(lock, [this] { return waiting == 0; });
    }
};

class BoundedCallsTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(BoundedCallsTest);
    CPPUNIT_TEST(answersComeBack);
    CPPUNIT_TEST(aJobThatThrowsHasNoAnswer);
    CPPUNIT_TEST(noMoreRunAtOnceThanAllowed);
    CPPUNIT_TEST(hangingCallsAreGivenUp);
    CPPUNIT_TEST_SUITE_END();

public:
    void answersComeBack() {
        BoundedCalls calls(2, milliseconds(10000), {});
        for (int i = 0; i < 100; ++i) CPPUNIT_ASSERT_EQUAL(i, calls.ask<int>([i] { return i; }).value_or(-1));
    }

    void aJobThatThrowsHasNoAnswer() {
        BoundedCalls calls(1, milliseconds(10000), {});
        CPPUNIT_ASSERT(!calls.ask<int>([]() -> int { throw std::runtime_error("x"); }));
        CPPUNIT_ASSERT_EQUAL(1, calls.ask<int>([] { return 1; }).value_or(-1));
    }

    void noMoreRunAtOnceThanAllowed() {
        BoundedCalls calls(3, milliseconds(20000), {});
        const auto running = std::make_shared<std::atomic<int>>(0);
        const auto most = std::make_shared<std::atomic<int>>(0);
        std::atomic<int> answered{0};
        {
            std::vector<std::jthread> askers;
            for (int i = 0; i < 12; ++i) {
                askers.emplace_back([&] {
                    const auto answer = calls.ask<int>([running, most] {
                        const int now = ++*running;
                        int before = *most;
                        while (before < now && !most->compare_exchange_weak(before, now)) {
                        }
                        std::this_thread::sleep_for(milliseconds(5));
                        --*running;
                        return 1;
                    });
                    answered += answer.value_or(0);
                });
            }
        }
        CPPUNIT_ASSERT_EQUAL(12, answered.load());
        CPPUNIT_ASSERT(*most >= 1 && *most <= 3);
    }

    void hangingCallsAreGivenUp() {
        const auto gate = std::make_shared<Gate>();
        BoundedCalls calls(2, milliseconds(50), {});
        const std::function<int()> hang = [gate] {
            gate->pass();
            return 1;
        };
        CPPUNIT_ASSERT(!calls.ask<int>(hang));
        CPPUNIT_ASSERT(!calls.ask<int>(hang));
        // Both threads hang: nobody waits any more.
        const auto begin = std::chrono::steady_clock::now();
        for (int i = 0; i < 100; ++i) CPPUNIT_ASSERT(!calls.ask<int>([] { return 1; }));
        CPPUNIT_ASSERT(std::chrono::steady_clock::now() - begin < milliseconds(2500));
        gate->open();
        const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
        while (!calls.ask<int>([] { return 1; })) CPPUNIT_ASSERT(std::chrono::steady_clock::now() < deadline);
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(BoundedCallsTest);

}  // namespace
