// The cache file of a mailbox: taken over when it is opened, written when it has changed and nothing went on for a
// while.
//
// What is taken over is only believed where the mailbox says that it has not changed since: the list goes on where it
// was read to, and the directories are looked at unless they have the times that they had when certainly nothing was
// still to be seen. Files themselves are compared before facts of them are served (Facts.cpp).
#include <sys/stat.h>

#include <algorithm>
#include <ctime>

#include "maildir/FileTimes.h"
#include "maildir/Patience.h"
#include "maildir/mailbox/MailboxState.h"

namespace maildir {

namespace {

// A directory that was changed so lately may have changed once more without another time; where times are coarse, the
// more so (FileTimes.h).
constexpr std::int64_t settledNanoseconds = 100'000'000;

constexpr std::int64_t quietMilliseconds = 1000;     // without anything new, before that is written
constexpr std::int64_t longestMilliseconds = 10000;  // between two writes of a mailbox that is never quiet
constexpr std::int64_t retryMilliseconds = 10000;    // after one that failed

// A new file is written when the old one is so much larger than what counts in it.
constexpr std::uint64_t growthFactor = 2, growthOctets = 8u << 20;

std::int64_t now() {
    timespec time{};
    clock_gettime(CLOCK_REALTIME, &time);
    return nanosecondsOf(time);
}

std::int64_t ageOf(const FolderState& folder) {
    return now() - std::max(folder.modified, folder.changed);
}

bool isSettled(const FolderState& folder) {
    const std::int64_t present = now();
    const auto isOld = [present](std::int64_t time) {
        return present - time > std::max(settledNanoseconds, stepOf(time));
    };
    return isOld(folder.modified) && isOld(folder.changed);
}

FolderState lookAt(const std::string& path) {
    struct stat status {};
    if (stat(path.c_str(), &status) != 0) throw Error::fromErrno("cannot stat", path);
    return FolderState::of(status);
}

timespec timeOf(const FolderState& folder) {
    return {folder.modified / nanosecondsPerSecond, folder.modified % nanosecondsPerSecond};
}

}  // namespace

bool Mailbox::State::restoreLocked(bool& isUpToDate) {
    if (!options.cache) return false;
    saved = {};  // of a try that had to wait for a lock
    const std::shared_ptr<CacheFile> file = options.cache->open(factsName);
    if (!file) return false;
    std::optional<StoredMailbox> stored = decodeStored(file->root());
    if (!stored || stored->directory != directory) return false;
    // Another program may have started the mailbox anew.
    if (UidList::uidValidityIn(directory) != stored->uidValidity) return false;
    // Near the end of all UIDs it may have to start anew, which is simpler before anything is known of it.
    constexpr std::uint32_t many = 1u << 20;
    if (UINT32_MAX - stored->uidNext.value < many) return false;
    list.restore(std::move(stored->list));
    SnapshotBuilder builder;
    const std::weak_ptr<ChangeFeed> weak = feed;
    const auto source = chunksOf(file, directory, stored->chunks, [weak] {
        if (const auto present = weak.lock()) present->noteOverflow();
    });
    for (std::size_t number = 0; number < stored->chunks.size(); ++number) {
        StoredChunk& each = stored->chunks[number];
        const auto chunk = std::make_shared<const Chunk>(each.counts, source, number);
        builder.addChunk(chunk);
        saved.kept.push_back(chunk);
        saved.chunks.emplace(chunk.get(), std::move(each));
    }
    const std::uint64_t generation = published()->generation() + 1;
    builder.setHeader(stored->uidValidity, stored->uidNext, stored->highestModSeq, keywords, generation);
    modSeqClock = stored->highestModSeq.value;
    index.clear();
    isIndexed = false;
    goneNamesAreKnown = false;
    awaitedLetters = namelessOf(stored->awaitedLetters);
    awaitsNames = awaitedLetters.any();
    saved.file = file;
    messageFacts.attach(FactBlocks(file, std::move(stored->facts)));
    publish(builder.finish());
    const bool isSame = stored->isCertain && lookAt(directory + "/new") == stored->newFolder &&
                        lookAt(directory + "/cur") == stored->curFolder;
    newTime = timeOf(stored->newFolder);
    curTime = timeOf(stored->curFolder);
    timesSince = 0;  // long ago
    timesAreTrusted = isSame;
    if (isSame) savedGeneration = generation;  // else it is saved again, with times that may be certain
    // Rows without a change of the folders are those of messages that came and went.
    isUpToDate = isSame && !absorbListLocked() && list.exists() && !list.isDamaged();
    return true;
}

std::optional<StoredMailbox> Mailbox::State::captureLocked(bool isLast) {
    StoredMailbox stored;
    if (isTroubled || !presence.isInPlace()) return std::nullopt;  // whoever uses it is told
    stored.newFolder = lookAt(directory + "/new");
    stored.curFolder = lookAt(directory + "/cur");
    if (isLast) {
        const std::int64_t young = settledNanoseconds - std::min(ageOf(stored.newFolder), ageOf(stored.curFolder));
        const timespec pause{0, std::clamp<std::int64_t>(young, 0, settledNanoseconds)};
        if (young > 0) nanosleep(&pause, nullptr);
    }
    stored.isCertain = hasOwnClock && isSettled(stored.newFolder) && isSettled(stored.curFolder);
    if (isWatched && hasOwnClock) {
        options.watcher->drain();
        if (feed->hasPending()) refreshLocked();
        stored.isCertain = stored.isCertain && !feed->hasPending() && lookAt(directory + "/new") == stored.newFolder &&
                           lookAt(directory + "/cur") == stored.curFolder;
    } else {
        // What the last look saw, whose times tell of every change after it. (Their age by our clock says nothing where
        // another gave them.)
        stored.isCertain = (stored.isCertain || !hasOwnClock) && timesAreTrusted &&
                           nanosecondsOf(newTime) == stored.newFolder.modified &&
                           nanosecondsOf(curTime) == stored.curFolder.modified;
    }
    // What is moved away is told afterwards. (A move that begins later changes the times.)
    // Nor are messages in it that wait for room.
    stored.isCertain = stored.isCertain && movesAway == 0 && !awaitsRoom;
    // Rows that were read but not matched with files are not in the records, and would not be read again.
    if (!pendingRows.rows().empty() || !list.exists()) return std::nullopt;
    const std::shared_ptr<const Snapshot> snapshot = published();
    stored.directory = directory;
    stored.uidValidity = snapshot->uidValidity();
    stored.uidNext = snapshot->uidNext();
    stored.highestModSeq = snapshot->highestModSeq();
    stored.awaitedLetters = awaitedLetters;
    stored.list = list.state();
    if (stored.uidValidity.value == 0) return std::nullopt;
    return stored;
}

bool Mailbox::State::isWorthANewFile(const Snapshot& snapshot) {
    if (!saved.file || !saved.file->isInPlace()) return true;
    const FactBlocks::Load facts = messageFacts.load();
    constexpr std::size_t fewBlocks = 64;
    if (facts.blocks > fewBlocks + 4 * (snapshot.size() / FactBlocks::maxMessages)) return true;
    // What would be in a new one: of messages that are in several blocks, one of each.
    std::uint64_t live = facts.octets;
    if (facts.messages > snapshot.size()) live = live / facts.messages * snapshot.size();
    for (const auto& [chunk, stored] : saved.chunks) live += stored.place.octets;
    return saved.file->octets() > growthFactor * live + growthOctets;
}

void Mailbox::State::writeChunks(StoredMailbox& stored, const Snapshot& snapshot, const Saved& from,
                                 Saved& target) const {
    for (const auto& chunk : snapshot.chunks()) {
        const auto known = from.chunks.find(chunk.get());
        StoredChunk each;
        std::optional<std::string> block;
        if (known != from.chunks.end()) {
            each = known->second;
            // What was not read yet needs not be read to be copied.
            if (target.file != from.file && !chunk->isRead()) block = from.file->read(each.place);
        } else {
            each.uids = encodeUids(*chunk);
            each.counts = chunk->counts();
            const auto records = chunk->records();
            each.counts.recentUnclaimed =
                static_cast<std::uint32_t>(std::count_if(records.begin(), records.end(), isStillRecent));
        }
        if (known == from.chunks.end() || target.file != from.file)
            each.place = target.file->append(block ? *block : encodeRecords(*chunk));
        stored.chunks.push_back(each);
        target.kept.push_back(chunk);
        target.chunks.emplace(chunk.get(), std::move(each));
    }
}

void Mailbox::State::writeNewFile(StoredMailbox& stored, const Snapshot& snapshot, Saved& target) {
    target.file = options.cache->create(factsName, saved.file.get());
    writeChunks(stored, snapshot, saved, target);
    const std::uint64_t most = options.cache->maxOctets() / 2;
    stored.facts =
        messageFacts.copyTo(*target.file, most, [&snapshot](Uid uid) { return snapshot.indexOf(uid).has_value(); });
    target.file->commit(encodeStored(stored));
    target.file->publish();
    messageFacts.attach(FactBlocks(target.file, stored.facts));
    options.cache->noteWritten(target.file->octets());
}

void Mailbox::State::writeMore(StoredMailbox& stored, const Snapshot& snapshot, Saved& target) {
    const bool isOld = target.file == nullptr;
    if (isOld) target.file = saved.file;
    const std::uint64_t before = target.file->octets();
    if (isOld) writeChunks(stored, snapshot, saved, target);
    stored.facts = messageFacts.save(*target.file);
    target.file->commit(encodeStored(stored));
    messageFacts.noteSaved();
    options.cache->noteWritten(target.file->octets() - before);
}

Mailbox::Saving Mailbox::saving() const {
    const State& state = *_state;
    const std::size_t unsaved = state.messageFacts.unsaved();
    if (!state.options.cache || state.isGone || (unsaved == 0 && state.savedGeneration == state.publishedGeneration)) {
        return Saving::Nothing;
    }
    const std::int64_t present = steadyMilliseconds();
    if (state.failedAt != 0 && present - state.failedAt < retryMilliseconds) return Saving::Later;
    // Not while facts are being derived: a client waits for them.
    const std::int64_t busyAt =
        std::max({state.changedAt.load(), state.savedAt.load(), state.messageFacts.derivedAt()});
    const bool isTime = state.messageFacts.isPressing() || present - state.savedAt >= longestMilliseconds ||
                        present - busyAt >= quietMilliseconds;
    return isTime ? Saving::Now : Saving::Later;
}

void Mailbox::save(bool isLast) {
    State& state = *_state;
    if (saving() == Saving::Nothing) return;
    std::optional<StoredMailbox> stored;
    std::shared_ptr<const Snapshot> snapshot;
    try {
        const FileIdentity::Scope scope(state.identity);
        // What needs a lock that another holds is saved later.
        const Patience::Scope patience(Patience::Kind::Returns);
        const State::WriterLock lock(state);
        if (state.isSaving || state.isGone || !state.isLoaded) return;
        state.savedAt = steadyMilliseconds();
        stored = state.captureLocked(isLast);
        if (!stored) return;
        snapshot = state.published();
        state.isSaving = true;
    } catch (const std::exception&) {
        return;  // the mailbox is gone, or cannot be looked at: whoever uses it is told
    }
    State::Saved target;
    bool isDone = false;
    try {
        const FileIdentity::Scope scope(nullptr);
        const bool isNew = state.isWorthANewFile(*snapshot);
        if (isNew) {
            state.writeNewFile(*stored, *snapshot, target);
            isDone = true;
        }
        if (!isNew || state.messageFacts.unsaved() > 0) state.writeMore(*stored, *snapshot, target);
        isDone = true;
        state.options.cache->noteSuccess();
        state.failedAt = 0;
    } catch (const std::exception& error) {
        state.messageFacts.noteNotSaved();
        const auto* const known = dynamic_cast<const Error*>(&error);
        const bool isInUse = known != nullptr && known->kind() == ErrorKind::Busy;  // by another server
        if (!isInUse) state.options.cache->noteFailure(error.what());
        state.failedAt = steadyMilliseconds();
    }
    state.messageFacts.rest();
    const std::lock_guard lock(state.writer);
    state.isSaving = false;
    if (!isDone) return;
    state.saved = std::move(target);
    // What was not certain a moment after a change will be soon; where nobody tells of changes perhaps never.
    constexpr int tries = 3;
    if (stored->isCertain || ++state.uncertainSaves >= tries) state.savedGeneration = snapshot->generation();
}

}  // namespace maildir
