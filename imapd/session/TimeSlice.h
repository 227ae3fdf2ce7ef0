// How long one step of a command may run before others have their turn.
#pragma once

#include <time.h>

#include <cstdint>

namespace imapd {

class TimeSlice {
public:
    [[nodiscard]] bool isOver() const { return now() >= _end; }

private:
    // By ticks of the kernel (10 ms at most): asked once a message, the exact time would be half of a SEARCH.
    static std::int64_t now() {
        timespec time{};
        clock_gettime(CLOCK_MONOTONIC_COARSE, &time);
        return time.tv_sec * std::int64_t{1'000'000'000} + time.tv_nsec;
    }
    static constexpr std::int64_t length = 40'000'000;  // nanoseconds
    std::int64_t _end = now() + length;
};

}  // namespace imapd
