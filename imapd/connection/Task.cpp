#include "imapd/connection/Task.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <system_error>
#include <utility>

namespace imapd {

void Task::wake() noexcept {
    _isWoken.store(true, std::memory_order_release);
    call();
}

void Task::call() noexcept {
    if (becomeQueued()) _queue->push(shared_from_this());
}

bool Task::becomeQueued() noexcept {
    State state = _state.load(std::memory_order_acquire);
    for (;;) {
        if (state != State::Parked && state != State::Running) return false;
        const State next = state == State::Parked ? State::Queued : State::RunningAgain;
        if (_state.compare_exchange_weak(state, next, std::memory_order_acq_rel)) return next == State::Queued;
    }
}

bool Task::start() noexcept {
    State state = _state.load(std::memory_order_acquire);
    for (;;) {
        if (state != State::Parked && state != State::Running) return false;
        const State next = state == State::Parked ? State::Running : State::RunningAgain;
        if (_state.compare_exchange_weak(state, next, std::memory_order_acq_rel)) return next == State::Running;
    }
}

void Task::park() noexcept {
    State state = State::Running;
    if (!_state.compare_exchange_strong(state, State::Parked, std::memory_order_acq_rel)) requeue();
}

void Task::requeue() noexcept {
    _state.store(State::Queued, std::memory_order_release);
    _queue->push(shared_from_this());
}

// Half of the workers, which are twice as many as the cores unless the admin chose otherwise; a quarter is never taken.
ReadyQueue::ReadyQueue(std::size_t workers)
    : _mostLong(std::max<std::size_t>(workers / 2, 1)),
      _mostWithSlow(std::max(workers - std::max<std::size_t>(workers / 4, 1), _mostLong)),
      _event(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
    if (_event < 0) throw std::system_error(errno, std::generic_category(), "eventfd");
    _longTurns.reserve(_mostWithSlow);
}

ReadyQueue::~ReadyQueue() {
    ::close(_event);
}

void ReadyQueue::Line::push(std::shared_ptr<Task> task) noexcept {
    Task* const added = task.get();
    (tail == nullptr ? head : tail->_next) = std::move(task);
    tail = added;
}

std::shared_ptr<Task> ReadyQueue::Line::pop() noexcept {
    std::shared_ptr<Task> task = std::move(head);
    head = std::move(task->_next);
    if (!head) tail = nullptr;
    return task;
}

void ReadyQueue::push(std::shared_ptr<Task> task) noexcept {
    bool isWanted = false;
    {
        const MutexLock lock(_mutex);
        if (_isClosed) return;  // `task` is let go after the lock
        Line& line = task->_isLong ? _long : _fresh;
        line.push(std::move(task));
        isWanted = wantsWorkerLocked();
    }
    if (isWanted) signal();
}

std::shared_ptr<Task> ReadyQueue::pop() noexcept {
    std::shared_ptr<Task> task;
    bool isWanted = false;
    {
        const MutexLock lock(_mutex);
        // In turns where both wait: neither can starve the other.
        const bool isLong = _long.head && (_isLongNext || !_fresh.head) && hasRoomLocked();
        if (!isLong && !_fresh.head) return nullptr;
        _isLongNext = !isLong;
        task = (isLong ? _long : _fresh).pop();
        if (isLong) countLongLocked(*task);
        isWanted = wantsWorkerLocked();  // signals that came close together may have woken one worker only
    }
    if (isWanted) signal();
    task->_state.store(Task::State::Running, std::memory_order_release);
    return task;
}

bool ReadyQueue::beginLong(Task& task) noexcept {
    const MutexLock lock(_mutex);
    if (_long.head || !hasRoomLocked()) return false;
    countLongLocked(task);
    return true;
}

void ReadyQueue::endLong(const Task& task) noexcept {
    const MutexLock lock(_mutex);
    _longTurns.erase(std::find(_longTurns.begin(), _longTurns.end(), task._longSince));
}

int ReadyQueue::beginWait() noexcept {
    using std::chrono::milliseconds;
    const MutexLock lock(_mutex);
    if (hasWorkLocked()) return 0;
    ++_waiting;
    if (!needsWatchLocked()) return -1;
    _isWatched = true;
    const auto left = std::chrono::ceil<milliseconds>(roomAtLocked() - Clock::now());
    return static_cast<int>(std::clamp(left, milliseconds(1), longestTurn).count());
}

void ReadyQueue::endWait(int timeout) noexcept {
    bool isWanted = false;
    {
        const MutexLock lock(_mutex);
        --_waiting;
        if (timeout > 0) {
            _isWatched = false;
            isWanted = wantsWorkerLocked();  // this worker may have other things to do
        }
    }
    if (isWanted) signal();
}

void ReadyQueue::countLongLocked(Task& task) noexcept {
    task._longSince = Clock::now();
    _longTurns.push_back(task._longSince);
}

// For one more turn of a long task.
bool ReadyQueue::hasRoomLocked() const noexcept {
    if (_longTurns.size() < _mostLong) return true;
    return _longTurns.size() < _mostWithSlow && roomAtLocked() <= Clock::now();
}

// When fewer than _mostLong of the turns that run now will count.
ReadyQueue::Clock::time_point ReadyQueue::roomAtLocked() const noexcept {
    return _longTurns[_longTurns.size() - _mostLong] + longestTurn;
}

bool ReadyQueue::hasWorkLocked() const noexcept {
    return _fresh.head || (_long.head && hasRoomLocked());
}

// Somebody has to come back at a time, since the end of a turn may be far away.
bool ReadyQueue::needsWatchLocked() const noexcept {
    return _long.head && !_isWatched && _longTurns.size() >= _mostLong && _longTurns.size() < _mostWithSlow;
}

bool ReadyQueue::wantsWorkerLocked() const noexcept {
    return _waiting > 0 && (needsWatchLocked() || hasWorkLocked());
}

void ReadyQueue::signal() noexcept {
    const std::uint64_t one = 1;
    // Full after 2^64-2 signals only; an error would mean a bad descriptor.
    [[maybe_unused]] const ssize_t written = ::write(_event, &one, sizeof one);
}

void ReadyQueue::close() noexcept {
    Line fresh, goingOn;
    {
        const MutexLock lock(_mutex);
        _isClosed = true;
        std::swap(fresh, _fresh);
        std::swap(goingOn, _long);
    }
    for (Line* line : {&fresh, &goingOn}) {
        while (line->head) line->pop();  // one by one: a long chain must not be freed recursively
    }
}

}  // namespace imapd
