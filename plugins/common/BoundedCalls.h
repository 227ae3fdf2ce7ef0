// Runs calls that may hang (into a database's or a directory's library) on a bounded number of threads of its own: who
// asks waits for a bounded time, whatever the library does.
//
// Threads begin when they are needed and end when they had nothing to do for idleTime. Any thread may call. A call that
// was given up goes on on its thread until the library returns; while all threads are in such calls, ask() fails at
// once instead of letting everybody wait in turn. The destructor waits for running calls no longer than ask() does, and
// leaves the others behind: they own what they use. So the library with this code must never be unloaded (-z nodelete).
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

namespace maildock::common {

class BoundedCalls {
public:
    static constexpr std::chrono::seconds idleTime{20};

    // whenIdle: called by a thread before it ends, to close what it may have used; may outlive this object as jobs do.
    BoundedCalls(std::size_t threads, std::chrono::milliseconds patience, std::function<void()> whenIdle);
    ~BoundedCalls();
    BoundedCalls(const BoundedCalls&) = delete;
    BoundedCalls& operator=(const BoundedCalls&) = delete;

    // What the job returns; nothing if it did not end in time, or threw. The job may outlive this call: it owns all
    // that it uses.
    template <class Result>
    [[nodiscard]] std::optional<Result> ask(std::function<Result()> job) {
        const auto answer = std::make_shared<std::optional<Result>>();  // the job's until run() says that it is done
        if (!run([answer, job = std::move(job)] { *answer = job(); })) return std::nullopt;
        return std::move(*answer);
    }

    // Nobody waits for this one. It may outlive this object, as any job. False: there is no thread to be had for it.
    [[nodiscard]] bool post(std::function<void()> job);

private:
    struct Job;
    struct State;
    void enqueue(const std::shared_ptr<Job>& job);  // with the mutex held
    [[nodiscard]] bool run(std::function<void()> work);
    static void serve(const std::shared_ptr<State>& state);

    const std::size_t _maxThreads;
    const std::chrono::milliseconds _patience;
    const std::shared_ptr<State> _state;  // the threads' too
};

}  // namespace maildock::common
