// The mutex of a mailbox's writer, which can be waited for with a limit of time.
//
// A std::timed_mutex would do, but ThreadSanitizer of GCC 12 does not know the call behind it
// (pthread_mutex_clocklock): it would take every access under the lock for a race.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>

namespace maildir {

class WriterMutex {
public:
    void lock() {
        std::unique_lock lock(_mutex);
        _freed.wait(lock, [this] { return !_isHeld; });
        _isHeld = true;
    }
    // False: other threads had it all the time.
    // NOLINTNEXTLINE(readability-identifier-naming): as the standard library has it
    [[nodiscard]] bool try_lock_for(std::chrono::milliseconds most) {
        std::unique_lock lock(_mutex);
        if (!_freed.wait_for(lock, most, [this] { return !_isHeld; })) return false;
        _isHeld = true;
        return true;
    }
    void unlock() {
        // Told under the mutex: the next owner may end the mailbox as soon as it has the lock.
        const std::lock_guard lock(_mutex);
        _isHeld = false;
        _freed.notify_one();
    }

private:
    std::mutex _mutex;  // held for a moment only
    std::condition_variable _freed;
    bool _isHeld = false;
};

}  // namespace maildir
