// The processor time that one turn of a conversation takes: nobody else is served by that thread meanwhile, so it has
// to be short, whatever the client asks for. One thread.
#pragma once

#include <time.h>

#include <cstdint>

namespace imapd {

class TurnClock {
public:
    // isOn: else nothing is measured, since asking costs a call of the kernel.
    explicit TurnClock(bool isOn) : _began(isOn ? now() : -1) {}
    // 0 where nothing is measured.
    [[nodiscard]] std::int64_t microseconds() const { return _began < 0 ? 0 : now() - _began; }

private:
    static std::int64_t now() {
        timespec time{};
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
        return time.tv_sec * std::int64_t{1'000'000} + time.tv_nsec / 1000;
    }
    const std::int64_t _began;
};

}  // namespace imapd
