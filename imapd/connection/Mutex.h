// A mutex that Clang's -Wthread-safety understands; under other compilers the macros are inert.
#pragma once

#include <condition_variable>
#include <mutex>

#if defined(__clang__)
#define IMAPD_THREAD_ANNOTATION(x) __attribute__((x))
#else
#define IMAPD_THREAD_ANNOTATION(x)
#endif

#ifndef GUARDED_BY
#define GUARDED_BY(mutex) IMAPD_THREAD_ANNOTATION(guarded_by(mutex))
#endif
#ifndef REQUIRES
#define REQUIRES(...) IMAPD_THREAD_ANNOTATION(requires_capability(__VA_ARGS__))
#endif

namespace imapd {

class IMAPD_THREAD_ANNOTATION(capability("mutex")) Mutex {
public:
    void lock() IMAPD_THREAD_ANNOTATION(acquire_capability()) { _mutex.lock(); }
    void unlock() IMAPD_THREAD_ANNOTATION(release_capability()) { _mutex.unlock(); }

private:
    std::mutex _mutex;
};

class IMAPD_THREAD_ANNOTATION(scoped_lockable) MutexLock {
public:
    explicit MutexLock(Mutex& mutex) IMAPD_THREAD_ANNOTATION(acquire_capability(mutex)) : _mutex(mutex) {
        _mutex.lock();
    }
    ~MutexLock() IMAPD_THREAD_ANNOTATION(release_capability()) { _mutex.unlock(); }
    MutexLock(const MutexLock&) = delete;
    MutexLock& operator=(const MutexLock&) = delete;

private:
    Mutex& _mutex;
};

}  // namespace imapd
