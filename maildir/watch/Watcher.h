// Tells mailboxes of changes that others make to their directories: one inotify instance for the process, one thread
// that waits on it. inotify(7): events of a system call are queued before it returns, so that whoever calls drain()
// has been told of all that happened before.
//
// Where a directory cannot be watched (no watches left) watch() says so, once in the log with the sysctl to raise; nor
// is one watched whose kind of file system does not tell of every change (FileSystem.h; once a file system in the log).
// Such mailboxes look at directory times themselves, and the thread asks them to every pollInterval. Every second
// pollInterval it compares the times of those that are watched, so that a watch which loses events is found out.
//
// Any thread. Holds its own mutex while it calls targets: they only take their own innermost lock.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <vector>

#include "maildir/FileOps.h"
#include "maildir/watch/FileSystem.h"

namespace maildir {

struct FileEvent {
    enum Kind { Appeared, MovedAway, Removed, Written };
    Kind kind = Appeared;
    bool isInNew = false;
    std::string name;
};

// The modification times of new/ and cur/, in nanoseconds since the epoch.
struct FolderTimes {
    std::int64_t forNew = 0, forCur = 0;
    bool operator==(const FolderTimes&) const = default;
};

class WatchTarget {
public:
    virtual ~WatchTarget() = default;
    virtual void noteEvent(FileEvent::Kind kind, bool isInNew, std::string_view name) = 0;
    virtual void noteOverflow() = 0;  // events were lost: look at everything
    virtual void noteNews() = 0;      // after one or several of the above
    virtual void poll() = 0;          // time to look at directory times
    // Something happened that is no news of a message.
    virtual void noteOther() = 0;
    // Times that the directories had before all events were handed out that were queued since. True: they changed, and
    // no event told of it; everything is to be looked at. isLocal: the times are of this machine's clock.
    virtual bool noteTimes(const FolderTimes& times, bool isLocal) = 0;
};

class Watcher {
public:
    // Auto: on file systems of this machine.
    enum class Mode { Auto, On, Off };
    struct Options {
        int pollIntervalMs = 30000;
        Mode mode = Mode::Auto;
        std::function<void(const std::string&)> warn, inform;  // lines for the log; may be empty
        std::function<FileSystem(const std::string&)> fileSystemOf = maildir::fileSystemOf;
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
    [[nodiscard]] FileSystem fileSystemOf(const std::string& directory) const {
        return _options.fileSystemOf(directory);
    }
    // How long the times of a watched directory need not be compared.
    [[nodiscard]] int checkIntervalMs() const { return 2 * _options.pollIntervalMs; }
    // Tells the log, once a file system, that a watch did not tell of a change.
    void reportMissed(const std::string& directory);

private:
    // One descriptor of the kernel's: all who watch one directory, by whatever path, share it.
    struct Watch {
        std::vector<std::weak_ptr<WatchTarget>> targets;
        bool isNew = false;
    };
    struct Watched {
        std::weak_ptr<WatchTarget> target;
        std::string directory;
        std::vector<int> descriptors;
        bool isLocal = false;
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
    void checkTimes();
    // Whether a directory of this file system is to be watched; tells the log once a file system.
    bool isToBeWatched(const std::string& directory, const FileSystem& system);
    void reportLimit(const std::string& directory, int number);

    Options _options;
    FileDescriptor _inotify, _wake;
    // One watch() or unwatch() at a time, and outside of _mutex: the kernel goes through all names of a directory that
    // it remembers when it gets its first watch (9 ms for 100,000), and drain() must not wait for that.
    std::mutex _watching;
    std::mutex _mutex;  // guards what follows; taken after _watching
    std::unordered_map<int, Watch> _watches;
    std::unordered_map<const WatchTarget*, Watched> _watched;
    std::vector<std::weak_ptr<WatchTarget>> _polled;
    std::atomic<bool> _limitReported{false};
    std::mutex _telling;  // guards what follows; the innermost
    std::set<dev_t> _toldOf, _toldMissedOf;
    std::atomic<bool> _stops{false}, _isGathering{false};
    std::atomic<std::uint64_t> _drains{0};  // by others than the thread that had something to hand out
    std::thread _thread;
};

}  // namespace maildir
