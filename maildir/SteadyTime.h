// A clock for how long ago something was: nobody sets it back. As coarse as the kernel's ticks (10 ms at most), which
// costs nothing.
#pragma once

#include <time.h>

#include <cstdint>

namespace maildir {

inline std::int64_t steadyMilliseconds() {
    timespec time{};
    clock_gettime(CLOCK_MONOTONIC_COARSE, &time);
    return time.tv_sec * std::int64_t{1000} + time.tv_nsec / 1'000'000;
}

}  // namespace maildir
