// The deadlines of all tasks, in one ordered structure with one timer descriptor.
//
// Thread-safe. Deadlines that move later, as those of busy connections do all the time, cost nothing: the old entry
// stays and brings a turn for nothing, once.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <set>
#include <utility>

#include "imapd/connection/Mutex.h"
#include "imapd/connection/Task.h"

namespace imapd {

class Timers {
public:
    using TimePoint = std::chrono::steady_clock::time_point;

    Timers();  // throws std::system_error
    ~Timers();
    Timers(const Timers&) = delete;
    Timers& operator=(const Timers&) = delete;

    // Becomes readable when a deadline has passed. To be watched edge-triggered.
    [[nodiscard]] int descriptor() const { return _timer; }

    // The task will be called at `deadline` at the latest. Throws std::bad_alloc. It must be cancelled before it is
    // destroyed.
    void schedule(Task& task, TimePoint deadline);
    void cancel(Task& task) noexcept;
    // Calls the tasks whose time has come.
    void fire() noexcept;

private:
    void armLocked(TimePoint time) noexcept REQUIRES(_mutex);

    Mutex _mutex;
    std::set<std::pair<TimePoint, Task*>> _entries GUARDED_BY(_mutex);
    TimePoint _armed GUARDED_BY(_mutex) = TimePoint::max();
    int _timer = -1;
};

}  // namespace imapd
