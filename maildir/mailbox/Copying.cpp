#include "maildir/mailbox/Copying.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>

#include "maildir/mailbox/FileName.h"
#include "maildir/mailbox/Transfer.h"

namespace maildir {

namespace {

// How often it is begun again because another program renamed or replaced files.
constexpr int maxAttempts = 20;

// Content that another program wrote in the last minutes may not be on disk yet; older content is (the kernel writes
// dirty pages back after 30 seconds, /proc/sys/vm/dirty_expire_centisecs).
constexpr time_t unsyncedSeconds = 180;

bool isYoung(const struct stat& status) {
    return std::max(status.st_ctime, status.st_mtime) + unsyncedSeconds >= time(nullptr);
}

void syncFile(int fd, const std::string& path) {
    if (fsync(fd) != 0) throw Error::fromErrno("cannot sync", path);
}

// The file system has no hard links, or not that many.
bool isWithoutLinks(int number) {
    return number == EPERM || number == EXDEV || number == EMLINK || number == EOPNOTSUPP;
}

dev_t deviceOf(const std::string& path) {
    struct stat status {};
    if (stat(path.c_str(), &status) != 0) throw Error::fromErrno("cannot stat", path);
    return status.st_dev;
}

}  // namespace

Copying::Copying(Mailbox& target, Mailbox& source, std::vector<Uid> uids)
    : _target(target),
      _source(source),
      _sourceDirectory(source.directory()),
      _targetDirectory(target.directory()),
      _sources(_sourceDirectory, uids.size()),
      _targets(_targetDirectory, uids.size()),
      _from(source.snapshot()),
      _quiet(source._state->newsOfOthers()),
      _targetDevice(deviceOf(_targetDirectory + "/cur")) {
    _items.reserve(uids.size());
    for (const Uid uid : uids) _items.emplace_back().uid = uid;
}

Copying::~Copying() {
    if (_isCommitted) return;
    // Whoever lets go last may have other rights.
    try {
        const FileIdentity::Scope scope(_target._state->identity);
        if (_transfer) unlink(_transfer->path.c_str());
        for (const Item& item : _items) {
            if (!item.held.empty()) unlink(item.held.c_str());
        }
    } catch (const Error&) {  // NOLINT(bugprone-empty-catch): files in tmp/ are cleaned up at a later opening
    }
}

Copying::State Copying::prepare(Clock::time_point until) {
    State state = _isGone ? State::Gone : lookAtAll(until);
    if (state == State::Ready) state = syncAll(until);
    _isGone = state == State::Gone;
    return state;
}

Copying::State Copying::lookAtAll(Clock::time_point until) {
    while (_next < _items.size()) {
        Item& item = _items[_next];
        if (_transfer) {
            if (!transferSome(item, until)) return State::Preparing;
        } else if (item.held.empty() && !lookAt(item)) {
            return State::Gone;
        }
        if (_transfer) continue;  // it was begun
        ++_next;
        if (Clock::now() >= until) return State::Preparing;
    }
    return State::Ready;
}

bool Copying::lookAt(Item& item) {
    for (int attempt = 0; attempt < maxAttempts; ++attempt) {
        const auto record = _from->find(item.uid);
        if (!record) return false;
        const Folders::Place place = _sources.at(record->fileName(), (*record)->isInNew);
        if (const auto status = statusOfMessage(place.folder, place.path)) {
            item.inode = status->st_ino;
            const bool isElsewhere = status->st_dev != _targetDevice;
            if (!_holdsAll && !_copiesContent && !isElsewhere) {
                item.isUnsynced = isYoung(*status);
                return true;
            }
            if (_copiesContent || isElsewhere ? beginTransfer(item, place) : hold(item, place, *status)) return true;
        }
        if (!_source.findAgain(item.uid)) return false;
        _from = _source.snapshot();
    }
    throw Error(ErrorKind::Busy, "another program keeps renaming a message", _sourceDirectory);
}

// Links it into tmp/. False: it is not there any more.
bool Copying::hold(Item& item, const Folders::Place& place, const struct stat& status) {
    const std::string path = _targetDirectory + "/tmp/" + uniqueBaseName();
    if (linkat(place.folder, place.path.c_str(), AT_FDCWD, path.c_str(), 0) != 0) {
        const int number = errno;
        if (number == ENOENT) return false;
        if (!isWithoutLinks(number)) throw Error::fromErrno("cannot copy to " + path, place.path, number);
        _copiesContent = true;
        return beginTransfer(item, place);
    }
    item.held = path;
    const std::optional<struct stat> linked = statusOfMessage(AT_FDCWD, path);
    if (!linked) {  // what came to the name in between is no message
        unlink(path.c_str());
        item.held.clear();
        return false;
    }
    item.isUnsynced = linked->st_ino != status.st_ino || isYoung(status);
    item.inode = linked->st_ino;
    return true;
}

bool Copying::beginTransfer(Item& item, const Folders::Place& place) {
    std::optional<OpenedMessage> source = openMessage(place.folder, place.path);
    if (!source) return false;
    item.inode = 0;
    const std::string path = _targetDirectory + "/tmp/" + uniqueBaseName();
    _transfer.emplace(Transfer{std::move(*source), createExclusive(path), path});
    return true;
}

bool Copying::transferSome(Item& item, Clock::time_point until) {
    std::string block(256 * 1024, '\0');
    const int source = _transfer->source.file.get(), target = _transfer->target.get();
    for (;;) {
        const ssize_t got = read(source, block.data(), block.size());
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) throw Error::fromErrno("cannot read a message to be copied to", _transfer->path);
        if (got == 0) break;
        writeAll(target, std::string_view(block).substr(0, static_cast<std::size_t>(got)), _transfer->path);
        if (Clock::now() >= until) return false;
    }
    const timespec times[2] = {{0, UTIME_NOW}, _transfer->source.status.st_mtim};
    if (futimens(target, times) != 0) throw Error::fromErrno("cannot set the time of", _transfer->path);
    item.held = _transfer->path;
    item.isUnsynced = true;
    _transfer.reset();
    return true;
}

Copying::State Copying::syncAll(Clock::time_point until) {
    if (_nextToSync == 0 && !_hasSyncedAll) {
        _hasSyncedAll = true;
        const auto isUnsynced = [](const Item& item) { return item.isUnsynced; };
        const auto count = static_cast<std::size_t>(std::count_if(_items.begin(), _items.end(), isUnsynced));
        // What is linked is on the target's file system as well.
        if (FileSystemSync::isBetter(_targetDirectory + "/cur", count)) _sync.emplace(_targetDirectory + "/cur");
    }
    if (_sync) {
        const bool mayWait = until == Clock::time_point::max();
        if (!_sync->waitFor(mayWait ? std::chrono::minutes(10) : std::chrono::milliseconds(5))) return State::Syncing;
        if (_sync->hasSucceeded()) {
            for (Item& item : _items) item.isUnsynced = false;
        }  // else file by file: the error may be another file's
        _sync.reset();
    }
    while (_nextToSync < _items.size()) {
        Item& item = _items[_nextToSync];
        if (item.isUnsynced && !syncOne(item)) return State::Gone;
        ++_nextToSync;
        if (!item.isUnsynced) continue;
        item.isUnsynced = false;
        if (Clock::now() >= until) return State::Preparing;
    }
    return State::Ready;
}

bool Copying::syncOne(Item& item) {
    for (int attempt = 0; attempt < maxAttempts; ++attempt) {
        const auto record = _from->find(item.uid);
        if (!record) return false;
        const Folders::Place place = item.held.empty() ? _sources.at(record->fileName(), (*record)->isInNew)
                                                       : Folders::Place{AT_FDCWD, item.held};
        if (const std::optional<OpenedMessage> opened = openMessage(place.folder, place.path)) {
            syncFile(opened->file.get(), place.path);
            item.inode = opened->status.st_ino;
            return true;
        }
        if (!item.held.empty()) throw Error(ErrorKind::Io, "a copy vanished from tmp", item.held);
        if (!_source.findAgain(item.uid)) return false;
        _from = _source.snapshot();
    }
    throw Error(ErrorKind::Busy, "another program keeps renaming a message", _sourceDirectory);
}

void Copying::beginAgain() {
    if (++_attempts >= maxAttempts) {
        throw Error(ErrorKind::Busy, "another program keeps renaming a message", _sourceDirectory);
    }
    _next = _nextToSync = 0;
    _hasSyncedAll = false;
}

// Gives a message its name in cur/. False: it is to be prepared again, in another way.
bool Copying::place(Item& item, const RecordRef& record, const std::string& name) {
    Mailbox::State& state = *_target._state;
    const Folders::Place target = _targets.at(name, false);
    const Folders::Place origin =
        item.held.empty() ? _sources.at(record.fileName(), record->isInNew) : Folders::Place{AT_FDCWD, item.held};
    state.renewListLocked();
    state.feed->expect(FileEvent::Appeared, false, name);
    const int done = item.held.empty()
                         ? linkat(origin.folder, origin.path.c_str(), target.folder, target.path.c_str(), 0)
                         : renameat(origin.folder, origin.path.c_str(), target.folder, target.path.c_str());
    if (done == 0) return true;
    const int number = errno;
    state.feed->unexpect(FileEvent::Appeared, false, name);
    const bool isMissing = number == ENOENT;
    if (!isMissing && !(item.held.empty() && isWithoutLinks(number))) {
        throw Error::fromErrno("cannot copy to " + state.pathOf(name, false), origin.path, number);
    }
    _holdsAll = true;
    _copiesContent = _copiesContent || !isMissing;
    item.held.clear();
    return false;
}

// Whether these names lead to the files that were looked at; what else came there is synced if it is a message.
bool Copying::areStillTheSame(const std::vector<std::string>& names) {
    for (std::size_t at = 0; at < names.size(); ++at) {
        if (!_items[at].held.empty()) continue;
        const Folders::Place place = _targets.at(names[at], false);
        const std::optional<struct stat> status = statusOfMessage(place.folder, place.path);
        if (status && status->st_ino == _items[at].inode) continue;
        const std::optional<OpenedMessage> opened = openMessage(place.folder, place.path);
        if (!opened) return false;
        syncFile(opened->file.get(), place.path);
    }
    return true;
}

std::optional<CopyResult> Copying::commit() {
    Mailbox::State& state = *_target._state;
    _from = _source.snapshot();
    CopyResult result;
    result.someExpunged = true;
    const Mailbox::State::WriterLock lock(state);
    state.prepareLocked();
    const Mailbox::State::ListLock listLock(state);
    std::vector<Uid> uids;
    uids.reserve(_items.size());
    for (const Item& item : _items) uids.push_back(item.uid);
    state.addKeywordsLocked(keywordNames(*_from, uids), true);
    Uid next = state.nextUidLocked(uids.size());
    Placement placement;
    std::vector<Edit> added;
    std::vector<std::string> names;
    added.reserve(_items.size());
    names.reserve(_items.size());
    for (Item& item : _items) {
        const auto record = _from->find(item.uid);
        if (!record) return CopyResult{{}, {}, {}, {}, true};
        const KeywordSet set = state.keywordSetLocked(keywordNames(*_from, (*record)->keywords));
        names.push_back(withFlags(copiedBaseName(**record), (*record)->flags, set));
        if (!place(item, *record, names.back())) {
            beginAgain();
            return std::nullopt;
        }
        placement.add({state.pathOf(names.back(), false), item.held, true});
        added.push_back(state.arrivalLocked(next, names.back(), set));
        result.source.push_back(item.uid);
        result.target.push_back(next);
        next = uidAfter(next);
    }
    // Another file may have come to a name after it was looked at.
    if ((!_quiet || _source._state->newsOfOthers() != _quiet) && !areStillTheSame(names)) {
        _holdsAll = true;
        beginAgain();
        return std::nullopt;
    }
    state.commitArrivalsLocked(added, placement);
    _isCommitted = true;
    result.targetUidValidity = state.list.uidValidity();
    result.someExpunged = false;
    return result;
}

}  // namespace maildir
