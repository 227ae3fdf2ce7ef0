#include "maildir/mailbox/Mailbox.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <ctime>

#include "maildir/Patience.h"
#include "maildir/mailbox/FileName.h"
#include "maildir/mailbox/MailboxState.h"

namespace maildir {

namespace {

// rename(2) that never replaces a file, where the file system can do that (NFS cannot).
int renameKeeping(const Folders::Place& from, const Folders::Place& to) {
    const int done = renameat2(from.folder, from.path.c_str(), to.folder, to.path.c_str(), RENAME_NOREPLACE);
    if (done == 0 || errno != EINVAL) return done;
    return renameat(from.folder, from.path.c_str(), to.folder, to.path.c_str());
}

}  // namespace

void cleanTmp(const std::string& directory) {
    constexpr time_t leftoverSeconds = 36 * 3600;  // cr.yp.to/proto/maildir.html
    const std::string path = directory + "/tmp";
    const std::unique_ptr<DIR, int (*)(DIR*)> entries(opendir(path.c_str()), &closedir);
    if (!entries) return;
    const time_t now = time(nullptr);
    while (const dirent* const entry = readdir(entries.get())) {  // NOLINT(concurrency-mt-unsafe): own stream
        if (entry->d_name[0] == '.') continue;
        struct stat status {};
        const int fd = dirfd(entries.get());
        if (fstatat(fd, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(status.st_mode)) continue;
        // A message parked here by an expunge keeps its old mtime; when it came here is its ctime.
        if (std::max(status.st_mtime, status.st_ctime) + leftoverSeconds < now) unlinkat(fd, entry->d_name, 0);
    }
}

// --- State: what every change needs

Mailbox::State::State(std::string path, const std::string& root, Mailbox::Options given)
    : directory(std::move(path)),
      options(std::move(given)),
      presence(directory, root),
      list(directory),
      keywordFile(directory),
      messageFacts(options.facts, options.cache != nullptr, options.onUnsaved) {
    SnapshotBuilder empty;
    keywords = std::make_shared<const KeywordTable>();
    empty.setHeader({}, {}, ModSeq{1}, keywords, 0);
    _published = empty.finish();
    savedAt = steadyMilliseconds();
    startOpening();
}

Mailbox::State::~State() {
    options.watcher->unwatch(feed.get());
    if (parked.empty()) return;
    // Whoever lets go last may be of another user.
    try {
        const FileIdentity::Scope scope(identity);
        for (const auto& [uid, each] : parked) unlink(each.path.c_str());
    } catch (const Error&) {  // NOLINT(bugprone-empty-catch): files in tmp/ are cleaned up at a later opening
    }
}

std::optional<FolderTimes> Mailbox::State::timesToCheck() {
    if (!isWatchedAndLoaded) return std::nullopt;
    const std::int64_t present = steadyMilliseconds(), before = checkedAt;
    if (before != 0 && present - before < options.watcher->checkIntervalMs()) return std::nullopt;
    checkedAt = present;
    struct stat forNew {
    }, forCur{};
    const bool areThere =
        stat((directory + "/new").c_str(), &forNew) == 0 && stat((directory + "/cur").c_str(), &forCur) == 0;
    if (!areThere) return std::nullopt;
    return FolderTimes{nanosecondsOf(forNew.st_mtim), nanosecondsOf(forCur.st_mtim)};
}

Mailbox::State::WriterLock::WriterLock(State& state) : _state(state) {
    const std::optional<std::chrono::milliseconds> most = Patience::forWork();
    if (!most)
        _state.writer.lock();
    else if (!_state.writer.try_lock_for(*most))
        throw Patience::error("others are changing the mailbox", state.directory);
}

Record Mailbox::State::recordFor(Uid uid, std::string_view fileName, bool isInNew, std::string_view extension) const {
    const FileNameFacts facts = readFileName(fileName);
    Record record;
    record.uid = uid;
    record.flags = facts.flags;
    record.keywords = facts.keywords | keywordsOf(extension);
    record.isInNew = isInNew;
    record.isRecentUnclaimed = isInNew;
    record.recordedStoredOctets = facts.recordedStoredOctets;
    record.recordedWireOctets = facts.recordedWireOctets;
    if (record.recordedStoredOctets == unknownOctets) {
        record.recordedStoredOctets = numberOf(extension, 'S').value_or(unknownOctets);
    }
    if (record.recordedWireOctets == unknownOctets) {
        record.recordedWireOctets = numberOf(extension, 'W').value_or(unknownOctets);
    }
    return record;
}

std::string Mailbox::State::pathOf(std::string_view fileName, bool isInNew) const {
    std::string path;
    path.reserve(directory.size() + 5 + fileName.size());
    return path.append(directory).append(isInNew ? "/new/" : "/cur/").append(fileName);
}

bool Mailbox::State::renameMessageLocked(const Folders& folders, std::string_view fromName, bool fromNew,
                                         std::string_view toName, bool toNew) {
    feed->expect(FileEvent::MovedAway, fromNew, fromName);
    feed->expect(FileEvent::Appeared, toNew, toName);
    if (renameKeeping(folders.at(fromName, fromNew), folders.at(toName, toNew)) == 0) return true;
    const int number = errno;
    feed->unexpect(FileEvent::MovedAway, fromNew, fromName);
    feed->unexpect(FileEvent::Appeared, toNew, toName);
    if (number == ENOENT) return false;
    const std::string from = pathOf(fromName, fromNew), to = pathOf(toName, toNew);
    if (number == EEXIST) {
        struct stat one {
        }, other{};
        const bool areThere = lstat(from.c_str(), &one) == 0 && lstat(to.c_str(), &other) == 0;
        if (areThere && one.st_ino == other.st_ino && one.st_dev == other.st_dev) return true;  // two links
        feed->noteOverflow();
        return false;
    }
    throw Error::fromErrno("cannot rename to " + to, from, number);
}

// --- Mailbox

Mailbox::Mailbox(std::string directory, Options options, const std::string& root)
    : _state(std::make_unique<State>(std::move(directory), root, std::move(options))) {}

Mailbox::~Mailbox() = default;

const std::string& Mailbox::directory() const {
    return _state->directory;
}

const std::string& Mailbox::factsName() const {
    return _state->factsName;
}

std::shared_ptr<const Snapshot> Mailbox::snapshot() {
    const std::shared_ptr<const Snapshot> snapshot = _state->published();
    return snapshot->uidValidity().value != 0 || _state->isGone ? snapshot : refresh();
}

std::shared_ptr<const Snapshot> Mailbox::refreshedSince(std::chrono::steady_clock::time_point moment) {
    return _state->lookedAt.load() >= moment && _state->isAsKnown() ? _state->published() : refresh();
}

std::shared_ptr<const Snapshot> Mailbox::refresh() {
    const std::optional<FolderTimes> times = _state->timesToCheck();
    _state->options.watcher->drain();
    if (times && _state->feed->noteTimes(*times, _state->hasOwnClock)) {
        _state->options.watcher->reportMissed(_state->directory);
    }
    if (_state->isAsKnown() && _state->presence.isInPlace()) return _state->published();
    {
        const State::WriterLock lock(*_state);
        try {
            _state->refreshLocked();
            _state->troubleIsOverLocked();
        } catch (const Error& error) {
            if (error.kind() == ErrorKind::WouldWait) throw;  // it is not looked at yet, and nothing is wrong with it
            throw _state->toldLocked(error);
        }
    }
    if (_state->isWatchDue && _state->options.onWatchDue) _state->options.onWatchDue(shared_from_this());
    return _state->published();
}

void Mailbox::noteOpened() {
    _state->checkedAt = 0;
}

void Mailbox::finishWatching() {
    State& state = *_state;
    if (!state.isWatchDue) return;
    try {
        const FileIdentity::Scope scope(state.identity);
        // Outside the writer's lock, since it takes a while in a large mailbox.
        const bool isTold = state.options.watcher->watch(state.directory, state.feed);
        // Whoever uses the mailbox would wait for this thread.
        const Patience::Scope patience(Patience::Kind::Returns);
        const State::WriterLock lock(state);
        if (!state.isWatchDue) return;  // somebody was quicker
        if (!isTold && !state.presence.isInPlace()) {
            state.feed->noteOverflow();
            return state.feed->noteNews();  // it went before it was watched: no event will tell of it
        }
        state.noteWatchedLocked(isTold);
        state.lookAtGapLocked();
    } catch (const std::exception&) {
        state.feed->noteNews();  // whoever uses the mailbox looks himself, and is told
    }
}

std::vector<Uid> Mailbox::claimRecent() {
    if (_state->published()->recentUnclaimed() == 0) return {};
    const State::WriterLock lock(*_state);
    _state->prepareLocked();
    const std::shared_ptr<const Snapshot> snapshot = _state->published();
    const Folders folders(_state->directory, snapshot->recentUnclaimed());
    std::vector<Edit> edits;
    std::vector<Uid> claimed;
    for (const auto& chunk : snapshot->chunks()) {
        if (chunk->recentUnclaimed() == 0) continue;
        for (const Record& record : chunk->records()) {
            if (!record.isRecentUnclaimed) continue;
            Edit edit{record, std::string(chunk->fileName(record)), false};
            if (record.isInNew) {
                std::string name = edit.fileName;
                if (name.find(':') == std::string::npos) name += ":2,";
                // Not there any more: another program moved it; its events, or the next look, tell where.
                try {
                    if (!_state->renameMessageLocked(folders, edit.fileName, true, name, false)) continue;
                } catch (const Error&) {
                    // It stays where it is, as in a tree that may only be read, and is recent again next time.
                    continue;
                }
                edit.fileName = std::move(name);
                edit.record.isInNew = false;
            }
            edit.record.isRecentUnclaimed = false;
            claimed.push_back(record.uid);
            edits.push_back(std::move(edit));
        }
    }
    _state->publishEditsLocked(edits, {});
    return claimed;
}

void Mailbox::markGone() {
    {
        const std::lock_guard lock(_state->writer);
        _state->isGone = true;
    }
    _state->feed->wakeViewers();
}

bool Mailbox::isPresent() {
    const std::lock_guard lock(_state->writer);
    if (_state->isGone || !_state->presence.isKnown()) return false;
    try {
        _state->requireInPlaceLocked();
    } catch (const Error& error) {
        if (error.kind() != ErrorKind::NotFound) throw;
        return false;
    }
    return true;
}

void Mailbox::requireRoot() const {
    _state->presence.requireRoot();
}

bool Mailbox::isTroubled() const {
    return _state->isTroubled;
}

bool Mailbox::isGone() const {
    return _state->isGone;
}

bool Mailbox::isOf(const struct stat& cur) const {
    return _state->presence.isCur(cur);
}

bool Mailbox::isOfCurrentUser() const {
    return FileIdentity::isCurrent(_state->identity);
}

bool Mailbox::isWritable() const {
    return !_state->isProvisional && faccessat(AT_FDCWD, (_state->directory + "/cur").c_str(), W_OK, AT_EACCESS) == 0;
}

std::uint64_t Mailbox::listingCount() const {
    return _state->listings;
}

std::uint64_t Mailbox::parsedCount() const {
    return _state->parsed;
}

std::size_t Mailbox::size() const {
    return _state->published()->size();
}

}  // namespace maildir
