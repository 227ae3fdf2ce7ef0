// Copy and move. The order that keeps every promise: the content is on disk before the file has a name in cur/; then,
// under the UID list's lock, the files get their names, the rows are appended, both the folder and the list are synced;
// then the snapshot is published and the caller may tell the client.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <iterator>
#include <memory>

#include "maildir/mailbox/FileName.h"
#include "maildir/mailbox/MailboxState.h"

namespace maildir {

// A file that came under its name where it should go.
struct Placed {
    std::string path;
    std::string movedFrom;  // where it was before, empty for a link
};

// Takes back what was placed, unless it is kept: a failure in between leaves nothing half-done.
class Placement {
public:
    Placement() = default;
    Placement(const Placement&) = delete;
    Placement& operator=(const Placement&) = delete;
    ~Placement() {
        for (const Placed& each : _placed) {
            // What cannot go back stays, and gets a UID of its own: never replace a file that came there meanwhile.
            if (each.movedFrom.empty())
                removeUnderAnyName(each.path);
            else
                renameat2(AT_FDCWD, each.path.c_str(), AT_FDCWD, each.movedFrom.c_str(), RENAME_NOREPLACE);
        }
    }
    void add(Placed placed) { _placed.push_back(std::move(placed)); }
    void keep() { _placed.clear(); }

private:
    std::vector<Placed> _placed;
};

namespace {

// Content that another program wrote in the last minutes may not be on disk yet; older content is (the kernel writes
// dirty pages back after 30 seconds, /proc/sys/vm/dirty_expire_centisecs).
constexpr time_t unsyncedSeconds = 180;

void syncContent(const Folders::Place& place) {
    const std::optional<OpenedMessage> opened = openMessage(place.folder, place.path);
    if (opened && fsync(opened->file.get()) != 0) throw Error::fromErrno("cannot sync", place.path);
}

// Makes sure that the content of a file is on disk, before it is linked or moved: afterwards its ctime is new, and a
// sync would write that too. Returns its inode; 0 if it is not there.
ino_t syncIfYoung(const Folders::Place& place) {
    const std::optional<struct stat> status = statusOfMessage(place.folder, place.path);
    if (!status) return 0;
    if (std::max(status->st_ctime, status->st_mtime) + unsyncedSeconds >= time(nullptr)) syncContent(place);
    return status->st_ino;
}

ino_t inodeOf(const Folders::Place& place) {
    const std::optional<struct stat> status = statusOfMessage(place.folder, place.path);
    return status ? status->st_ino : 0;
}

// Where the file system has no hard links, or not that many: by way of tmp/, so that nobody sees half a message.
bool copyContent(const std::string& from, const std::string& by, const std::string& to) {
    const std::optional<OpenedMessage> source = openMessage(from);
    if (!source) return false;
    const FileDescriptor target = createExclusive(by);
    try {
        std::string block(256 * 1024, '\0');
        for (;;) {
            const ssize_t got = read(source->file.get(), block.data(), block.size());
            if (got < 0 && errno == EINTR) continue;
            if (got < 0) throw Error::fromErrno("cannot read", from);
            if (got == 0) break;
            writeAll(target.get(), std::string_view(block).substr(0, static_cast<std::size_t>(got)), by);
        }
        const timespec times[2] = {{0, UTIME_NOW}, source->status.st_mtim};
        if (futimens(target.get(), times) != 0) throw Error::fromErrno("cannot set the time of", by);
        if (fsync(target.get()) != 0) throw Error::fromErrno("cannot sync", by);
        if (rename(by.c_str(), to.c_str()) != 0) throw Error::fromErrno("cannot copy to " + to, by);
    } catch (...) {
        unlink(by.c_str());
        throw;
    }
    return true;
}

// The keywords of a record by name, so that they can be found again in another mailbox.
std::vector<std::string> keywordNames(const Snapshot& snapshot, const KeywordSet& set) {
    std::vector<std::string> names;
    for (std::size_t index = 0; index < snapshot.keywords().size(); ++index) {
        if (set.test(index) && !snapshot.keywords().nameOf(index).empty()) {
            names.push_back(snapshot.keywords().nameOf(index));
        }
    }
    return names;
}

// Of all of these messages.
std::vector<std::string> keywordNames(const Snapshot& snapshot, std::span<const Uid> uids) {
    KeywordSet all;
    for (const Uid uid : uids) {
        if (const auto record = snapshot.find(uid)) all |= (*record)->keywords;
    }
    return keywordNames(snapshot, all);
}

// A base name for a copy: fresh, with the sizes of the original, so that they stay known.
std::string copiedBaseName(const Record& record) {
    std::string name = uniqueBaseName();
    if (record.recordedStoredOctets != unknownOctets) name += ",S=" + std::to_string(record.recordedStoredOctets);
    if (record.recordedWireOctets != unknownOctets) name += ",W=" + std::to_string(record.recordedWireOctets);
    return name;
}

}  // namespace

// Links, or else copies, a message of another mailbox into cur/. False: it is not there under that path.
bool Mailbox::State::linkMessageLocked(const State& source, const Folders& sources, const RecordRef& record,
                                       const Folders& folders, const std::string& name) {
    const Folders::Place origin = sources.at(record.fileName(), record->isInNew), target = folders.at(name, false);
    feed->expect(FileEvent::Appeared, false, name);
    try {
        if (linkat(origin.folder, origin.path.c_str(), target.folder, target.path.c_str(), 0) == 0) return true;
        const int number = errno;
        const std::string from = source.pathOf(record), to = pathOf(name, false);
        switch (number) {
            case ENOENT:
                break;
            case EPERM:
            case EXDEV:
            case EMLINK:
            case EOPNOTSUPP:
                if (copyContent(from, directory + "/tmp/" + uniqueBaseName(), to)) return true;
                break;
            default:
                throw Error::fromErrno("cannot copy to " + to, from, number);
        }
    } catch (...) {
        feed->unexpect(FileEvent::Appeared, false, name);
        throw;
    }
    feed->unexpect(FileEvent::Appeared, false, name);
    return false;
}

std::optional<std::uint64_t> Mailbox::State::newsOfOthers() const {
    if (!isWatchedAndLoaded) return std::nullopt;
    options.watcher->drain();
    return feed->newsOfOthers();
}

Edit Mailbox::State::arrivalLocked(Uid uid, const std::string& name, const KeywordSet& keywordSet) const {
    Edit edit{recordFor(uid, name, false, {}), name, false};
    edit.record.keywords = keywordSet;
    edit.record.isRecentUnclaimed = true;
    return edit;
}

void Mailbox::State::commitArrivalsLocked(const std::vector<Edit>& added, Placement& placement) {
    if (added.empty()) return;
    const std::string folder = directory + "/cur";
    appendRowsLocked(added, std::span(&folder, 1));
    placement.keep();
    publishEditsLocked({}, added);
}

CopyResult Mailbox::copyFrom(Mailbox& source, std::span<const Uid> uids) {
    // A message that another program renames meanwhile is looked for again, without our lock held: two mailboxes are
    // never locked at once.
    constexpr int maxTries = 20;
    std::vector<Uid> missing;
    for (int attempt = 0; attempt < maxTries; ++attempt) {
        CopyResult result = copyOnce(source, uids, missing);
        if (!result.someExpunged || missing.empty()) return result;
        for (const Uid uid : missing) {
            if (!source.findAgain(uid)) return result;
        }
        missing.clear();
    }
    throw Error(ErrorKind::Busy, "another program keeps renaming a message", source.directory());
}

// All or nothing. missing: the message that was not under its name, if that stopped it.
CopyResult Mailbox::copyOnce(Mailbox& source, std::span<const Uid> uids, std::vector<Uid>& missing) {
    const std::shared_ptr<const Snapshot> from = source.snapshot();
    CopyResult nothing;
    nothing.someExpunged = true;
    const std::optional<std::uint64_t> quiet = source._state->newsOfOthers();
    // Before anything has a name in the target, and before others wait for our lock.
    const Folders sources(source.directory(), uids.size()), folders(directory(), uids.size());
    std::vector<ino_t> synced;
    for (const Uid uid : uids) {
        const auto record = from->find(uid);
        if (!record) return nothing;
        synced.push_back(syncIfYoung(sources.at(record->fileName(), (*record)->isInNew)));
        if (synced.back() != 0) continue;
        missing.push_back(uid);
        return nothing;
    }
    const std::lock_guard lock(_state->writer);
    _state->prepareLocked();
    CopyResult result;
    Placement placement;
    std::vector<Edit> added;
    const State::ListLock listLock(*_state);
    _state->addKeywordsLocked(keywordNames(*from, uids), true);
    Uid next = _state->nextUidLocked(uids.size());
    for (std::size_t at = 0; at < uids.size(); ++at) {
        const Uid uid = uids[at];
        const RecordRef record = from->find(uid).value();
        const KeywordSet set = _state->keywordSetLocked(keywordNames(*from, record->keywords));
        const std::string name = withFlags(copiedBaseName(*record), record->flags, set);
        if (!_state->linkMessageLocked(*source._state, sources, record, folders, name)) {
            missing.push_back(uid);
            return nothing;
        }
        placement.add({_state->pathOf(name, false), {}});
        added.push_back(_state->arrivalLocked(next, name, set));
        result.source.push_back(uid);
        result.target.push_back(next);
        next = uidAfter(next);
    }
    if (!quiet || source._state->newsOfOthers() != quiet) {
        // Another file may have come to a name after it was looked at.
        for (std::size_t at = 0; at < added.size(); ++at) {
            const Folders::Place target = folders.at(added[at].fileName, false);
            const ino_t inode = inodeOf(target);
            if (inode == 0) {  // what came there is no message
                missing.push_back(uids[at]);
                return nothing;
            }
            if (inode != synced[at]) syncContent(target);
        }
    }
    _state->commitArrivalsLocked(added, placement);
    result.targetUidValidity = _state->list.uidValidity();
    return result;
}

CopyResult Mailbox::moveFrom(Mailbox& source, std::span<const Uid> uids, const Viewer* asker) {
    struct stat here {
    }, there{};
    const bool isOneFileSystem = stat((directory() + "/cur").c_str(), &here) == 0 &&
                                 stat((source.directory() + "/cur").c_str(), &there) == 0 &&
                                 here.st_dev == there.st_dev;
    // RFC 6851 4.4.1 allows to move within a mailbox: the messages get new UIDs at the end.
    if (&source == this || !isOneFileSystem) return moveByCopying(source, uids, asker);
    (void)source.snapshot();  // loaded
    ++source._state->movesAway;
    const std::unique_ptr<State, void (*)(State*)> told(source._state.get(), [](State* state) { --state->movesAway; });
    constexpr int maxTries = 20;
    CopyResult result;
    std::vector<Uid> todo(uids.begin(), uids.end());
    for (int attempt = 0; attempt < maxTries && !todo.empty(); ++attempt) {
        std::vector<Uid> missing;
        const CopyResult moved = moveOnce(source, todo, asker, missing);
        if (!moved.source.empty()) source.noteMovedAway(moved.source);
        result.targetUidValidity = moved.targetUidValidity;
        result.source.insert(result.source.end(), moved.source.begin(), moved.source.end());
        result.target.insert(result.target.end(), moved.target.begin(), moved.target.end());
        result.someExpunged = result.someExpunged || moved.someExpunged;
        todo.clear();
        for (const Uid uid : missing) {
            if (source.findAgain(uid))
                todo.push_back(uid);
            else
                result.someExpunged = true;
        }
    }
    if (!todo.empty()) throw Error(ErrorKind::Busy, "another program keeps renaming a message", source.directory());
    return result;
}

CopyResult Mailbox::moveByCopying(Mailbox& source, std::span<const Uid> uids, const Viewer* asker) {
    constexpr int maxTries = 20;
    for (int attempt = 0; attempt < maxTries; ++attempt) {
        const std::shared_ptr<const Snapshot> snapshot = source.snapshot();
        std::vector<Uid> there;
        std::copy_if(uids.begin(), uids.end(), std::back_inserter(there),
                     [&](Uid uid) { return snapshot->find(uid).has_value(); });
        CopyResult result = copyFrom(source, there);
        if (result.someExpunged) continue;  // one more of them went
        result.someExpunged = there.size() < uids.size();
        source.expunge(there, false, asker);
        return result;
    }
    throw Error(ErrorKind::Busy, "messages keep vanishing", source.directory());
}

// missing: those that were not under their names.
CopyResult Mailbox::moveOnce(Mailbox& source, std::span<const Uid> uids, const Viewer* asker,
                             std::vector<Uid>& missing) {
    const std::shared_ptr<const Snapshot> from = source._state->published();
    const bool isShown = source._state->feed->isShownBesides(asker);
    const Folders sources(source.directory(), uids.size()), folders(directory(), uids.size());
    const std::lock_guard lock(_state->writer);
    _state->prepareLocked();
    CopyResult result;
    Placement placement;
    std::vector<Edit> added;
    const State::ListLock listLock(*_state);
    _state->addKeywordsLocked(keywordNames(*from, uids), true);
    Uid next = _state->nextUidLocked(uids.size());
    for (const Uid uid : uids) {
        const auto record = from->find(uid);
        if (!record) {
            result.someExpunged = true;
            continue;
        }
        const KeywordSet set = _state->keywordSetLocked(keywordNames(*from, (*record)->keywords));
        const std::string name = withFlags(copiedBaseName(**record), (*record)->flags, set);
        const std::string origin = source._state->pathOf(*record);
        if (syncIfYoung(sources.at(record->fileName(), (*record)->isInNew)) == 0) {
            missing.push_back(uid);
            continue;
        }
        // Sessions that still show it can read it until they are told.
        if (isShown) source._state->parkLink(uid, origin);
        if (!_state->takeMessageLocked(*source._state, sources, *record, folders, name)) {
            source._state->unpark(uid);
            missing.push_back(uid);
            continue;
        }
        placement.add({_state->pathOf(name, false), origin});
        added.push_back(_state->arrivalLocked(next, name, set));
        result.source.push_back(uid);
        result.target.push_back(next);
        next = uidAfter(next);
    }
    _state->commitArrivalsLocked(added, placement);
    result.targetUidValidity = _state->list.uidValidity();
    return result;
}

// Renames a message of another mailbox into cur/. False: it is not there under its name.
bool Mailbox::State::takeMessageLocked(State& source, const Folders& sources, const RecordRef& record,
                                       const Folders& folders, const std::string& name) {
    const Folders::Place origin = sources.at(record.fileName(), record->isInNew), target = folders.at(name, false);
    feed->expect(FileEvent::Appeared, false, name);
    source.feed->expect(FileEvent::MovedAway, record->isInNew, record.fileName());
    if (renameat(origin.folder, origin.path.c_str(), target.folder, target.path.c_str()) == 0) return true;
    const int number = errno;
    feed->unexpect(FileEvent::Appeared, false, name);
    source.feed->unexpect(FileEvent::MovedAway, record->isInNew, record.fileName());
    if (number == ENOENT) return false;
    throw Error::fromErrno("cannot move to " + pathOf(name, false), source.pathOf(record), number);
}

void Mailbox::noteMovedAway(std::span<const Uid> uids) {
    {
        const std::lock_guard lock(_state->writer);
        const std::shared_ptr<const Snapshot> snapshot = _state->published();
        std::vector<Edit> edits;
        for (const Uid uid : uids) {
            if (const auto record = snapshot->find(uid))
                edits.push_back({**record, std::string(record->fileName()), true});
        }
        std::sort(edits.begin(), edits.end(),
                  [](const Edit& left, const Edit& right) { return left.record.uid < right.record.uid; });
        _state->publishEditsLocked(edits, {});
    }
    _state->releaseParked();
}

}  // namespace maildir
