#include "plugins/common/BoundedCalls.h"

#include <pthread.h>
#include <signal.h>

#include <condition_variable>
#include <deque>
#include <mutex>
#include <system_error>
#include <thread>

namespace maildock::common {

struct BoundedCalls::Job {
    std::function<void()> work;
    bool isRunning = false, isDone = false, isGivenUp = false;
};

struct BoundedCalls::State {
    std::mutex mutex;  // guards all of this, and the flags of the jobs
    std::condition_variable news;
    std::deque<std::shared_ptr<Job>> queue;
    std::size_t threads = 0, idle = 0, stuck = 0;
    bool isEnding = false;
    std::function<void()> whenIdle;  // constant
};

namespace {

// Signals are the program's main thread's.
class SignalsBlocked {
public:
    SignalsBlocked() {
        sigset_t all;
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &_before);
    }
    ~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &_before, nullptr); }
    SignalsBlocked(const SignalsBlocked&) = delete;
    SignalsBlocked& operator=(const SignalsBlocked&) = delete;

private:
    sigset_t _before{};
};

}  // namespace

BoundedCalls::BoundedCalls(std::size_t threads, std::chrono::milliseconds patience, std::function<void()> whenIdle)
    : _maxThreads(threads), _patience(patience), _state(std::make_shared<State>()) {
    _state->whenIdle = std::move(whenIdle);
}

BoundedCalls::~BoundedCalls() {
    std::unique_lock lock(_state->mutex);
    _state->isEnding = true;
    _state->news.notify_all();
    _state->news.wait_for(lock, _patience, [this] { return _state->threads == _state->stuck; });
}

void BoundedCalls::enqueue(const std::shared_ptr<Job>& job) {
    _state->queue.push_back(job);
    if (_state->idle < _state->queue.size() && _state->threads < _maxThreads) {
        const SignalsBlocked blocked;
        try {
            std::thread([state = _state] { serve(state); }).detach();
            ++_state->threads;
        } catch (const std::system_error&) {
            // The threads that there are take it in their turn, or its time runs out.
        }
    }
    _state->news.notify_all();
}

bool BoundedCalls::post(std::function<void()> job) {
    const auto posted = std::make_shared<Job>();
    posted->work = std::move(job);
    const std::lock_guard lock(_state->mutex);
    enqueue(posted);
    if (_state->threads > 0) return true;
    std::erase(_state->queue, posted);
    return false;
}

bool BoundedCalls::run(std::function<void()> work) {
    const auto job = std::make_shared<Job>();
    job->work = std::move(work);
    std::unique_lock lock(_state->mutex);
    if (_state->stuck >= _maxThreads) return false;
    enqueue(job);
    if (_state->news.wait_for(lock, _patience, [&job] { return job->isDone; })) return true;
    job->isGivenUp = true;
    if (job->isRunning) {
        ++_state->stuck;
    } else {
        std::erase(_state->queue, job);
    }
    return false;
}

void BoundedCalls::serve(const std::shared_ptr<State>& state) {
    std::unique_lock lock(state->mutex);
    for (;;) {
        ++state->idle;
        const bool isCalled =
            state->news.wait_for(lock, idleTime, [&state] { return state->isEnding || !state->queue.empty(); });
        --state->idle;
        if (state->isEnding) break;
        if (!isCalled) {
            lock.unlock();
            if (state->whenIdle) state->whenIdle();
            lock.lock();
            if (state->queue.empty()) break;
            continue;
        }
        const std::shared_ptr<Job> job = state->queue.front();
        state->queue.pop_front();
        job->isRunning = true;
        lock.unlock();
        try {
            job->work();
        } catch (...) {
            // The asker sees that there is no answer.
        }
        job->work = nullptr;
        lock.lock();
        job->isDone = true;
        if (job->isGivenUp) --state->stuck;
        state->news.notify_all();
    }
    --state->threads;
    state->news.notify_all();
}

}  // namespace maildock::common
