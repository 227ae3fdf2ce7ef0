#include "imapd/connection/Task.h"

#include <sys/eventfd.h>
#include <unistd.h>

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

ReadyQueue::ReadyQueue() : _event(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
    if (_event < 0) throw std::system_error(errno, std::generic_category(), "eventfd");
}

ReadyQueue::~ReadyQueue() {
    ::close(_event);
}

void ReadyQueue::push(std::shared_ptr<Task> task) noexcept {
    bool isWanted = false;
    {
        const MutexLock lock(_mutex);
        if (_isClosed) return;  // `task` is let go after the lock
        Task* const added = task.get();
        (_tail == nullptr ? _head : _tail->_next) = std::move(task);
        _tail = added;
        isWanted = _waiting > 0;
    }
    if (isWanted) signal();
}

std::shared_ptr<Task> ReadyQueue::pop() noexcept {
    std::shared_ptr<Task> task;
    bool isWanted = false;
    {
        const MutexLock lock(_mutex);
        if (!_head) return nullptr;
        task = std::move(_head);
        _head = std::move(task->_next);
        if (!_head) _tail = nullptr;
        isWanted = _head && _waiting > 0;  // signals that came close together may have woken one worker only
    }
    if (isWanted) signal();
    task->_state.store(Task::State::Running, std::memory_order_release);
    return task;
}

bool ReadyQueue::beginWait() noexcept {
    const MutexLock lock(_mutex);
    if (_head) return false;
    ++_waiting;
    return true;
}

void ReadyQueue::endWait() noexcept {
    const MutexLock lock(_mutex);
    --_waiting;
}

void ReadyQueue::signal() noexcept {
    const std::uint64_t one = 1;
    // Full after 2^64-2 signals only; an error would mean a bad descriptor.
    [[maybe_unused]] const ssize_t written = ::write(_event, &one, sizeof one);
}

void ReadyQueue::close() noexcept {
    std::shared_ptr<Task> rest;
    {
        const MutexLock lock(_mutex);
        _isClosed = true;
        rest = std::move(_head);
        _tail = nullptr;
    }
    while (rest) rest = std::move(rest->_next);  // one by one: a long chain must not be freed recursively
}

}  // namespace imapd
