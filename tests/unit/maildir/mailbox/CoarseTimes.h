// What stat(2), fstat(2) and inotify(7) say in this program: times as a file system with long steps, or another
// machine's clock, gives them; watches that tell nothing; a disk that is full.
#pragma once

#include <time.h>

namespace maildir::test {

class CoarseTimes {
public:
    // step: of times, in seconds. ahead: how far the clock that gives them is ahead of ours, in seconds.
    explicit CoarseTimes(time_t step, time_t ahead = 0);
    ~CoarseTimes();
    CoarseTimes(const CoarseTimes&) = delete;
    CoarseTimes& operator=(const CoarseTimes&) = delete;
    // Waits until a step has just begun.
    static void waitForStep();
    // The number of the present step.
    static time_t presentStep();
};

// Watches that are begun while it lives are taken, and tell nothing.
class SilentWatches {
public:
    SilentWatches();
    ~SilentWatches();
    SilentWatches(const SilentWatches&) = delete;
    SilentWatches& operator=(const SilentWatches&) = delete;
};

// Syncs that fail while it lives, as on a full disk.
class FullDisk {
public:
    FullDisk();
    ~FullDisk();
    FullDisk(const FullDisk&) = delete;
    FullDisk& operator=(const FullDisk&) = delete;
};

}  // namespace maildir::test
