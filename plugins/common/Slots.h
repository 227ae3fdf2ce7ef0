// How many may do something at once. Who finds all slots taken waits; but while all of them have been held for longer
// than `patience`, newcomers are sent away at once, so that something that hangs does not hold up a queue. Any thread.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <set>

namespace maildock::common {

class Slots {
public:
    using Clock = std::chrono::steady_clock;

    Slots(std::size_t count, std::chrono::milliseconds patience) : _count(count), _patience(patience) {}

    // Holds a slot, if it got one, as long as it lives; the Slots outlive it.
    class Lease {
    public:
        // Waits until the deadline at most.
        Lease(Slots& slots, Clock::time_point deadline);
        ~Lease();
        Lease(const Lease&) = delete;
        Lease& operator=(const Lease&) = delete;
        [[nodiscard]] bool isHeld() const { return _isHeld; }

    private:
        Slots& _slots;
        std::multiset<Clock::time_point>::iterator _place;
        bool _isHeld = false;
    };

private:
    const std::size_t _count;
    const std::chrono::milliseconds _patience;
    std::mutex _mutex;
    std::condition_variable _freed;
    std::multiset<Clock::time_point> _held;  // guarded by _mutex: since when
};

}  // namespace maildock::common
