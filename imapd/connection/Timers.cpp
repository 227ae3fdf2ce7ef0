#include "imapd/connection/Timers.h"

#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <system_error>

namespace imapd {

namespace {
constexpr std::size_t batch = 64;
}

Timers::Timers() : _timer(::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC)) {
    if (_timer < 0) throw std::system_error(errno, std::generic_category(), "timerfd_create");
}

Timers::~Timers() {
    ::close(_timer);
}

void Timers::schedule(Task& task, TimePoint deadline) {
    const MutexLock lock(_mutex);
    if (task._timer <= deadline) return;
    if (task._timer != TimePoint::max()) _entries.erase({task._timer, &task});
    task._timer = TimePoint::max();
    _entries.emplace(deadline, &task);
    task._timer = deadline;
    if (deadline < _armed) armLocked(deadline);
}

void Timers::cancel(Task& task) noexcept {
    const MutexLock lock(_mutex);
    if (task._timer == TimePoint::max()) return;
    _entries.erase({task._timer, &task});
    task._timer = TimePoint::max();
}

void Timers::fire() noexcept {
    std::uint64_t expirations = 0;
    while (::read(_timer, &expirations, sizeof expirations) < 0 && errno == EINTR) continue;
    std::array<std::shared_ptr<Task>, batch> due;
    for (bool isMore = true; isMore;) {
        std::size_t count = 0;
        const TimePoint now = std::chrono::steady_clock::now();
        {
            const MutexLock lock(_mutex);
            while (!_entries.empty() && _entries.begin()->first <= now && count < due.size()) {
                Task* const task = _entries.begin()->second;
                _entries.erase(_entries.begin());
                task->_timer = TimePoint::max();
                // A task cancels before its last owner lets it go, so here it is still owned.
                due[count++] = task->shared_from_this();
            }
            isMore = count == due.size();
            if (!isMore) armLocked(_entries.empty() ? TimePoint::max() : _entries.begin()->first);
        }
        for (std::size_t i = 0; i < count; ++i) std::exchange(due[i], nullptr)->call();
    }
}

void Timers::armLocked(TimePoint time) noexcept {
    using std::chrono::nanoseconds;
    _armed = time;
    itimerspec spec{};
    if (time != TimePoint::max()) {
        // Zero would disarm; a time in the past fires at once.
        const auto count =
            std::max<std::int64_t>(1, std::chrono::duration_cast<nanoseconds>(time.time_since_epoch()).count());
        spec.it_value.tv_sec = static_cast<time_t>(count / 1'000'000'000);
        spec.it_value.tv_nsec = static_cast<long>(count % 1'000'000'000);
    }
    ::timerfd_settime(_timer, TFD_TIMER_ABSTIME, &spec, nullptr);
}

}  // namespace imapd
