#include "maildir/watch/Watcher.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <climits>
#include <cstring>
#include <optional>
#include <system_error>

namespace maildir {

namespace {

constexpr std::uint32_t watchedEvents =
    IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_CLOSE_WRITE | IN_ONLYDIR | IN_DELETE_SELF | IN_MOVE_SELF;

constexpr int gatherMs = 3, burstWakings = 8;
constexpr std::uint64_t burstDrains = 64;

// The log tells of no more file systems than this.
constexpr std::size_t mostToldOf = 100;

std::optional<std::int64_t> timeOf(const std::string& path) {
    struct stat status {};
    if (stat(path.c_str(), &status) != 0) return std::nullopt;
    return nanosecondsOf(status.st_mtim);
}

// Takes the target out, and those that are no more.
void removeTarget(std::vector<std::weak_ptr<WatchTarget>>& targets, const WatchTarget* target) {
    std::erase_if(targets, [target](const std::weak_ptr<WatchTarget>& each) {
        const auto held = each.lock();
        return !held || held.get() == target;
    });
}

}  // namespace

Watcher::Watcher(Options options) : _options(std::move(options)), _wake(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    if (_options.mode != Mode::Off) {
        _inotify = FileDescriptor(inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
        if (!_inotify.isOpen()) reportLimit("inotify_init", errno);
    }
    _thread = std::thread([this] { run(); });
}

Watcher::~Watcher() {
    _stops = true;
    const std::uint64_t one = 1;
    (void)!write(_wake.get(), &one, sizeof one);
    _thread.join();
}

bool Watcher::watch(const std::string& directory, const std::shared_ptr<WatchTarget>& target) {
    const std::lock_guard watching(_watching);
    int forNew = -1, forCur = -1, number = 0;
    const FileSystem system = fileSystemOf(directory);
    const bool isToBe = isToBeWatched(directory, system) && _inotify.isOpen();
    if (isToBe) {
        forNew = inotify_add_watch(_inotify.get(), (directory + "/new").c_str(), watchedEvents);
        if (forNew >= 0) forCur = inotify_add_watch(_inotify.get(), (directory + "/cur").c_str(), watchedEvents);
        number = errno;
    }
    const std::lock_guard lock(_mutex);
    if (forCur < 0) {
        unwatchLocked(target.get(), {});
        if (isToBe) reportLimit(directory, number);
        if (forNew >= 0 && !_watches.contains(forNew)) inotify_rm_watch(_inotify.get(), forNew);
        _polled.push_back(target);
        return false;
    }
    // A directory that is watched already has the same descriptor again, whose events are not to be lost.
    unwatchLocked(target.get(), {forNew, forCur});
    _watches[forNew].targets.push_back(target);
    _watches[forNew].isNew = true;
    _watches[forCur].targets.push_back(target);
    _watched[target.get()] = {target, directory, {forNew, forCur}, system.isLocal};
    return true;
}

void Watcher::unwatch(const WatchTarget* target) {
    const std::lock_guard watching(_watching);
    const std::lock_guard lock(_mutex);
    unwatchLocked(target, {});
}

// besides: descriptors that are kept, though nobody has them for the moment.
void Watcher::unwatchLocked(const WatchTarget* target, const std::vector<int>& besides) {
    const auto watched = _watched.find(target);
    if (watched != _watched.end()) {
        for (const int descriptor : watched->second.descriptors) {
            const auto watch = _watches.find(descriptor);
            if (watch == _watches.end()) continue;
            removeTarget(watch->second.targets, target);
            const bool isKept = std::find(besides.begin(), besides.end(), descriptor) != besides.end();
            if (isKept || !watch->second.targets.empty()) continue;
            inotify_rm_watch(_inotify.get(), descriptor);
            _watches.erase(watch);
        }
        _watched.erase(watched);
    }
    removeTarget(_polled, target);
}

void Watcher::drain() {
    if (!_inotify.isOpen()) return;
    // Outlives the lock: the last owner of a target may be this one, and its end calls unwatch().
    Told told;
    {
        const std::lock_guard lock(_mutex);
        if (!drainLocked(told)) return;
    }
    // Who changes thousands of files, and looks after each, wakes the thread for each of them, for nothing.
    if (++_drains % burstDrains != 0 || _isGathering.exchange(true)) return;
    const std::uint64_t one = 1;
    (void)!write(_wake.get(), &one, sizeof one);
}

void Watcher::drainAsWatcher() {
    Told told;
    const std::lock_guard lock(_mutex);
    (void)drainLocked(told);
}

bool Watcher::drainLocked(Told& told) {
    alignas(inotify_event) char buffer[65536];
    // What the kernel gives is as many events as there is room for.
    constexpr std::size_t largestEvent = sizeof(inotify_event) + NAME_MAX + 1;
    bool hadEvents = false;
    // Bounded: a storm of events must not keep one caller here for ever; what is left comes with the next call.
    for (int round = 0; round < 64; ++round) {
        const ssize_t got = read(_inotify.get(), buffer, sizeof buffer);
        if (got <= 0) break;
        hadEvents = true;
        dispatch(buffer, static_cast<std::size_t>(got), told);
        if (static_cast<std::size_t>(got) + largestEvent <= sizeof buffer) break;
    }
    for (const auto& [identity, target] : told) target->noteNews();
    return hadEvents;
}

void Watcher::dispatch(const char* buffer, std::size_t octets, Told& told) {
    for (std::size_t at = 0; at < octets;) {
        inotify_event event;
        std::memcpy(&event, buffer + at, sizeof event);
        const char* const name = buffer + at + sizeof event;
        at += sizeof event + event.len;
        if ((event.mask & IN_Q_OVERFLOW) != 0) {
            for (const auto& [descriptor, watch] : _watches) overflow(watch.targets, told);
            continue;
        }
        const auto found = _watches.find(event.wd);
        if (found == _watches.end()) continue;
        if ((event.mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_IGNORED)) != 0) {
            overflow(found->second.targets, told);
            if ((event.mask & IN_IGNORED) != 0) _watches.erase(found);
            continue;
        }
        if (event.len == 0 || name[0] == '.' || (event.mask & IN_ISDIR) != 0) {
            for (const auto& each : found->second.targets) {
                if (const auto target = each.lock()) {
                    target->noteOther();
                    told[target.get()] = target;
                }
            }
            continue;
        }
        FileEvent::Kind kind = FileEvent::Appeared;
        if ((event.mask & IN_MOVED_FROM) != 0) kind = FileEvent::MovedAway;
        if ((event.mask & IN_DELETE) != 0) kind = FileEvent::Removed;
        if ((event.mask & IN_CLOSE_WRITE) != 0) kind = FileEvent::Written;
        for (const auto& each : found->second.targets) {
            const std::shared_ptr<WatchTarget> target = each.lock();
            if (!target) continue;
            target->noteEvent(kind, found->second.isNew, name);
            told[target.get()] = target;
        }
    }
}

void Watcher::overflow(const std::vector<std::weak_ptr<WatchTarget>>& targets, Told& told) {
    for (const auto& each : targets) {
        if (auto target = each.lock()) {
            target->noteOverflow();
            told[target.get()] = std::move(target);
        }
    }
}

void Watcher::pollTargets() {
    std::vector<std::shared_ptr<WatchTarget>> targets;
    {
        const std::lock_guard lock(_mutex);
        for (const auto& each : _polled) {
            if (auto target = each.lock()) targets.push_back(std::move(target));
        }
    }
    for (const auto& target : targets) target->poll();
}

void Watcher::checkTimes() {
    struct Checked {
        std::shared_ptr<WatchTarget> target;
        std::string directory;
        FolderTimes times;
    };
    std::vector<Checked> checked;
    std::vector<std::shared_ptr<WatchTarget>> remote;
    {
        const std::lock_guard lock(_mutex);
        for (const auto& [identity, watched] : _watched) {
            auto target = watched.target.lock();
            if (!target) continue;
            if (watched.isLocal)
                checked.push_back({std::move(target), watched.directory, {}});
            else
                remote.push_back(std::move(target));  // whose server may not answer: its sessions look
        }
    }
    std::erase_if(checked, [](Checked& each) {
        const auto forNew = timeOf(each.directory + "/new"), forCur = timeOf(each.directory + "/cur");
        if (!forNew || !forCur) return true;  // whoever uses the mailbox is told
        each.times = {*forNew, *forCur};
        return false;
    });
    drainAsWatcher();
    for (const Checked& each : checked) {
        if (each.target->noteTimes(each.times, true)) reportMissed(each.directory);
    }
    for (const auto& target : remote) target->poll();
}

void Watcher::gather() {
    pollfd wake{_wake.get(), POLLIN, 0};
    std::uint64_t drains = 0;
    (void)!read(_wake.get(), &drains, sizeof drains);
    do {
        drains = _drains;
        (void)::poll(&wake, 1, gatherMs);
        drainAsWatcher();
    } while (!_stops && _drains != drains);
    _isGathering = false;
}

void Watcher::run() {
    using Clock = std::chrono::steady_clock;
    const auto interval = std::chrono::milliseconds(_options.pollIntervalMs);
    auto nextPoll = Clock::now() + interval;
    bool isCheckNext = false;
    auto drained = Clock::now();
    int burst = 0;  // how often in a row it was woken right after the last time
    while (!_stops) {
        pollfd waits[2] = {{_wake.get(), POLLIN, 0}, {_inotify.get(), POLLIN, 0}};
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(nextPoll - Clock::now()).count();
        const int ready = ::poll(waits, _inotify.isOpen() ? 2 : 1, static_cast<int>(std::max<long long>(left, 0)));
        if (_stops) break;
        if (ready > 0 && (waits[1].revents & POLLIN) != 0) {
            burst = Clock::now() - drained < std::chrono::microseconds(100) ? burst + 1 : 0;
            drainAsWatcher();
            // Who changes thousands of files, we ourselves too, would wake this thread for each: in a burst, what comes
            // next is gathered for a moment. Single changes are told at once.
            if (burst >= burstWakings) (void)::poll(waits, 1, gatherMs);
            drained = Clock::now();
        }
        if (_isGathering) gather();
        if (Clock::now() >= nextPoll) {
            pollTargets();
            if (isCheckNext) checkTimes();
            isCheckNext = !isCheckNext;
            nextPoll = Clock::now() + interval;
        }
    }
}

void Watcher::reportLimit(const std::string& directory, int number) {
    if (!_options.warn || number == ENOENT || _limitReported.exchange(true)) return;
    std::string advice;
    if (number == ENOSPC) advice = "; raise the sysctl fs.inotify.max_user_watches";
    if (number == EMFILE) advice = "; raise the sysctl fs.inotify.max_user_instances";
    _options.warn("cannot watch " + directory + " for changes (" + std::generic_category().message(number) +
                  "): changes by other programs are noticed later, by looking at directory times" + advice);
}

bool Watcher::isToBeWatched(const std::string& directory, const FileSystem& system) {
    const bool isToBe = _options.mode == Mode::On || (_options.mode == Mode::Auto && system.isLocal);
    if (!_options.inform || system.device == 0) return isToBe;
    {
        const std::lock_guard lock(_telling);
        if (_toldOf.size() >= mostToldOf || !_toldOf.insert(system.device).second) return isToBe;
    }
    const std::string where = directory + " is on a file system of the kind " + system.kind;
    if (_options.mode == Mode::Off) {
        _options.inform(where + ": not watched, since mailbox.watch is off; directory times are looked at");
    } else if (_options.mode == Mode::On) {
        _options.inform(where + ": watched, since mailbox.watch is on" +
                        (system.isLocal ? "" : "; what other machines change in it shows later"));
    } else {
        _options.inform(where + (system.isLocal ? ", which tells of every change: watched"
                                                : ", which may not tell of every change: not watched, directory times "
                                                  "are looked at"));
    }
    return isToBe;
}

void Watcher::reportMissed(const std::string& directory) {
    if (!_options.warn) return;
    const dev_t device = fileSystemOf(directory).device;
    {
        const std::lock_guard lock(_telling);
        if (_toldMissedOf.size() >= mostToldOf || !_toldMissedOf.insert(device).second) return;
    }
    _options.warn(directory +
                  " changed, and the watch of it did not tell: it is looked at anew. If that is not because a "
                  "program set the time of a directory, set mailbox.watch = off");
}

}  // namespace maildir
