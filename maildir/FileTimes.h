// What the time of a file says about the clock that it was taken from. A file system keeps times in steps of its own:
// some nanoseconds (then the kernel's clock ticks decide, 10 ms at most), a whole second as ext3 and many file servers
// do, two as FAT. Two changes within one step have the same time, so that the second does not show.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

namespace maildir {

constexpr std::int64_t nanosecondsPerTick = 20'000'000;  // of the kernel's clock, and some more

// The longest step, in nanoseconds, that a time like this one (nanoseconds since the epoch) may come from. Of ten
// million times with fractions one looks like a coarser one, and is then only trusted a little later.
inline std::int64_t stepOf(std::int64_t time) {
    constexpr std::array<std::int64_t, 3> coarse{2'000'000'000, 1'000'000'000, 100'000'000};
    const auto* const fits = std::find_if(coarse.begin(), coarse.end(), [time](auto step) { return time % step == 0; });
    return fits != coarse.end() ? *fits : nanosecondsPerTick;
}

}  // namespace maildir
