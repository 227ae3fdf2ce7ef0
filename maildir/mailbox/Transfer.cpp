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

#include "maildir/mailbox/Copying.h"
#include "maildir/mailbox/FileName.h"
#include "maildir/mailbox/Transfer.h"

namespace maildir {

Placement::~Placement() {
    for (const Placed& each : _placed) {
        if (each.movedFrom.empty()) {
            removeUnderAnyName(each.path);
            continue;
        }
        const bool isBack =
            renameat2(AT_FDCWD, each.path.c_str(), AT_FDCWD, each.movedFrom.c_str(), RENAME_NOREPLACE) == 0;
        // A message that cannot go back stays, and gets a UID of its own: never replace a file that came there
        // meanwhile.
        if (!isBack && each.isOurs) removeUnderAnyName(each.path);
    }
}

std::vector<std::string> keywordNames(const Snapshot& snapshot, const KeywordSet& set) {
    std::vector<std::string> names;
    for (std::size_t index = 0; index < snapshot.keywords().size(); ++index) {
        if (set.test(index) && !snapshot.keywords().nameOf(index).empty()) {
            names.push_back(snapshot.keywords().nameOf(index));
        }
    }
    return names;
}

std::vector<std::string> keywordNames(const Snapshot& snapshot, std::span<const Uid> uids) {
    KeywordSet all;
    for (const Uid uid : uids) {
        if (const auto record = snapshot.find(uid)) all |= (*record)->keywords;
    }
    return keywordNames(snapshot, all);
}

std::string copiedBaseName(const Record& record) {
    std::string name = uniqueBaseName();
    if (record.recordedStoredOctets != unknownOctets) name += ",S=" + std::to_string(record.recordedStoredOctets);
    if (record.recordedWireOctets != unknownOctets) name += ",W=" + std::to_string(record.recordedWireOctets);
    return name;
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
    Copying copying(*this, source, {uids.begin(), uids.end()});
    for (;;) {
        switch (copying.prepare(Copying::Clock::time_point::max())) {
            case Copying::State::Gone:
                return CopyResult{{}, {}, {}, {}, true};
            case Copying::State::Ready:
                if (auto result = copying.commit()) return *result;
                break;
            case Copying::State::Preparing:
            case Copying::State::Syncing:
                break;
        }
    }
}

bool Mailbox::movesByCopying(const Mailbox& source) const {
    struct stat here {
    }, there{};
    const bool isOneFileSystem = stat((directory() + "/cur").c_str(), &here) == 0 &&
                                 stat((source.directory() + "/cur").c_str(), &there) == 0 &&
                                 here.st_dev == there.st_dev;
    // RFC 6851 4.4.1 allows to move within a mailbox: the messages get new UIDs at the end.
    return &source == this || !isOneFileSystem;
}

CopyResult Mailbox::moveFrom(Mailbox& source, std::span<const Uid> uids, const Viewer* asker) {
    if (movesByCopying(source)) return moveByCopying(source, uids, asker);
    (void)source.snapshot();  // loaded
    ++source._state->movesAway;
    const std::unique_ptr<State, void (*)(State*)> told(source._state.get(), [](State* state) { --state->movesAway; });
    constexpr int maxTries = 20;
    CopyResult result;
    std::vector<Uid> todo(uids.begin(), uids.end());
    // Whatever keeps the rest: those that were moved are told, and it comes again when the rest is asked for.
    const auto stopAt = [&result](std::span<const Uid> rest) {
        if (result.source.empty()) throw;
        result.waiting.insert(result.waiting.end(), rest.begin(), rest.end());
        return result;
    };
    for (int attempt = 0; attempt < maxTries && !todo.empty(); ++attempt) {
        std::vector<Uid> missing;
        CopyResult moved;
        try {
            moved = moveOnce(source, todo, asker, missing);
        } catch (const Error&) {
            return stopAt(todo);
        }
        if (!moved.source.empty()) source.noteMovedAway(moved.source);
        result.targetUidValidity = moved.targetUidValidity;
        result.source.insert(result.source.end(), moved.source.begin(), moved.source.end());
        result.target.insert(result.target.end(), moved.target.begin(), moved.target.end());
        result.someExpunged = result.someExpunged || moved.someExpunged;
        todo.clear();
        std::size_t next = 0;
        try {
            for (; next < missing.size(); ++next) {
                if (source.findAgain(missing[next]))
                    todo.push_back(missing[next]);
                else
                    result.someExpunged = true;
            }
        } catch (const Error&) {
            todo.insert(todo.end(), missing.begin() + static_cast<std::ptrdiff_t>(next), missing.end());
            return stopAt(todo);
        }
    }
    if (todo.empty()) return result;
    if (result.source.empty())
        throw Error(ErrorKind::Busy, "another program keeps renaming a message", source.directory());
    result.waiting = std::move(todo);
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
        return finishMove(source, result, asker);
    }
    throw Error(ErrorKind::Busy, "messages keep vanishing", source.directory());
}

CopyResult Mailbox::finishMove(Mailbox& source, const CopyResult& copies, const Viewer* asker) {
    std::exception_ptr failure;
    try {
        (void)source.expunge(copies.source, false, asker);
        return copies;
    } catch (const Error& error) {
        if (error.kind() == ErrorKind::WouldWait) throw;
        failure = std::current_exception();
    }
    std::vector<Uid> left;
    {
        const State::WriterLock lock(*source._state);
        left = source._state->stillThereLocked(copies.source);
    }
    CopyResult moved;
    moved.targetUidValidity = copies.targetUidValidity;
    moved.someExpunged = copies.someExpunged;
    std::vector<Uid> superfluous;
    auto nextLeft = left.begin();  // in the order of copies.source
    for (std::size_t at = 0; at < copies.source.size(); ++at) {
        if (nextLeft != left.end() && *nextLeft == copies.source[at]) {
            ++nextLeft;
            superfluous.push_back(copies.target[at]);
        } else {
            moved.source.push_back(copies.source[at]);
            moved.target.push_back(copies.target[at]);
        }
    }
    (void)expunge(superfluous, false);
    if (moved.source.empty()) std::rethrow_exception(failure);
    moved.waiting = std::move(left);
    return moved;
}

// missing: those that were not under their names. Content is not synced: another program may have delivered it without,
// and then it is as little lost by a power cut as it was before. What was not there before is that the message is in
// this mailbox, and that is on disk before the caller may tell it.
CopyResult Mailbox::moveOnce(Mailbox& source, std::span<const Uid> uids, const Viewer* asker,
                             std::vector<Uid>& missing) {
    // Nothing but messages has the names, as far as the watch told.
    const bool isKnown = source._state->newsOfOthers() && source._state->isAsKnown();
    const std::shared_ptr<const Snapshot> from = source._state->published();
    const bool isShown = source._state->feed->isShownBesides(asker);
    const Folders sources(source.directory(), uids.size()), folders(directory(), uids.size());
    const State::WriterLock lock(*_state);
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
        const Folders::Place at = sources.at(record->fileName(), (*record)->isInNew);
        if (!isKnown && !statusOfMessage(at.folder, at.path)) {
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
    renewListLocked();
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
