// Flags and expunge. The file's name is the truth: a change is a rename from the name we know, which fails when
// another program renamed it first; then we look again and apply the change to what is there now. So two programs that
// set different flags of one message at once both succeed.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <iterator>

#include "maildir/mailbox/FileName.h"
#include "maildir/mailbox/MailboxState.h"

namespace maildir {

namespace {

bool hasLateKeywords(const KeywordSet& set) {
    return (set >> keywordLetters).any();
}

bool haveLateKeywords(const Snapshot& snapshot, const std::vector<Uid>& uids) {
    return std::any_of(uids.begin(), uids.end(), [&](Uid uid) {
        const auto record = snapshot.find(uid);
        return record && hasLateKeywords((*record)->keywords);
    });
}

std::vector<Uid> ascending(std::span<const Uid> uids) {
    std::vector<Uid> sorted(uids.begin(), uids.end());
    std::sort(sorted.begin(), sorted.end());
    sorted.erase(std::unique(sorted.begin(), sorted.end()), sorted.end());
    return sorted;
}

}  // namespace

void removeUnderAnyName(const std::string& path) {
    if (unlink(path.c_str()) == 0 || errno != ENOENT) return;
    const std::size_t nameAt = path.rfind('/') + 1;
    const std::string directory = path.substr(0, path.rfind('/', nameAt - 2));
    const std::string_view base = baseNameOf(std::string_view(path).substr(nameAt));
    // It may be renamed again, and once be missed by a listing (readdir(3) races with rename(2)).
    constexpr int maxTries = 1000;
    int missed = 0;
    for (int attempt = 0; attempt < maxTries && missed < 2; ++attempt) {
        bool isSeen = false;
        for (const char* const folder : {"/new", "/cur"}) {
            try {
                for (const std::string& name : listDirectory(directory + folder)) {
                    if (baseNameOf(name) != base) continue;
                    if (unlink((directory + folder + "/" + name).c_str()) == 0 || errno != ENOENT) return;
                    isSeen = true;
                }
            } catch (const Error&) {
                return;  // the mailbox is gone
            }
        }
        if (!isSeen) ++missed;
    }
}

std::optional<Edit> Mailbox::State::editFlagsLocked(const Folders& folders, const RecordRef& record,
                                                    const FlagChange& change, const KeywordSet& set, bool& isMissing) {
    FlagSet flags = change.flags;
    KeywordSet newKeywords = set;
    if (change.mode == FlagChange::Replace && change.replaced) {
        KeywordSet kept = record->keywords;
        for (const std::string& name : *change.replaced) {
            if (const auto keyword = keywords->indexOf(name)) kept.reset(*keyword);
        }
        newKeywords |= kept;
    }
    if (change.mode == FlagChange::Add) {
        flags = record->flags | change.flags;
        newKeywords = record->keywords | set;
    } else if (change.mode == FlagChange::Remove) {
        flags = record->flags.without(change.flags);
        newKeywords = record->keywords & ~set;
    }
    if (flags == record->flags && newKeywords == record->keywords) return std::nullopt;
    Edit edit{*record, withFlags(record.fileName(), flags, newKeywords), false};
    edit.record.flags = flags;
    edit.record.keywords = newKeywords;
    edit.record.isInNew = false;  // flags live in the names of cur/
    if (edit.fileName != record.fileName() || record->isInNew) {
        if (!renameMessageLocked(folders, record.fileName(), record->isInNew, edit.fileName, false)) {
            isMissing = true;
            return std::nullopt;
        }
    }
    return edit;
}

std::vector<Uid> Mailbox::State::stillThereLocked(const std::vector<Uid>& uids) const {
    const std::shared_ptr<const Snapshot> snapshot = published();
    std::vector<Uid> there;
    std::copy_if(uids.begin(), uids.end(), std::back_inserter(there), [&](Uid uid) {
        const auto record = snapshot->find(uid);
        return record && exists({record->fileName(), (*record)->isInNew});
    });
    return there;
}

std::vector<Uid> Mailbox::State::changeFlagsLocked(const std::vector<Uid>& uids, const FlagChange& change,
                                                   const KeywordSet& set, FlagChangeResult& result) {
    const std::shared_ptr<const Snapshot> snapshot = published();
    std::vector<Edit> edits;
    std::vector<Uid> missing;
    std::map<std::uint32_t, Edit> toList;  // whose keywords in the list change
    std::exception_ptr failure;
    const Folders folders(directory, uids.size());
    try {
        for (const Uid uid : uids) {
            const auto record = snapshot->find(uid);
            if (!record) {
                result.expunged.push_back(uid);
                continue;
            }
            bool isMissing = false;
            auto edit = editFlagsLocked(folders, *record, change, set, isMissing);
            if (isMissing) missing.push_back(uid);
            if (!edit) continue;
            if (hasLateKeywords(edit->record.keywords ^ (*record)->keywords)) toList[uid.value] = *edit;
            edits.push_back(std::move(*edit));
        }
        if (!toList.empty()) rewriteListLocked(*snapshot, {}, toList);
    } catch (const Error&) {
        failure = std::current_exception();
        // The files have their new names; what should stand in the list does not.
        for (Edit& edit : edits) {
            if (!toList.contains(edit.record.uid.value)) continue;
            const KeywordSet before = (*snapshot->find(edit.record.uid))->keywords;
            edit.record.keywords = (edit.record.keywords & lettersMask()) | (before & ~lettersMask());
        }
    }
    publishEditsLocked(edits, {});
    if (failure) std::rethrow_exception(failure);
    return missing;
}

FlagChangeResult Mailbox::changeFlags(std::span<const Uid> uids, const FlagChange& change) {
    const State::WriterLock lock(*_state);
    _state->catchUpWithEventsLocked();
    // Where every index is taken another program may give one to another keyword: not while the list is ours.
    std::optional<State::ListLock> whileNamed;
    if (!change.keywords.empty() && _state->keywords->freeIndexes({}) == 0) whileNamed.emplace(*_state);
    if (change.mode != FlagChange::Remove) _state->addKeywordsLocked(change.keywords, false);
    const KeywordSet set = _state->keywordSetLocked(change.keywords);
    std::optional<State::ListLock> listLock;
    // Some keywords live in the list: nobody else may change them between our look and our writing.
    const auto lockList = [&] {
        if (listLock) return;
        listLock.emplace(*_state);
        _state->settleListLocked();
    };
    if (hasLateKeywords(set)) lockList();
    FlagChangeResult result;
    std::vector<Uid> todo = ascending(uids);
    for (int attempt = 0; attempt < _state->maxTries() && !todo.empty(); ++attempt) {
        if (attempt > 0) {
            _state->lookForMissingLocked();
        }
        if (change.mode == FlagChange::Replace && haveLateKeywords(*_state->published(), todo)) lockList();
        todo = _state->changeFlagsLocked(todo, change, set, result);
    }
    if (!_state->stillThereLocked(todo).empty()) {
        throw Error(ErrorKind::Busy, "another program keeps renaming a message", _state->directory);
    }
    result.expunged.insert(result.expunged.end(), todo.begin(), todo.end());
    std::sort(result.expunged.begin(), result.expunged.end());
    result.after = _state->published();
    return result;
}

bool Mailbox::State::unlinkMessageLocked(const Folders::Place& place, const RecordRef& record) {
    feed->expect(FileEvent::Removed, record->isInNew, record.fileName());
    if (unlinkat(place.folder, place.path.c_str(), 0) == 0) return true;
    const int number = errno;
    feed->unexpect(FileEvent::Removed, record->isInNew, record.fileName());
    if (number == ENOENT || number == EISDIR) return false;  // a directory: the message is not there any more
    throw Error::fromErrno("cannot remove", pathOf(record), number);
}

bool Mailbox::State::removeMessageLocked(const Folders& folders, const RecordRef& record, const Viewer* asker) {
    const Folders::Place place = folders.at(record.fileName(), record->isInNew);
    if (!feed->isShownBesides(asker)) return unlinkMessageLocked(place, record);
    // Other sessions still show it: it stays readable in tmp/ until the last of them was told (RFC 2180 4.1.1).
    const std::string parkedAt = freshParkingPath();
    feed->expect(FileEvent::MovedAway, record->isInNew, record.fileName());
    park(record->uid, parkedAt);
    const auto parksIt = [&] { return renameat(place.folder, place.path.c_str(), AT_FDCWD, parkedAt.c_str()) == 0; };
    if (parksIt() || (errno == ENOENT && mendLocked(true) && parksIt())) return true;
    const int number = errno;
    unpark(record->uid);
    feed->unexpect(FileEvent::MovedAway, record->isInNew, record.fileName());
    if (number == ENOENT) return false;
    // No room for its name in tmp/. To make room comes first: the others are told that it is gone when they ask for it.
    if (number == ENOSPC || number == EDQUOT) return unlinkMessageLocked(place, record);
    throw Error::fromErrno("cannot remove", pathOf(record), number);
}

std::vector<Uid> Mailbox::expunge(std::span<const Uid> uids, bool onlyIfDeleted, const Viewer* asker) {
    const State::WriterLock lock(*_state);
    _state->catchUpLocked();
    std::vector<Uid> removed, todo = ascending(uids);
    for (int attempt = 0; attempt < _state->maxTries() && !todo.empty(); ++attempt) {
        if (attempt > 0) {
            _state->lookForMissingLocked();
        }
        const std::shared_ptr<const Snapshot> snapshot = _state->published();
        const Folders folders(_state->directory, todo.size());
        std::vector<Edit> edits;
        std::vector<Uid> missing;
        std::exception_ptr failure;
        for (const Uid uid : todo) {
            const auto record = snapshot->find(uid);
            // Another session may have taken \Deleted back since: the flag of this moment decides, and unlink() by the
            // name that carries it makes sure of that against other programs.
            if (!record || (onlyIfDeleted && !(*record)->flags.has(Flag::Deleted))) continue;
            try {
                if (_state->removeMessageLocked(folders, *record, asker)) {
                    edits.push_back({**record, std::string(record->fileName()), true});
                    removed.push_back(uid);
                } else {
                    missing.push_back(uid);
                }
            } catch (const Error&) {
                failure = std::current_exception();
                break;
            }
        }
        _state->publishEditsLocked(edits, {});
        if (failure) std::rethrow_exception(failure);
        todo = std::move(missing);
    }
    if (!_state->stillThereLocked(todo).empty()) {
        throw Error(ErrorKind::Busy, "another program keeps renaming a message", _state->directory);
    }
    std::sort(removed.begin(), removed.end());
    _state->releaseParked();
    if (!removed.empty()) _state->askedForRoomAt = 0;  // there may be room now
    return removed;
}

}  // namespace maildir
