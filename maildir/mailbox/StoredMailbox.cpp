#include "maildir/mailbox/StoredMailbox.h"

#include <algorithm>
#include <mutex>
#include <unordered_map>

#include "maildir/FileOps.h"
#include "maildir/cache/Bytes.h"
#include "maildir/mailbox/FileName.h"

namespace maildir {

namespace {

// Bits of a record's first number above those of its flags.
constexpr std::uint64_t inNew = 32, recentUnclaimed = 64, hasKeywords = 128;

void writeKeywords(ByteWriter& out, const KeywordSet& set) {
    static_assert(maxKeywords == 128);
    const KeywordSet low(UINT64_MAX);
    out.fixed((set & low).to_ullong());
    out.fixed((set >> 64).to_ullong());
}

KeywordSet readKeywords(ByteReader& in) {
    const KeywordSet low(in.fixed());
    return low | KeywordSet(in.fixed()) << 64;
}

void writeFolder(ByteWriter& out, const FolderState& folder) {
    out.number(folder.device);
    out.number(folder.inode);
    out.signedNumber(folder.modified);
    out.signedNumber(folder.changed);
}

FolderState readFolder(ByteReader& in) {
    FolderState folder;
    folder.device = in.number();
    folder.inode = in.number();
    folder.modified = in.signedNumber();
    folder.changed = in.signedNumber();
    return folder;
}

void writePlace(ByteWriter& out, const BlockPlace& place) {
    out.number(place.offset);
    out.number(place.octets);
    out.fixed(place.checksum);
}

BlockPlace readPlace(ByteReader& in) {
    BlockPlace place;
    place.offset = in.number();
    place.octets = in.as<std::uint32_t>();
    place.checksum = in.fixed();
    return place;
}

void writeList(ByteWriter& out, const UidListState& list) {
    out.number((list.isDamaged ? 1 : 0) | (list.endsInHalfRow ? 2 : 0));
    out.number(list.inode);
    out.number(list.device);
    out.signedNumber(list.seconds);
    out.signedNumber(list.nanoseconds);
    out.number(list.parsedOctets);
    out.number(list.fileOctets);
    out.string(list.header);
    out.string(list.lastLine);
    out.number(list.modSeqMark.value);
    out.number(list.uidValidity.value);
    out.number(list.headerNext.value);
    out.number(list.lastUid.value);
    out.number(list.nextUid.value);
    out.string(list.guid);
    out.string(list.otherHeader);
    out.number(list.rowCount);
}

UidListState readList(ByteReader& in) {
    UidListState list;
    const std::uint64_t bits = in.number(3);
    list.isDamaged = (bits & 1) != 0;
    list.endsInHalfRow = (bits & 2) != 0;
    list.inode = in.number();
    list.device = in.number();
    list.seconds = in.signedNumber();
    list.nanoseconds = in.signedNumber();
    list.parsedOctets = in.number();
    list.fileOctets = in.number();
    list.header = in.string();
    list.lastLine = in.string();
    list.modSeqMark.value = in.number();
    list.uidValidity.value = in.as<std::uint32_t>();
    list.headerNext.value = in.as<std::uint32_t>();
    list.lastUid.value = in.as<std::uint32_t>();
    list.nextUid.value = in.as<std::uint32_t>();
    list.guid = in.string();
    list.otherHeader = in.string();
    list.rowCount = in.number();
    return list;
}

bool isPossible(const UidListState& list) {
    return list.parsedOctets > list.lastLine.size() && list.parsedOctets > list.header.size() &&
           list.parsedOctets <= list.fileOctets && list.fileOctets <= INT64_MAX;
}

// Calls `take` with the first and the last UID of each run of a chunk. False if they are not those that its counts
// tell.
template <typename Take>
bool readRuns(const StoredChunk& chunk, Take take) {
    ByteReader in(chunk.uids);
    const ChunkCounts& counts = chunk.counts;
    std::uint64_t last = 0;
    for (std::uint64_t left = counts.records; left > 0;) {
        const std::uint64_t step = in.number(UINT32_MAX), length = in.number(left), first = last + step;
        last = first + length - 1;
        if (step == 0 || length == 0 || last >= UINT32_MAX) return false;
        if (left == counts.records && first != counts.first.value) return false;
        take(static_cast<std::uint32_t>(first), static_cast<std::uint32_t>(last));
        left -= length;
    }
    return in.isSound() && in.isAtEnd() && last == counts.last.value;
}

class StoredChunks : public ChunkSource {
public:
    StoredChunks(std::shared_ptr<CacheFile> file, std::string directory, std::vector<StoredChunk> chunks,
                 std::function<void()> onDamage)
        : _file(std::move(file)),
          _directory(std::move(directory)),
          _chunks(std::move(chunks)),
          _onDamage(std::move(onDamage)) {}

    void fill(std::size_t number, Chunk& chunk) override {
        const StoredChunk& stored = _chunks[number];
        // They were looked at when the file was opened.
        const std::vector<Uid> uids = decodeUids(stored).value();
        if (const auto block = _file->read(stored.place)) {
            Chunk read;
            if (decodeRecords(*block, uids, read)) {
                for (const Record& record : read.records()) chunk.add(record, read.fileName(record));
                return;
            }
        }
        findAnew(uids, chunk);
    }

private:
    struct File {
        std::string name;
        bool isInNew = false;
    };

    // The names of the messages as the UID list and the directories have them now. What is not there any more gets a
    // name that no file has: the look that follows finds it gone.
    void findAnew(const std::vector<Uid>& uids, Chunk& chunk) {
        const std::lock_guard lock(_mutex);
        if (!_isListed) {
            _isListed = true;
            _onDamage();
            list();
        }
        for (const Uid uid : uids) {
            Record record;
            record.uid = uid;
            const auto found = _files.find(uid.value);
            if (found == _files.end()) {
                chunk.add(record, "gone-" + std::to_string(uid.value));
                continue;
            }
            const FileNameFacts facts = readFileName(found->second.name);
            record.flags = facts.flags;
            record.keywords = facts.keywords | _keywords[uid.value];
            record.isInNew = record.isRecentUnclaimed = found->second.isInNew;
            record.recordedStoredOctets = facts.recordedStoredOctets;
            record.recordedWireOctets = facts.recordedWireOctets;
            chunk.add(record, found->second.name);
        }
    }

    void list() {
        try {
            UidList rows(_directory);
            const std::optional<UidListNews> news = rows.refresh();
            std::unordered_map<std::string_view, std::uint32_t> uids;
            for (const UidRow& row : news ? news->rows : std::vector<UidRow>()) {
                uids[row.baseName] = row.uid.value;
                if (const KeywordSet late = keywordsOf(row.extension); late.any()) _keywords[row.uid.value] = late;
            }
            for (const bool isInNew : {true, false}) {
                for (std::string& name : listDirectory(_directory + (isInNew ? "/new" : "/cur"))) {
                    const auto uid = uids.find(baseNameOf(name));
                    if (uid != uids.end()) _files[uid->second] = {std::move(name), isInNew};
                }
            }
        } catch (const Error&) {  // NOLINT(bugprone-empty-catch): the look that follows tells what is wrong
        }
    }

    const std::shared_ptr<CacheFile> _file;
    const std::string _directory;
    const std::vector<StoredChunk> _chunks;
    const std::function<void()> _onDamage;
    std::mutex _mutex;  // guards what follows
    bool _isListed = false;
    std::unordered_map<std::uint32_t, File> _files;           // by UID
    std::unordered_map<std::uint32_t, KeywordSet> _keywords;  // by UID, of the list
};

}  // namespace

FolderState FolderState::of(const struct stat& status) {
    return {status.st_dev, status.st_ino, nanosecondsOf(status.st_mtim), nanosecondsOf(status.st_ctim)};
}

std::string encodeStored(const StoredMailbox& stored) {
    std::string root;
    ByteWriter out(root);
    out.string(stored.directory);
    out.number(stored.uidValidity.value);
    out.number(stored.uidNext.value);
    out.number(stored.highestModSeq.value);
    writeKeywords(out, stored.awaitedLetters);
    writeFolder(out, stored.newFolder);
    writeFolder(out, stored.curFolder);
    out.number(stored.isCertain ? 1 : 0);
    writeList(out, stored.list);
    out.number(stored.chunks.size());
    for (const StoredChunk& chunk : stored.chunks) {
        writePlace(out, chunk.place);
        for (const std::uint32_t count : {chunk.counts.first.value, chunk.counts.last.value, chunk.counts.records,
                                          chunk.counts.unseen, chunk.counts.deleted, chunk.counts.recentUnclaimed}) {
            out.number(count);
        }
        out.string(chunk.uids);
    }
    out.number(stored.facts.size());
    for (const FactBlock& block : stored.facts) {
        writePlace(out, block.place);
        out.number(block.first.value);
        out.number(block.last.value);
        out.number(block.messages);
    }
    return root;
}

std::optional<StoredMailbox> decodeStored(std::string_view root) {
    ByteReader in(root);
    StoredMailbox stored;
    stored.directory = in.string();
    stored.uidValidity.value = in.as<std::uint32_t>();
    stored.uidNext.value = in.as<std::uint32_t>();
    stored.highestModSeq.value = in.number(INT64_MAX);
    stored.awaitedLetters = readKeywords(in);
    stored.newFolder = readFolder(in);
    stored.curFolder = readFolder(in);
    stored.isCertain = in.number(1) != 0;
    stored.list = readList(in);
    stored.chunks.resize(in.count(16));
    Uid last;
    for (StoredChunk& chunk : stored.chunks) {
        chunk.place = readPlace(in);
        ChunkCounts& counts = chunk.counts;
        counts.first.value = in.as<std::uint32_t>();
        counts.last.value = in.as<std::uint32_t>();
        for (std::uint32_t* count : {&counts.records, &counts.unseen, &counts.deleted, &counts.recentUnclaimed}) {
            *count = in.as<std::uint32_t>();
        }
        chunk.uids = in.string();
        const bool isPossible = counts.records > 0 && counts.records <= Chunk::capacity && counts.first > last &&
                                counts.last >= counts.first && readRuns(chunk, [](std::uint32_t, std::uint32_t) {});
        if (!isPossible) return std::nullopt;
        last = counts.last;
    }
    stored.facts.resize(in.count(12));
    for (FactBlock& block : stored.facts) {
        block.place = readPlace(in);
        block.first.value = in.as<std::uint32_t>();
        block.last.value = in.as<std::uint32_t>();
        block.messages = in.as<std::uint32_t>();
    }
    const bool isPossible = in.isSound() && in.isAtEnd() && stored.uidValidity.value != 0 && stored.uidNext > last &&
                            maildir::isPossible(stored.list);
    if (!isPossible) return std::nullopt;
    return stored;
}

std::string encodeUids(const Chunk& chunk) {
    std::string uids;
    ByteWriter out(uids);
    const std::span<const Record> records = chunk.records();
    std::uint32_t last = 0;
    for (std::size_t begin = 0, end = 0; begin < records.size(); begin = end) {
        while (end < records.size() && records[end].uid.value - records[begin].uid.value == end - begin) ++end;
        out.number(records[begin].uid.value - last);
        out.number(end - begin);
        last = records[end - 1].uid.value;
    }
    return uids;
}

std::optional<std::vector<Uid>> decodeUids(const StoredChunk& chunk) {
    std::vector<Uid> uids;
    uids.reserve(chunk.counts.records);
    const bool isRight = readRuns(chunk, [&uids](std::uint32_t first, std::uint32_t last) {
        for (std::uint32_t uid = first; uid <= last; ++uid) uids.push_back(Uid{uid});
    });
    return isRight ? std::optional(std::move(uids)) : std::nullopt;
}

bool isStillRecent(const Record& record) {
    return record.isRecentUnclaimed && record.isInNew;
}

std::string encodeRecords(const Chunk& chunk) {
    std::string block;
    ByteWriter out(block);
    const auto size = [&out](std::uint64_t octets) { out.number(octets + 1); };  // unknownOctets is 0
    std::size_t names = 0;
    for (const Record& record : chunk.records()) {
        out.number(record.flags.bits() | (record.isInNew ? inNew : 0) | (isStillRecent(record) ? recentUnclaimed : 0) |
                   (record.keywords.any() ? hasKeywords : 0));
        if (record.keywords.any()) writeKeywords(out, record.keywords);
        out.number(record.modSeq.value);
        size(record.recordedStoredOctets);
        size(record.recordedWireOctets);
        out.number(record.nameOctets);
        names += record.nameOctets;
    }
    block.reserve(block.size() + names);
    for (const Record& record : chunk.records()) block.append(chunk.fileName(record));
    return block;
}

bool decodeRecords(std::string_view block, const std::vector<Uid>& uids, Chunk& chunk) {
    ByteReader in(block);
    std::vector<Record> records(uids.size());
    for (std::size_t number = 0; number < uids.size(); ++number) {
        Record& record = records[number];
        record.uid = uids[number];
        const std::uint64_t bits = in.number(2 * hasKeywords - 1);
        record.flags = FlagSet::fromBits(static_cast<std::uint8_t>(bits & (inNew - 1)));
        record.isInNew = (bits & inNew) != 0;
        record.isRecentUnclaimed = (bits & recentUnclaimed) != 0;
        if ((bits & hasKeywords) != 0) record.keywords = readKeywords(in);
        record.modSeq.value = in.number(INT64_MAX);
        record.recordedStoredOctets = in.number() - 1;
        record.recordedWireOctets = in.number() - 1;
        record.nameOctets = in.as<std::uint16_t>();
    }
    for (const Record& record : records) {
        const std::string_view name = in.octets(record.nameOctets);
        if (name.empty() || name.find('/') != std::string_view::npos) return false;
        chunk.add(record, name);
    }
    return in.isSound() && in.isAtEnd();
}

std::shared_ptr<ChunkSource> chunksOf(std::shared_ptr<CacheFile> file, std::string directory,
                                      std::vector<StoredChunk> chunks, std::function<void()> onDamage) {
    return std::make_shared<StoredChunks>(std::move(file), std::move(directory), std::move(chunks),
                                          std::move(onDamage));
}

}  // namespace maildir
