// The state of a mailbox at one moment: records ordered by UID, immutable, shared by all who look at it.
//
// Records live in chunks, which successive snapshots share: a change rebuilds the chunks it touches and the list of
// chunks, nothing else. Any thread may read a snapshot.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "maildir/Types.h"
#include "maildir/names/Keywords.h"

namespace maildir {

constexpr std::uint64_t unknownOctets = UINT64_MAX;

// One message. Its file name stands in the names of its chunk.
struct Record {
    Uid uid;
    std::uint32_t nameOffset = 0;
    std::uint16_t nameOctets = 0;
    std::uint16_t baseOctets = 0;  // the base name: what stands before ":2,"
    FlagSet flags;
    bool isInNew = false;            // the file is in new/, else in cur/
    bool isRecentUnclaimed = false;  // no session has been given \Recent for it yet
    KeywordSet keywords;
    ModSeq modSeq;
    std::uint64_t recordedStoredOctets = unknownOctets;  // ,S= or the UID list's S
    std::uint64_t recordedWireOctets = unknownOctets;    // ,W= or the UID list's W

    [[nodiscard]] bool sameFlags(const Record& other) const {
        return flags == other.flags && keywords == other.keywords;
    }
};

class Chunk;

// Where chunks come from that are read at their first use. Any thread.
class ChunkSource {
public:
    virtual ~ChunkSource() = default;
    // Adds the records of the chunk with this number to an empty one; as many as were announced, with the UIDs that
    // were, whatever became of the place where they lie.
    virtual void fill(std::size_t number, Chunk& chunk) = 0;
};

// What is known of a chunk before it is read.
struct ChunkCounts {
    Uid first, last;
    std::uint32_t records = 0, unseen = 0, deleted = 0, recentUnclaimed = 0;
};

class Chunk {
public:
    static constexpr std::size_t capacity = 512;

    Chunk() = default;
    // Read at the first look at its records.
    Chunk(const ChunkCounts& counts, std::shared_ptr<ChunkSource> source, std::size_t number)
        : _counts(counts), _source(std::move(source)), _number(number), _isRead(false) {}
    Chunk(const Chunk& other);
    Chunk& operator=(const Chunk&) = delete;

    [[nodiscard]] std::span<const Record> records() const {
        if (!_isRead.load(std::memory_order_acquire)) read();
        return _records;
    }
    [[nodiscard]] bool isRead() const { return _isRead; }
    // The file name of a record that records() gave.
    [[nodiscard]] std::string_view fileName(const Record& record) const {
        return std::string_view(_names).substr(record.nameOffset, record.nameOctets);
    }
    [[nodiscard]] std::string_view baseName(const Record& record) const {
        return std::string_view(_names).substr(record.nameOffset, record.baseOctets);
    }
    // record's offset and lengths are set from fileName; its UID must be above the last one's.
    void add(Record record, std::string_view fileName);
    // As many add()s: records [first, last) of another chunk.
    void addRun(const Chunk& other, std::size_t first, std::size_t last);
    [[nodiscard]] bool isFull() const { return size() >= capacity; }
    void shrink();  // to the memory that it needs

    [[nodiscard]] const ChunkCounts& counts() const { return _counts; }
    [[nodiscard]] std::size_t size() const { return _counts.records; }
    [[nodiscard]] Uid firstUid() const { return _counts.first; }
    [[nodiscard]] Uid lastUid() const { return _counts.last; }
    [[nodiscard]] std::size_t unseen() const { return _counts.unseen; }
    [[nodiscard]] std::size_t deleted() const { return _counts.deleted; }
    [[nodiscard]] std::size_t recentUnclaimed() const { return _counts.recentUnclaimed; }

private:
    void read() const;
    void count(const Record& record);

    ChunkCounts _counts;
    // Until it is read; then these never change again.
    mutable std::vector<Record> _records;
    mutable std::string _names;
    const std::shared_ptr<ChunkSource> _source;
    const std::size_t _number = 0;
    mutable std::atomic<bool> _isRead{true};
};

// A record with the chunk that holds its names; valid as long as the snapshot.
struct RecordRef {
    const Chunk* chunk = nullptr;
    const Record* record = nullptr;

    const Record* operator->() const { return record; }
    const Record& operator*() const { return *record; }
    [[nodiscard]] std::string_view fileName() const { return chunk->fileName(*record); }
    [[nodiscard]] std::string_view baseName() const { return chunk->baseName(*record); }
};

class Snapshot {
public:
    [[nodiscard]] std::size_t size() const { return _size; }
    // index: 0 .. size()-1, in the order of UIDs.
    [[nodiscard]] RecordRef at(std::size_t index) const;
    // Quicker where the record is in the chunk of the one before. chunk: the number of that, or any.
    [[nodiscard]] RecordRef at(std::size_t index, std::size_t& chunk) const {
        if (chunk >= _chunks.size() || index - _starts[chunk] >= _chunks[chunk]->size()) chunk = chunkOf(index);
        return {_chunks[chunk].get(), &_chunks[chunk]->records()[index - _starts[chunk]]};
    }
    // Index of the first record whose UID is not below `uid` (size() if there is none).
    [[nodiscard]] std::size_t lowerBound(Uid uid) const;
    [[nodiscard]] std::optional<std::size_t> indexOf(Uid uid) const;
    [[nodiscard]] std::optional<RecordRef> find(Uid uid) const;

    [[nodiscard]] UidValidity uidValidity() const { return _uidValidity; }
    [[nodiscard]] Uid uidNext() const { return _uidNext; }
    [[nodiscard]] ModSeq highestModSeq() const { return _highestModSeq; }
    [[nodiscard]] const KeywordTable& keywords() const { return *_keywords; }
    [[nodiscard]] const std::shared_ptr<const KeywordTable>& sharedKeywords() const { return _keywords; }
    [[nodiscard]] std::size_t unseen() const { return _unseen; }
    [[nodiscard]] std::size_t deleted() const { return _deleted; }
    [[nodiscard]] std::size_t recentUnclaimed() const { return _recentUnclaimed; }
    // Grows with every published snapshot of a mailbox.
    [[nodiscard]] std::uint64_t generation() const { return _generation; }

    [[nodiscard]] std::span<const std::shared_ptr<const Chunk>> chunks() const { return _chunks; }

private:
    friend class SnapshotBuilder;
    [[nodiscard]] std::size_t chunkOf(std::size_t index) const;

    std::vector<std::shared_ptr<const Chunk>> _chunks;
    std::vector<std::uint32_t> _starts;  // index of each chunk's first record
    std::size_t _size = 0, _unseen = 0, _deleted = 0, _recentUnclaimed = 0;
    UidValidity _uidValidity;
    Uid _uidNext{1};
    ModSeq _highestModSeq{1};
    std::shared_ptr<const KeywordTable> _keywords;
    std::uint64_t _generation = 0;
};

// Finds records by UIDs that ascend: faster than Snapshot::find() where most records are asked for. The snapshot
// outlives it.
class AscendingFinder {
public:
    struct Found {
        RecordRef record;
        std::size_t index = 0;
    };
    explicit AscendingFinder(const Snapshot& snapshot) : _chunks(snapshot.chunks()) {}
    // uid: above those that were asked for before.
    std::optional<Found> find(Uid uid);

private:
    std::span<const std::shared_ptr<const Chunk>> _chunks;
    std::size_t _chunk = 0, _start = 0;  // its number; index of its first record
    std::size_t _position = 0;           // of the next record in it
};

// Makes a snapshot: records are added in the order of UIDs; whole chunks of an older one may be taken over.
class SnapshotBuilder {
public:
    SnapshotBuilder();
    void add(const Record& record, std::string_view fileName);
    void addRun(const Chunk& chunk, std::size_t first, std::size_t last);  // its records [first, last)
    void addChunk(std::shared_ptr<const Chunk> chunk);
    void setHeader(UidValidity uidValidity, Uid uidNext, ModSeq highestModSeq,
                   std::shared_ptr<const KeywordTable> keywords, std::uint64_t generation);
    std::shared_ptr<const Snapshot> finish();

private:
    void flush();
    // Goes on filling the last chunk (a copy of it) if it stays small with so many more records.
    void reopenLast(std::size_t more);
    std::shared_ptr<Snapshot> _snapshot;
    std::shared_ptr<Chunk> _open;
};

// Indexes that have a name in `newer` and had none in `older`.
// The keywords, by index, that some message has.
KeywordSet keywordsInUse(const Snapshot& snapshot);
// Whether a message could be given a keyword that the mailbox has no name for: an index is free, or can be given back.
bool hasRoomForKeyword(const Snapshot& snapshot);

KeywordSet newlyNamed(const KeywordTable& older, const KeywordTable& newer);

// What became of the records of `older` in `newer`, in the order of UIDs. Costs what has changed, not the size: chunks
// shared by both are passed over.
struct Difference {
    std::vector<Uid> vanished;
    std::vector<Uid> changed;  // flags or keywords differ, or a keyword has got its name
    std::size_t appeared = 0;  // records of newer that older does not have
};
Difference difference(const Snapshot& older, const Snapshot& newer);

// `newer` with the records `vanished` (as they were in `older`) still in it: what a session shows that may not be told
// yet.
std::shared_ptr<const Snapshot> withVanished(const Snapshot& newer, const Snapshot& older,
                                             std::span<const Uid> vanished);

}  // namespace maildir
