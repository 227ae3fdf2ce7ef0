// How changes become the next snapshot of a mailbox, and which names it has: the index by base name is that of the
// published snapshot.
#include <algorithm>
#include <chrono>

#include "maildir/mailbox/FileName.h"
#include "maildir/mailbox/MailboxState.h"

namespace maildir {

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

}  // namespace maildir
