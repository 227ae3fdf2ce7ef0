// What the workers run, never two of them at once: the state of one connection's turns, and the queue of those due.
//
// A task is Parked (something outside will bring its next turn), Queued, Running, or RunningAgain (Running, and called
// for meanwhile: it will be queued again), at last Gone. All changes are atomic, so a call is never lost.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <memory>
#include <vector>

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
    // For that worker too: whether the next turn goes on with what the last one did not finish.
    [[nodiscard]] bool isLong() const noexcept { return _isLong; }
    void setLong(bool isLong) noexcept { _isLong = isLong; }
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
    bool _isLong = false;         // written while Running, which the changes of _state order before all that read it
    std::shared_ptr<Task> _next;  // ReadyQueue's, under its mutex
    std::chrono::steady_clock::time_point _longSince;  // ReadyQueue's, likewise
    std::chrono::steady_clock::time_point _timer = std::chrono::steady_clock::time_point::max();  // Timers', likewise
};

// First come, first served, in two lines: tasks that begin something, and those that go on with something long. Only
// some of the long ones run at once, so that workers and cores are left for what takes a moment. A turn that takes much
// longer than a turn should waits for something (a slow disk) rather than for a core: it lets another long one begin.
// Thread-safe; outlives the scheduler as long as a waker holds it.
class ReadyQueue {
public:
    using Clock = std::chrono::steady_clock;
    // A turn of a long task that takes more does not count among those that share the cores.
    static constexpr std::chrono::milliseconds longestTurn{100};

    explicit ReadyQueue(std::size_t workers);  // throws std::system_error
    ~ReadyQueue();
    ReadyQueue(const ReadyQueue&) = delete;
    ReadyQueue& operator=(const ReadyQueue&) = delete;

    // Becomes readable when a worker is wanted. To be watched edge-triggered.
    [[nodiscard]] int descriptor() const { return _event; }

    void push(std::shared_ptr<Task> task) noexcept;
    // Or null; a task that comes out is Running. If it is a long one, endLong() follows its turn.
    std::shared_ptr<Task> pop() noexcept;
    // For a worker that holds an event of a long task: false if it has to queue. Otherwise endLong() follows its turn.
    bool beginLong(Task& task) noexcept;
    // That worker pops next, and so finds the long ones that have room now.
    void endLong(const Task& task) noexcept;
    // How long a worker may wait for events, in milliseconds: 0 if something is queued that may run; forever (-1) if
    // whoever pushes such from now on signals. If not 0, endWait() follows with the same.
    [[nodiscard]] int beginWait() noexcept;
    void endWait(int timeout) noexcept;
    void signal() noexcept;
    // Drops what is queued, and what will be.
    void close() noexcept;

private:
    struct Line {
        std::shared_ptr<Task> head;
        Task* tail = nullptr;

        void push(std::shared_ptr<Task> task) noexcept;
        std::shared_ptr<Task> pop() noexcept;
    };

    void countLongLocked(Task& task) noexcept REQUIRES(_mutex);
    [[nodiscard]] bool hasRoomLocked() const noexcept REQUIRES(_mutex);
    [[nodiscard]] bool hasWorkLocked() const noexcept REQUIRES(_mutex);
    [[nodiscard]] bool needsWatchLocked() const noexcept REQUIRES(_mutex);
    [[nodiscard]] bool wantsWorkerLocked() const noexcept REQUIRES(_mutex);
    [[nodiscard]] Clock::time_point roomAtLocked() const noexcept REQUIRES(_mutex);

    const std::size_t _mostLong,
        _mostWithSlow;  // turns of long tasks at once; the same, with those that wait for something
    Mutex _mutex;
    Line _fresh GUARDED_BY(_mutex), _long GUARDED_BY(_mutex);
    std::vector<Clock::time_point> _longTurns GUARDED_BY(_mutex);  // when those that run began, in order
    bool _isLongNext GUARDED_BY(_mutex) = false;                   // where both lines have somebody
    bool _isWatched GUARDED_BY(_mutex) = false;                    // a waiting worker looks again at roomAtLocked()
    int _waiting GUARDED_BY(_mutex) = 0;
    bool _isClosed GUARDED_BY(_mutex) = false;
    int _event = -1;
};

}  // namespace imapd
