// What a cache file keeps of a mailbox besides the facts of its messages: the root of maildir/cache/CacheFile.h and the
// blocks of records. It answers SELECT after a restart without a look at each message.
//
//   root:   directory, UIDVALIDITY, next UID, highest modseq, letters without a name; new/ and cur/ as they were
//   (device,
//           inode, times) and whether they were certainly as in the records; what was read of the UID list; the chunks:
//           place, counts, UIDs; the blocks of facts: place, UIDs, messages
//   block:  records of a chunk, in the order of UIDs: flags, keywords, modseq, recorded sizes, lengths of names; then
//           the names
//
// Encoded by Bytes.h; another encoding is another version of the file.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "maildir/cache/FactBlocks.h"
#include "maildir/mailbox/Snapshot.h"
#include "maildir/mailbox/UidList.h"

namespace maildir {

// A directory at one moment. (Its change time can't be set by a program that restores a backup.)
struct FolderState {
    std::uint64_t device = 0, inode = 0;
    std::int64_t modified = 0, changed = 0;  // nanoseconds since the epoch
    bool operator==(const FolderState&) const = default;
    static FolderState of(const struct stat& status);
};

struct StoredChunk {
    BlockPlace place;
    ChunkCounts counts;
    std::string uids;  // runs without a gap: the first UID less the last one before it, the length; as numbers
};

struct StoredMailbox {
    std::string directory;
    UidValidity uidValidity;
    Uid uidNext;
    ModSeq highestModSeq;
    KeywordSet awaitedLetters;
    FolderState newFolder, curFolder;
    bool isCertain = false;  // the folders were as in the records when they had these times
    UidListState list;
    std::vector<StoredChunk> chunks;
    std::vector<FactBlock> facts;
};

std::string encodeStored(const StoredMailbox& stored);
std::optional<StoredMailbox> decodeStored(std::string_view root);

// The UIDs of a chunk, as StoredChunk keeps them; nothing if they are not those that its counts tell.
std::string encodeUids(const Chunk& chunk);
std::optional<std::vector<Uid>> decodeUids(const StoredChunk& chunk);

// Whether \Recent is still to be given after a restart: not of a message in cur/, which a session may have been given
// since it was saved (RFC 3501 2.3.2: to one only).
bool isStillRecent(const Record& record);
std::string encodeRecords(const Chunk& chunk);
// Adds the records to an empty chunk. False if they are not of these UIDs; then the chunk is of no use.
bool decodeRecords(std::string_view block, const std::vector<Uid>& uids, Chunk& chunk);

// Reads the chunks of a cache file at their first use. What is damaged is found anew in the mailbox, and told of.
std::shared_ptr<ChunkSource> chunksOf(std::shared_ptr<CacheFile> file, std::string directory,
                                      std::vector<StoredChunk> chunks, std::function<void()> onDamage);

}  // namespace maildir
