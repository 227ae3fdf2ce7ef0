// Tells mailboxes of changes that others make to their directories: one inotify instance for the process, one thread
// that waits on it. inotify(7): events of a system call are queued before it returns, so that whoever calls drain()
// has been told of all that happened before.
//
// Where a directory cannot be watched (no watches left, a network file system) watch() says so, once in the log with
// the sysctl to raise; such mailboxes look at directory times themselves, and the thread asks them to every
// pollInterval. Any thread. Holds its own mutex while it calls targets: they only take their own innermost lock.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <vector>

#include "maildir/FileOps.h"

namespace maildir {

struct FileEvent {
    enum Kind { Appeared, MovedAway, Removed, Written };
    Kind kind = Appeared;
    bool isInNew = false;
    std::string name;
};

class WatchTarget {
public:
    virtual ~WatchTarget() = default;
    virtual void noteEvent(FileEvent::Kind kind, bool isInNew, std::string_view name) = 0;
    virtual void noteOverflow() = 0;  // events were lost: look at everything
    virtual void noteNews() = 0;      // after one or several of the above
    virtual void poll() = 0;          // time to look at directory times
};

class Watcher {
public:
    struct Options {
        int pollIntervalMs = 30000;
        bool useInotify = true;
        std::function<void(const std::string&)> log;  // may be empty
    };
    explicit Watcher(Options options);
    ~Watcher();
    Watcher(const Watcher&) = delete;
    Watcher& operator=(const Watcher&) = delete;

    // Watches new/ and cur/ below the directory until unwatch(). False: not watched, but polled. Asked again for the
    // same target it watches what is there by now. Several targets may watch one directory.
    bool watch(const std::string& directory, const std::shared_ptr<WatchTarget>& target);
    void unwatch(const WatchTarget* target);
    // Hands out every event that the kernel has queued by now.
    void drain();

private:
    // One descriptor of the kernel's: all who watch one directory, by whatever path, share it.
    struct Watch {
        std::vector<std::weak_ptr<WatchTarget>> targets;
        bool isNew = false;
    };
    using Told = std::map<const WatchTarget*, std::shared_ptr<WatchTarget>>;
    void run();
    bool drainLocked(Told& told);  // whether there were events
    void drainAsWatcher();
    // While sessions drain again and again: what comes between is looked at every few milliseconds.
    void gather();
    void dispatch(const char* buffer, std::size_t octets, Told& told);
    static void overflow(const std::vector<std::weak_ptr<WatchTarget>>& targets, Told& told);
    void unwatchLocked(const WatchTarget* target, const std::vector<int>& besides);
    void pollTargets();
    void reportLimit(const std::string& directory, int number);

    Options _options;
    FileDescriptor _inotify, _wake;
    // One watch() or unwatch() at a time, and outside of _mutex: the kernel goes through all names of a directory that
    // it remembers when it gets its first watch (9 ms for 100,000), and drain() must not wait for that.
    std::mutex _watching;
    std::mutex _mutex;  // guards what follows; taken after _watching
    std::unordered_map<int, Watch> _watches;
    std::unordered_map<const WatchTarget*, std::vector<int>> _descriptors;
    std::vector<std::weak_ptr<WatchTarget>> _polled;
    bool _limitReported = false;
    std::atomic<bool> _stops{false}, _isGathering{false};
    std::atomic<std::uint64_t> _drains{0};  // by others than the thread that had something to hand out
    std::thread _thread;
};

}  // namespace maildir
