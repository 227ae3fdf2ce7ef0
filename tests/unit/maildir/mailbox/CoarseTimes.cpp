#include "CoarseTimes.h"

#include <fcntl.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>

namespace {

std::atomic<time_t> stepSeconds{0}, aheadSeconds{0};
std::atomic<bool> areSilent{false}, isFull{false};

void makeCoarse(struct stat* status) {
    const time_t step = stepSeconds;
    if (step == 0) return;
    for (timespec* const time : {&status->st_mtim, &status->st_ctim}) {
        *time = {(time->tv_sec + aheadSeconds) / step * step, 0};
    }
}

}  // namespace

extern "C" int stat(const char* path, struct stat* status) {
    const long done = syscall(SYS_newfstatat, AT_FDCWD, path, status, 0);
    if (done == 0) makeCoarse(status);
    return static_cast<int>(done);
}

extern "C" int fstat(int fd, struct stat* status) {
    const long done = syscall(SYS_fstat, fd, status);
    if (done == 0) makeCoarse(status);
    return static_cast<int>(done);
}

extern "C" int inotify_add_watch(int fd, const char* path, uint32_t mask) {
    return static_cast<int>(syscall(SYS_inotify_add_watch, fd, path, areSilent ? IN_DELETE_SELF | IN_ONLYDIR : mask));
}

extern "C" int fdatasync(int fd) {
    if (isFull) errno = ENOSPC;
    return isFull ? -1 : static_cast<int>(syscall(SYS_fdatasync, fd));
}

extern "C" int fsync(int fd) {
    if (isFull) errno = ENOSPC;
    return isFull ? -1 : static_cast<int>(syscall(SYS_fsync, fd));
}

namespace maildir::test {

CoarseTimes::CoarseTimes(time_t step, time_t ahead) {
    stepSeconds = step;
    aheadSeconds = ahead;
}

CoarseTimes::~CoarseTimes() {
    stepSeconds = aheadSeconds = 0;
}

FullDisk::FullDisk() {
    isFull = true;
}

FullDisk::~FullDisk() {
    isFull = false;
}

SilentWatches::SilentWatches() {
    areSilent = true;
}

SilentWatches::~SilentWatches() {
    areSilent = false;
}

time_t CoarseTimes::presentStep() {
    return (time(nullptr) + aheadSeconds) / stepSeconds;
}

void CoarseTimes::waitForStep() {
    // time(2) goes by the kernel's ticks, as times of files do.
    const time_t before = presentStep();
    for (int i = 0; i < 5000 && presentStep() == before; ++i) usleep(1000);
}

}  // namespace maildir::test
