#include "maildir/mailbox/Snapshot.h"

#include <algorithm>
#include <mutex>

namespace maildir {

inline void Chunk::count(const Record& record) {
    if (_counts.records++ == 0) _counts.first = record.uid;
    _counts.last = record.uid;
    _counts.unseen += record.flags.has(Flag::Seen) ? 0u : 1u;
    _counts.deleted += record.flags.has(Flag::Deleted) ? 1u : 0u;
    _counts.recentUnclaimed += record.isRecentUnclaimed ? 1u : 0u;
}

void Chunk::add(Record record, std::string_view fileName) {
    record.nameOffset = static_cast<std::uint32_t>(_names.size());
    record.nameOctets = static_cast<std::uint16_t>(fileName.size());
    record.baseOctets = static_cast<std::uint16_t>(std::min(fileName.find(':'), fileName.size()));
    _names.append(fileName);
    _records.push_back(record);
    count(record);
}

void Chunk::addRun(const Chunk& other, std::size_t first, std::size_t last) {
    if (first == last) return;
    const std::span<const Record> records = other.records();
    // Names stand in the order of the records: all of them are copied at once.
    const std::size_t from = records[first].nameOffset;
    const std::size_t to = records[last - 1].nameOffset + std::size_t(records[last - 1].nameOctets);
    if (_records.empty()) {  // most changes are small: the result has as much as the other
        _records.reserve(records.size());
        _names.reserve(other._names.size());
    }
    const std::size_t base = _names.size();
    _names.append(other._names, from, to - from);
    // As a whole, then changed in place: a changed copy of each takes five times as long.
    const std::size_t before = _records.size();
    const auto run = records.subspan(first, last - first);
    _records.insert(_records.end(), run.begin(), run.end());
    for (Record& record : std::span(_records).subspan(before)) {
        record.nameOffset = static_cast<std::uint32_t>(record.nameOffset - from + base);
        count(record);
    }
}

Chunk::Chunk(const Chunk& other) : _counts(other._counts) {
    const auto records = other.records();
    _records.assign(records.begin(), records.end());
    _names = other._names;
}

void Chunk::read() const {
    // Few chunks are read at a time, and seldom: one lock for all.
    static std::mutex mutex;
    const std::lock_guard lock(mutex);
    if (_isRead) return;
    Chunk filled;
    _source->fill(_number, filled);
    _records = std::move(filled._records);
    _names = std::move(filled._names);
    _isRead.store(true, std::memory_order_release);
}

void Chunk::shrink() {
    // Not for a little, since that is a copy.
    if (_records.capacity() > _records.size() + _records.size() / 8) _records.shrink_to_fit();
    if (_names.capacity() > _names.size() + _names.size() / 8) _names.shrink_to_fit();
}

RecordRef Snapshot::at(std::size_t index) const {
    std::size_t chunk = SIZE_MAX;
    return at(index, chunk);
}

std::size_t Snapshot::chunkOf(std::size_t index) const {
    const auto next = std::upper_bound(_starts.begin(), _starts.end(), static_cast<std::uint32_t>(index));
    return static_cast<std::size_t>(next - _starts.begin()) - 1;
}

std::size_t Snapshot::lowerBound(Uid uid) const {
    // The first chunk whose last record is not below uid.
    const auto chunk =
        std::partition_point(_chunks.begin(), _chunks.end(), [uid](const auto& each) { return each->lastUid() < uid; });
    if (chunk == _chunks.end()) return _size;
    const auto records = (*chunk)->records();
    const auto record =
        std::partition_point(records.begin(), records.end(), [uid](const Record& each) { return each.uid < uid; });
    return _starts[static_cast<std::size_t>(chunk - _chunks.begin())] +
           static_cast<std::size_t>(record - records.begin());
}

std::optional<std::size_t> Snapshot::indexOf(Uid uid) const {
    const std::size_t index = lowerBound(uid);
    if (index < _size && at(index)->uid == uid) return index;
    return std::nullopt;
}

std::optional<RecordRef> Snapshot::find(Uid uid) const {
    const std::size_t index = lowerBound(uid);
    if (index >= _size) return std::nullopt;
    const RecordRef found = at(index);
    if (found->uid != uid) return std::nullopt;
    return found;
}

std::optional<AscendingFinder::Found> AscendingFinder::find(Uid uid) {
    for (; _chunk < _chunks.size() && _chunks[_chunk]->lastUid() < uid; ++_chunk) {
        _start += _chunks[_chunk]->size();
        _position = 0;
    }
    if (_chunk == _chunks.size()) return std::nullopt;
    const Chunk& chunk = *_chunks[_chunk];
    const std::span<const Record> records = chunk.records();
    if (records[_position].uid != uid) {
        const auto from = records.begin() + static_cast<std::ptrdiff_t>(_position);
        const auto found =
            std::partition_point(from, records.end(), [uid](const Record& each) { return each.uid < uid; });
        _position = static_cast<std::size_t>(found - records.begin());
        if (records[_position].uid != uid) return std::nullopt;  // there is one: the last UID is not below this one
    }
    const Found found{{&chunk, &records[_position]}, _start + _position};
    if (_position + 1 < records.size()) ++_position;
    return found;
}

SnapshotBuilder::SnapshotBuilder() : _snapshot(std::make_shared<Snapshot>()) {
    static const auto none = std::make_shared<const KeywordTable>();
    _snapshot->_keywords = none;  // until setHeader(): a snapshot always has a table
}

void SnapshotBuilder::add(const Record& record, std::string_view fileName) {
    if (_open && _open->isFull()) flush();
    if (!_open) reopenLast(1);
    if (!_open) _open = std::make_shared<Chunk>();
    _open->add(record, fileName);
}

void SnapshotBuilder::addRun(const Chunk& chunk, std::size_t first, std::size_t last) {
    while (first < last) {
        if (_open && _open->isFull()) flush();
        if (!_open) reopenLast(last - first);
        if (!_open) _open = std::make_shared<Chunk>();
        const std::size_t count = std::min(last - first, Chunk::capacity - _open->records().size());
        _open->addRun(chunk, first, first + count);
        first += count;
    }
}

void SnapshotBuilder::reopenLast(std::size_t more) {
    if (_snapshot->_chunks.empty()) return;
    const Chunk& last = *_snapshot->_chunks.back();
    if (last.size() + more > Chunk::capacity / 2) return;
    _open = std::make_shared<Chunk>(last);
    _snapshot->_chunks.pop_back();
}

void SnapshotBuilder::addChunk(std::shared_ptr<const Chunk> chunk) {
    // Small neighbours are merged, so that neither expunging nor single deliveries leave many small chunks.
    if (!_open) reopenLast(chunk->size());
    if (_open && _open->size() + chunk->size() <= Chunk::capacity) {
        addRun(*chunk, 0, chunk->size());
        return;
    }
    flush();
    _snapshot->_chunks.push_back(std::move(chunk));
}

void SnapshotBuilder::flush() {
    if (_open && _open->size() > 0) {
        _open->shrink();
        _snapshot->_chunks.push_back(std::move(_open));
    }
    _open.reset();
}

void SnapshotBuilder::setHeader(UidValidity uidValidity, Uid uidNext, ModSeq highestModSeq,
                                std::shared_ptr<const KeywordTable> keywords, std::uint64_t generation) {
    _snapshot->_uidValidity = uidValidity;
    _snapshot->_uidNext = uidNext;
    _snapshot->_highestModSeq = highestModSeq;
    _snapshot->_keywords = std::move(keywords);
    _snapshot->_generation = generation;
}

std::shared_ptr<const Snapshot> SnapshotBuilder::finish() {
    flush();
    _snapshot->_starts.reserve(_snapshot->_chunks.size());
    for (const auto& chunk : _snapshot->_chunks) {
        _snapshot->_starts.push_back(static_cast<std::uint32_t>(_snapshot->_size));
        _snapshot->_size += chunk->size();
        _snapshot->_unseen += chunk->unseen();
        _snapshot->_deleted += chunk->deleted();
        _snapshot->_recentUnclaimed += chunk->recentUnclaimed();
    }
    return std::move(_snapshot);
}

namespace {

// Walks the records of a snapshot's chunks; can pass over a chunk that another cursor stands at the start of as well.
class Cursor {
public:
    explicit Cursor(const Snapshot& snapshot) : _chunks(snapshot.chunks()) {}
    [[nodiscard]] bool atEnd() const { return _chunk == _chunks.size(); }
    [[nodiscard]] std::span<const Record> restOfChunk() { return _chunks[_chunk]->records().subspan(_index); }
    [[nodiscard]] const Record& record() { return restOfChunk().front(); }
    void advance(std::size_t records) {
        _index += records;
        if (_index == _chunks[_chunk]->size()) nextChunk();
    }
    bool skipShared(Cursor& other) {
        if (_index != 0 || other._index != 0 || _chunks[_chunk] != other._chunks[other._chunk]) return false;
        nextChunk();
        other.nextChunk();
        return true;
    }

private:
    void nextChunk() {
        ++_chunk;
        _index = 0;
    }
    std::span<const std::shared_ptr<const Chunk>> _chunks;
    std::size_t _chunk = 0, _index = 0;
};

}  // namespace

KeywordSet keywordsInUse(const Snapshot& snapshot) {
    KeywordSet used;
    for (const auto& chunk : snapshot.chunks()) {
        for (const Record& record : chunk->records()) used |= record.keywords;
    }
    return used;
}

bool hasRoomForKeyword(const Snapshot& snapshot) {
    const KeywordTable& table = snapshot.keywords();
    // The messages are only looked at where it matters.
    if (table.freeIndexes({}) == 0) return table.reusableIndexes(keywordsInUse(snapshot)) > 0;
    return table.freeIndexes({}) > maxKeywords / 2 || table.freeIndexes(keywordsInUse(snapshot)) > 0 ||
           table.reusableIndexes(keywordsInUse(snapshot)) > 0;
}

KeywordSet newlyNamed(const KeywordTable& older, const KeywordTable& newer) {
    KeywordSet named;
    if (&older == &newer) return named;
    for (std::size_t index = 0; index < newer.size(); ++index) {
        if (!newer.nameOf(index).empty() && older.nameOf(index) != newer.nameOf(index)) named.set(index);
    }
    return named;
}

Difference difference(const Snapshot& older, const Snapshot& newer) {
    Difference result;
    Cursor left(older), right(newer);
    const KeywordSet named = newlyNamed(older.keywords(), newer.keywords());
    while (!left.atEnd() && !right.atEnd()) {
        if (left.skipShared(right)) continue;
        const std::span<const Record> were = left.restOfChunk(), are = right.restOfChunk();
        if (were[0].uid < are[0].uid) {
            result.vanished.push_back(were[0].uid);
            left.advance(1);
        } else if (are[0].uid < were[0].uid) {
            ++result.appeared;
            right.advance(1);
        } else {
            const std::size_t most = std::min(were.size(), are.size());
            std::size_t same = 0;
            for (; same < most && were[same].uid == are[same].uid; ++same) {
                const Record& is = are[same];
                if (!were[same].sameFlags(is) || (is.keywords & named).any()) result.changed.push_back(is.uid);
            }
            left.advance(same);
            right.advance(same);
        }
    }
    for (; !left.atEnd(); left.advance(1)) result.vanished.push_back(left.record().uid);
    for (; !right.atEnd(); right.advance(1)) ++result.appeared;
    return result;
}

std::shared_ptr<const Snapshot> withVanished(const Snapshot& newer, const Snapshot& older,
                                             std::span<const Uid> vanished) {
    SnapshotBuilder builder;
    std::size_t next = 0;
    const KeywordSet renamed = newlyNamed(older.keywords(), newer.keywords());
    const auto addVanished = [&] {
        const auto found = older.find(vanished[next]);
        if (!found) return;
        Record record = **found;
        record.keywords &= ~renamed;  // they have other names now
        builder.add(record, found->fileName());
    };
    const auto addVanishedBelow = [&](Uid bound) {
        for (; next < vanished.size() && vanished[next] < bound; ++next) addVanished();
    };
    for (const auto& chunk : newer.chunks()) {
        if (next == vanished.size() || chunk->lastUid() < vanished[next]) {
            builder.addChunk(chunk);
            continue;
        }
        for (const Record& record : chunk->records()) {
            addVanishedBelow(record.uid);
            builder.add(record, chunk->fileName(record));
        }
    }
    addVanishedBelow(Uid{UINT32_MAX});
    // The last UID of all is below none.
    if (next < vanished.size()) addVanished();
    builder.setHeader(newer.uidValidity(), newer.uidNext(), newer.highestModSeq(), newer.sharedKeywords(),
                      newer.generation());
    return builder.finish();
}

}  // namespace maildir
