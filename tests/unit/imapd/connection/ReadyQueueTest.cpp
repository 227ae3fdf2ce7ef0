// Which task runs next, how many long ones at once, and that a worker comes for each.
#include <cppunit/extensions/HelperMacros.h>
#include <poll.h>
#include <unistd.h>

#include "imapd/connection/Task.h"

namespace imapd::test {

class ReadyQueueTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(ReadyQueueTest);
    CPPUNIT_TEST(longTasksLeaveWorkersToOthers);
    CPPUNIT_TEST(neitherLineStarvesTheOther);
    CPPUNIT_TEST(eventOfALongTaskJumpsNoQueue);
    CPPUNIT_TEST(turnThatWaitsLetsAnotherBegin);
    CPPUNIT_TEST(oneWaitingWorkerLooksAgain);
    CPPUNIT_TEST(whoTakesATaskCallsTheNext);
    CPPUNIT_TEST(closedQueueKeepsNothing);
    CPPUNIT_TEST_SUITE_END();

public:
    void longTasksLeaveWorkersToOthers() {
        ReadyQueue queue(8);
        for (int i = 0; i < 6; ++i) queue.push(task(true));
        std::vector<std::shared_ptr<Task>> running;
        for (int i = 0; i < 4; ++i) running.push_back(popped(queue, true));
        CPPUNIT_ASSERT(!queue.pop());
        queue.push(task(false));
        popped(queue, false);
        CPPUNIT_ASSERT(!queue.pop());
        queue.endLong(*running.front());
        running.front() = popped(queue, true);
        CPPUNIT_ASSERT(!queue.pop());
        for (const auto& each : running) queue.endLong(*each);
        popped(queue, true);
    }

    void neitherLineStarvesTheOther() {
        for (const std::size_t workers : {1U, 2U}) {
            ReadyQueue queue(workers);
            for (int i = 0; i < 6; ++i) queue.push(task(i < 3));
            int fresh = 0;
            for (int i = 0; i < 6; ++i) {
                const auto next = queue.pop();
                CPPUNIT_ASSERT(next);
                fresh += next->isLong() ? 0 : 1;
                CPPUNIT_ASSERT(std::abs(2 * fresh - i - 1) <= 1);
                if (next->isLong()) queue.endLong(*next);
            }
        }
    }

    void eventOfALongTaskJumpsNoQueue() {
        ReadyQueue queue(2);
        const auto first = task(true), second = task(true);
        CPPUNIT_ASSERT(queue.beginLong(*first));
        CPPUNIT_ASSERT(!queue.beginLong(*second));
        queue.push(second);
        queue.endLong(*first);
        CPPUNIT_ASSERT(!queue.beginLong(*first));
        CPPUNIT_ASSERT(popped(queue, true) == second);
    }

    // No more than three quarters of the workers, however long they wait.
    void turnThatWaitsLetsAnotherBegin() {
        ReadyQueue queue(8);
        const auto began = ReadyQueue::Clock::now();
        for (int i = 0; i < 7; ++i) queue.push(task(true));
        std::vector<std::shared_ptr<Task>> running;
        for (int looks = 0; running.size() < 6; ++looks) {
            CPPUNIT_ASSERT(looks < 100);
            if (auto next = queue.pop()) {
                running.push_back(std::move(next));
                const bool isInTime =
                    running.size() <= 4 || ReadyQueue::Clock::now() - began >= ReadyQueue::longestTurn;
                CPPUNIT_ASSERT(isInTime);
            } else {
                wait(queue, queue.beginWait());
            }
        }
        CPPUNIT_ASSERT(!queue.pop());
        CPPUNIT_ASSERT_EQUAL(-1, queue.beginWait());
        queue.endWait(-1);
    }

    void oneWaitingWorkerLooksAgain() {
        ReadyQueue queue(2);
        const auto running = task(true);
        CPPUNIT_ASSERT(queue.beginLong(*running));
        CPPUNIT_ASSERT_EQUAL(-1, queue.beginWait());  // with two workers, one is left to others whatever happens
        queue.push(task(true));
        CPPUNIT_ASSERT(!isCalling(queue));

        ReadyQueue larger(4);
        const auto first = task(true), second = task(true);
        CPPUNIT_ASSERT(larger.beginLong(*first) && larger.beginLong(*second));
        CPPUNIT_ASSERT_EQUAL(-1, larger.beginWait());
        CPPUNIT_ASSERT_EQUAL(-1, larger.beginWait());
        larger.push(task(true));
        CPPUNIT_ASSERT(isCalling(larger));
        larger.endWait(-1);
        CPPUNIT_ASSERT(!larger.pop());
        const int timeout = larger.beginWait();
        CPPUNIT_ASSERT(timeout > 0 && timeout <= ReadyQueue::longestTurn.count());
        larger.push(task(true));
        CPPUNIT_ASSERT(!isCalling(larger));  // somebody looks already
        larger.endWait(timeout);             // and goes: the other one has to
        CPPUNIT_ASSERT(isCalling(larger));
        larger.endWait(-1);
        CPPUNIT_ASSERT(larger.beginWait() > 0);
    }

    void whoTakesATaskCallsTheNext() {
        ReadyQueue queue(8);
        CPPUNIT_ASSERT_EQUAL(-1, queue.beginWait());
        CPPUNIT_ASSERT_EQUAL(-1, queue.beginWait());
        queue.push(task(false));
        queue.push(task(true));
        CPPUNIT_ASSERT(isCalling(queue));
        queue.endWait(-1);
        popped(queue, false);
        CPPUNIT_ASSERT(isCalling(queue));
        queue.endWait(-1);
        popped(queue, true);
        CPPUNIT_ASSERT(!isCalling(queue));
    }

    void closedQueueKeepsNothing() {
        const auto queue = std::make_shared<ReadyQueue>(2);
        const auto fresh = task(false), goingOn = task(true);
        queue->push(fresh);
        queue->push(goingOn);
        queue->close();
        queue->push(fresh);
        CPPUNIT_ASSERT(!queue->pop());
        CPPUNIT_ASSERT_EQUAL(1L, fresh.use_count());
        CPPUNIT_ASSERT_EQUAL(1L, goingOn.use_count());
    }

private:
    static std::shared_ptr<Task> task(bool isLong) {
        auto result = std::make_shared<Task>(nullptr);
        result->setLong(isLong);
        return result;
    }
    static std::shared_ptr<Task> popped(ReadyQueue& queue, bool isLong) {
        auto result = queue.pop();
        CPPUNIT_ASSERT(result && result->isLong() == isLong);
        return result;
    }
    // As a worker does.
    static void wait(ReadyQueue& queue, int timeout) {
        CPPUNIT_ASSERT(timeout > 0);
        pollfd event{queue.descriptor(), POLLIN, 0};
        ::poll(&event, 1, timeout);
        queue.endWait(timeout);
    }
    // Whether a worker was called since this was asked last.
    static bool isCalling(const ReadyQueue& queue) {
        std::uint64_t calls = 0;
        return ::read(queue.descriptor(), &calls, sizeof calls) == sizeof calls;
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(ReadyQueueTest);

}  // namespace imapd::test
