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

std::shared_ptr<const Snapshot> Mailbox::State::published() const {
    const std::lock_guard lock(_publishedMutex);
    return _published;
}

void Mailbox::State::publish(std::shared_ptr<const Snapshot> snapshot) {
    {
        const std::lock_guard lock(_publishedMutex);
        _published = std::move(snapshot);
        publishedGeneration = _published->generation();
    }
    changedAt = steadyMilliseconds();
    uncertainSaves = 0;
    if (options.cache && options.onUnsaved) options.onUnsaved();
    feed->wakeViewers();
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

std::optional<std::size_t> Mailbox::State::findByNameLocked(const Snapshot& snapshot, std::string_view baseName,
                                                            std::uint64_t hash) const {
    indexLocked();
    std::optional<std::size_t> position;
    (void)index.find(hash, [&](Uid uid) {
        position = snapshot.indexOf(uid);
        if (position && snapshot.at(*position).baseName() != baseName) position.reset();
        return position.has_value();
    });
    return position;
}

void Mailbox::State::indexLocked() const {
    if (isIndexed) return;
    isIndexed = true;
    const std::shared_ptr<const Snapshot> snapshot = published();
    index.clear();
    index.reserve(snapshot->size());
    NameInsertions insertions(index);
    for (const auto& chunk : snapshot->chunks()) {
        for (const Record& record : chunk->records())
            insertions.insert(NameIndex::hashOf(chunk->baseName(record)), record.uid);
    }
}

bool Mailbox::State::isGoneNameLocked(std::uint64_t hash) {
    if (!goneNamesAreKnown) {
        UidList onDisk(directory);
        const std::optional<UidListNews> all = onDisk.refresh();
        goneNamesAreKnown = true;
        indexLocked();
        for (const UidRow& row : all ? all->rows : std::vector<UidRow>()) {
            const std::uint64_t each = NameIndex::hashOf(row.baseName);
            if (index.find(each, [](Uid) { return true; }).value == 0) goneNames.insert(each);
        }
    }
    return goneNames.contains(hash);
}

void Mailbox::State::settleListLocked() {
    requireInPlaceLocked();  // a list that is missing is written again, which must not be in another mailbox
    if (absorbListLocked() || !list.exists() || list.isDamaged()) lookUnderListLockLocked();
    compactListLocked(published()->size(), {}, {});
}

Uid Mailbox::State::nextUidLocked(std::size_t messages) {
    settleListLocked();
    const Uid next = std::max({list.nextUid(), published()->uidNext(), Uid{1}});
    if (messages <= uidsLeftLocked(next)) return next;
    Findings findings = lookLocked();
    renumberLocked(findings);
    throw Error(ErrorKind::Busy, "the mailbox's UIDs were used up, and it has a new UIDVALIDITY", directory);
}

Mailbox::State::WriterLock::WriterLock(State& state) : _state(state) {
    const std::optional<std::chrono::milliseconds> most = Patience::forWork();
    if (!most)
        _state.writer.lock();
    else if (!_state.writer.try_lock_for(*most))
        throw Patience::error("others are changing the mailbox", state.directory);
}

Mailbox::State::ListLock::ListLock(State& state) : _state(state) {
    if (_state.list.lock() != nullptr) return;
    try {
        _lock.emplace(_state.list.lockPath(), _state.options.lockTimeoutMs);
    } catch (const Error& error) {
        _state.listIsHeld = error.kind() == ErrorKind::WouldWait;
        throw;
    }
    _state.listIsHeld = false;
    _state.list.setLock(&*_lock);
}

Mailbox::State::ListLock::~ListLock() {
    if (_lock) _state.list.setLock(nullptr);
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

void Mailbox::State::publishEditsLocked(const std::vector<Edit>& edits, const std::vector<Edit>& added) {
    const std::shared_ptr<const Snapshot> base = published();
    // Not past a message that others gave a UID and that was not looked for yet.
    const Uid listNext =
        pendingRows.rows().empty() ? list.nextUid() : std::min(list.nextUid(), pendingRows.rows().front().uid);
    const bool headerChanged =
        list.uidValidity() != base->uidValidity() || listNext > base->uidNext() || base->sharedKeywords() != keywords;
    if (edits.empty() && added.empty() && !headerChanged) return;
    advanceModSeqLocked();
    const ModSeq modSeq{modSeqClock};
    const KeywordSet named = newlyNamed(base->keywords(), *keywords);
    KeywordSet used;
    SnapshotBuilder builder;
    std::vector<Uid> removed;
    std::size_t next = 0;
    for (const auto& chunk : base->chunks()) {
        const Uid first = chunk->firstUid();
        while (next < edits.size() && edits[next].record.uid < first) ++next;
        const Uid last = chunk->lastUid();
        if (next == edits.size() || edits[next].record.uid > last) {
            builder.addChunk(chunk);
            continue;
        }
        const std::span<const Record> records = chunk->records();
        std::size_t done = 0;
        for (; next < edits.size() && edits[next].record.uid <= last; ++next) {
            const Edit& edit = edits[next];
            const auto found = std::partition_point(records.begin() + static_cast<std::ptrdiff_t>(done), records.end(),
                                                    [&edit](const Record& each) { return each.uid < edit.record.uid; });
            if (found == records.end() || found->uid != edit.record.uid) continue;
            const auto position = static_cast<std::size_t>(found - records.begin());
            builder.addRun(*chunk, done, position);
            done = position + 1;
            const Record& record = *found;
            if (edit.isRemoved) {
                const std::uint64_t hash = NameIndex::hashOf(chunk->baseName(record));
                if (isIndexed) index.erase(hash, record.uid);
                goneNames.insert(hash);
                removed.push_back(record.uid);
                continue;
            }
            Record changed = edit.record;
            changed.modSeq = changed.sameFlags(record) && (changed.keywords & named).none() ? record.modSeq : modSeq;
            used |= changed.keywords;
            builder.add(changed, edit.fileName);
        }
        builder.addRun(*chunk, done, records.size());
    }
    Uid uidNext = std::max(base->uidNext(), listNext);
    if (isIndexed) index.reserve(base->size() + added.size());
    {
        NameInsertions insertions(index);
        for (const Edit& edit : added) {
            Record record = edit.record;
            record.modSeq = modSeq;
            used |= record.keywords;
            builder.add(record, edit.fileName);
            const std::uint64_t hash = NameIndex::hashOf(baseNameOf(edit.fileName));
            if (isIndexed) insertions.insert(hash, record.uid);
            goneNames.erase(hash);
            uidNext = std::max(uidNext, uidAfter(record.uid));
        }
    }
    awaitedLetters |= namelessOf(used);
    awaitsNames = awaitedLetters.any();
    const std::uint64_t generation = base->generation() + 1;
    builder.setHeader(list.uidValidity(), uidNext, modSeq, keywords, generation);
    {
        const std::lock_guard lock(parkedMutex);
        for (const Uid uid : removed) {
            if (const auto found = parked.find(uid); found != parked.end()) found->second.generation = generation;
        }
    }
    for (const Uid uid : removed) messageFacts.forget(keyOf(uid));
    publish(builder.finish());
}

void Mailbox::State::appendRowsLocked(std::span<const Edit> added, std::span<const std::string> folders) {
    std::vector<UidRow> rows;
    std::vector<std::string> extensions;
    rows.reserve(added.size());
    extensions.reserve(added.size());
    for (const Edit& edit : added) {
        extensions.push_back(withKeywords({}, edit.record.keywords));
        rows.push_back({edit.record.uid, extensions.back(), baseNameOf(edit.fileName)});
    }
    list.append(rows, folders);
}

void Mailbox::State::rewriteListLocked(const Snapshot& base, const std::vector<Edit>& added,
                                       const std::map<std::uint32_t, Edit>& changed) {
    // The letters of rows that are not ours are kept: read them again.
    UidList onDisk(directory);
    const std::optional<UidListNews> old = onDisk.refresh();
    const auto extensionOf = [&old](Uid uid) -> std::string_view {
        if (!old) return {};
        const auto row = std::partition_point(old->rows.begin(), old->rows.end(),
                                              [uid](const UidRow& each) { return each.uid < uid; });
        return row != old->rows.end() && row->uid == uid ? row->extension : std::string_view();
    };
    std::vector<UidRow> rows;
    std::vector<std::string> extensions;
    rows.reserve(base.size() + added.size());
    extensions.reserve(base.size() + added.size());
    const auto add = [&](const Record& record, std::string_view baseName) {
        extensions.push_back(withKeywords(extensionOf(record.uid), record.keywords));
        rows.push_back({record.uid, extensions.back(), baseName});
    };
    for (const auto& chunk : base.chunks()) {
        for (const Record& record : chunk->records()) {
            const auto edit = changed.find(record.uid.value);
            if (edit == changed.end())
                add(record, chunk->baseName(record));
            else if (!edit->second.isRemoved)
                add(edit->second.record, chunk->baseName(record));
        }
    }
    for (const Edit& edit : added) add(edit.record, baseNameOf(edit.fileName));
    // That the last UID of all was given must not be forgotten with its message: a row without a file says so.
    const bool isExhausted = list.isExhausted() || (!list.exists() && base.uidNext().value == UINT32_MAX);
    if (isExhausted && (rows.empty() || rows.back().uid.value != UINT32_MAX)) {
        rows.push_back({Uid{UINT32_MAX}, {}, "maildock-last-uid"});
    }
    const UidValidity validity = base.uidValidity().value != 0 ? base.uidValidity() : list.uidValidity();
    // It was given when nothing could be written down.
    if (isProvisional) UidValidityFile(treePlace()).noteUsed(validity);
    list.setModSeqMark(ModSeq{modSeqClock});
    list.rewrite(validity.value != 0 ? validity : freshUidValidity(), std::max(base.uidNext(), list.nextUid()), rows);
    isProvisional = false;
    goneNames.clear();
    goneNamesAreKnown = true;
}

UidValidity Mailbox::State::freshUidValidity(UidValidity above) const {
    return UidValidityFile(treePlace()).next(above);
}

TreePlace Mailbox::State::treePlace() const {
    return options.tree.value_or(TreePlace{directory});
}

void Mailbox::State::advanceModSeqLocked() {
    // Without a record of each message's modseq, all of them are new at each start: the clock goes on from the time of
    // day in microseconds, which is more than one a change, and from the mark where that was set back.
    if (modSeqClock == 0) {
        const auto now = std::chrono::system_clock::now().time_since_epoch();
        const auto micros = std::chrono::duration_cast<std::chrono::microseconds>(now).count();
        modSeqClock = static_cast<std::uint64_t>(std::max<std::int64_t>(micros, 1));
    }
    modSeqClock = std::max(modSeqClock, list.modSeqMark().value) + 1;
}

void Mailbox::State::takeKeywordsLocked(std::shared_ptr<const KeywordTable> table) {
    keywords = std::move(table);
    const KeywordSet named = awaitedLetters & ~namelessOf(awaitedLetters);
    if (named.none()) return;
    const std::shared_ptr<const Snapshot> snapshot = published();
    std::vector<Edit> edits;
    for (const auto& chunk : snapshot->chunks()) {
        for (const Record& record : chunk->records()) {
            if ((record.keywords & named).any()) edits.push_back({record, std::string(chunk->fileName(record)), false});
        }
    }
    awaitedLetters &= ~named;
    awaitsNames = awaitedLetters.any();
    publishEditsLocked(edits, {});
}

KeywordSet Mailbox::State::namelessOf(const KeywordSet& letters) const {
    KeywordSet nameless = letters & lettersMask();
    for (std::size_t letter = 0; letter < keywordLetters; ++letter) {
        if (nameless.test(letter) && !keywords->nameOf(letter).empty()) nameless.reset(letter);
    }
    return nameless;
}

KeywordSet Mailbox::State::keywordSetLocked(const std::vector<std::string>& names) const {
    KeywordSet set;
    for (const std::string& name : names) {
        if (const auto found = keywords->indexOf(name)) set.set(*found);
    }
    return set;
}

void Mailbox::State::addKeywordsLocked(const std::vector<std::string>& names, bool mayLeaveOut) {
    if (names.empty()) return;
    // Another program may have given an index to another keyword.
    takeKeywordsLocked(keywordFile.load());
    std::vector<std::string> missing;
    for (const std::string& name : names) {
        if (!keywords->indexOf(name)) missing.push_back(name);
    }
    if (missing.empty()) return;
    const ListLock lock(*this);
    KeywordSet inUse = keywordsInUse(*published());
    const bool mayReuse = isLoaded && keywords->freeIndexes(inUse) < missing.size();
    if (mayReuse) {
        // What other programs set a moment ago is in use too.
        lookAtAllLocked();
        inUse = keywordsInUse(*published());
    }
    if (mayLeaveOut) {
        const std::size_t room = keywords->freeIndexes(inUse) + (mayReuse ? keywords->reusableIndexes(inUse) : 0);
        if (room < missing.size()) {
            logLocked("messages come into " + directory + " without " + std::to_string(missing.size() - room) +
                      " of their keywords: all " + std::to_string(maxKeywords) + " that it can have are in use");
            missing.resize(room);
        }
    }
    if (!missing.empty()) takeKeywordsLocked(keywordFile.add(missing, inUse, mayReuse));
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

std::string Mailbox::State::freshParkingPath() const {
    return directory + "/tmp/" + uniqueBaseName() + ".expunged";
}

void Mailbox::State::park(Uid uid, std::string path) {
    const std::lock_guard lock(parkedMutex);
    parked[uid] = {std::move(path), UINT64_MAX};
}

void Mailbox::State::parkLink(Uid uid, const std::string& path) {
    const std::string link = freshParkingPath();
    if (::link(path.c_str(), link.c_str()) == 0) park(uid, link);
}

void Mailbox::State::unpark(Uid uid) {
    const std::lock_guard lock(parkedMutex);
    const auto found = parked.find(uid);
    if (found == parked.end()) return;
    unlink(found->second.path.c_str());
    parked.erase(found);
}

std::string Mailbox::State::parkedPath(Uid uid) const {
    const std::lock_guard lock(parkedMutex);
    const auto found = parked.find(uid);
    return found == parked.end() ? std::string() : found->second.path;
}

void Mailbox::State::releaseParked() {
    const std::uint64_t oldest = feed->oldestShown();
    const std::lock_guard lock(parkedMutex);
    std::erase_if(parked, [oldest](const auto& each) {
        const Parked& message = each.second;
        if (message.generation == UINT64_MAX || message.generation > oldest) return false;
        unlink(message.path.c_str());
        return true;
    });
}

// --- Viewer

Viewer::Viewer(std::shared_ptr<Mailbox> mailbox, std::function<void()> onNews)
    : _mailbox(std::move(mailbox)), _onNews(std::move(onNews)) {
    _acknowledged = _mailbox->_state->published()->generation();
    _mailbox->_state->feed->add(this, _onNews, _acknowledged);
}

Viewer::~Viewer() {
    _mailbox->_state->feed->remove(this);
    _mailbox->_state->releaseParked();
}

void Viewer::acknowledge(const Snapshot& snapshot) {
    if (snapshot.generation() == _acknowledged) return;
    _acknowledged = snapshot.generation();
    _mailbox->_state->feed->acknowledge(this, _acknowledged);
    _mailbox->_state->releaseParked();
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
        if (!isTold && !state.presence.isInPlace()) return;
        state.noteWatchedLocked(isTold);
        state.lookAtGapLocked();
    } catch (const std::exception&) {  // NOLINT(bugprone-empty-catch): whoever uses the mailbox is told
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
