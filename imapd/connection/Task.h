// What the workers run, never two of them at once: the state of one connection's turns, and the queue of those due.
//
// A task is Parked (something outside will bring its next turn), Queued, Running, or RunningAgain (Running, and called
// for meanwhile: it will be queued again), at last Gone. All changes are atomic, so a call is never lost.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <memory>

#include "imapd/connection/Conversation.h"
#include "imapd/connection/Mutex.h"

namespace imapd {

class ReadyQueue;

class Task : public Wakeable, public std::enable_shared_from_this<Task> {
public:
    explicit Task(std::shared_ptr<ReadyQueue> queue) : _queue(std::move(queue)) {}
    Task(const Task&) = delete;
    Task& operator=(const Task&) = delete;

    // For Waker: the next turn will see takeWoken().
    void wake() noexcept override;
    // Brings a turn, and no more; any thread.
    void call() noexcept;

    // For a worker that holds an event: true if the turn is its to run. Otherwise the turn to come sees to it.
    bool start() noexcept;
    // For the worker that runs it. park() fails if the task was called for meanwhile: then it is queued.
    void park() noexcept;
    void requeue() noexcept;
    void retire() noexcept { _state.store(State::Gone, std::memory_order_release); }

protected:
    bool takeWoken() noexcept { return _isWoken.exchange(false, std::memory_order_acq_rel); }

private:
    friend class ReadyQueue;
    friend class Timers;
    enum class State { Parked, Queued, Running, RunningAgain, Gone };

    bool becomeQueued() noexcept;

    const std::shared_ptr<ReadyQueue> _queue;
    std::atomic<State> _state = State::Queued;
    std::atomic<bool> _isWoken = false;
    std::shared_ptr<Task> _next;  // ReadyQueue's, under its mutex
    std::chrono::steady_clock::time_point _timer = std::chrono::steady_clock::time_point::max();  // Timers', likewise
};

// First come, first served. Thread-safe; outlives the scheduler as long as a waker holds it.
class ReadyQueue {
public:
    ReadyQueue();  // throws std::system_error
    ~ReadyQueue();
    ReadyQueue(const ReadyQueue&) = delete;
    ReadyQueue& operator=(const ReadyQueue&) = delete;

    // Becomes readable when a worker is wanted. To be watched edge-triggered.
    [[nodiscard]] int descriptor() const { return _event; }

    void push(std::shared_ptr<Task> task) noexcept;
    std::shared_ptr<Task> pop() noexcept;  // or null; a task that comes out is Running
    // Nothing is queued, and whoever pushes from now on signals. Ends with endWait().
    bool beginWait() noexcept;
    void endWait() noexcept;
    void signal() noexcept;
    // Drops what is queued, and what will be.
    void close() noexcept;

private:
    Mutex _mutex;
    std::shared_ptr<Task> _head GUARDED_BY(_mutex);
    Task* _tail GUARDED_BY(_mutex) = nullptr;
    int _waiting GUARDED_BY(_mutex) = 0;
    bool _isClosed GUARDED_BY(_mutex) = false;
    int _event = -1;
};

}  // namespace imapd
