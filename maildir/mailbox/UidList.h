// The UID list of one mailbox: the file `dovecot-uidlist`, version 3 of Dovecot's format, read and written so that
// Dovecot can take it over at any time or work beside us.
//
//   3 V<UIDVALIDITY> N<next UID> G<32 hex digits>      one header line; further capital letters are kept; M<number> is
//                                                      ours: no modseq given before was higher
//   <UID> [<capital letter><value> ...] :<base name>   a row a message, UIDs ascending
//
// Letters of rows: S stored octets, W octets with CRLF, K our own: keywords 26 and later as "K26,31". Rows of
// messages that are gone may stay until the list is rewritten. Next UID is max(N, last row + 1).
//
// A list of version 1 is read too, and replaced by one of version 3. One that is a symbolic link is read through it;
// replaced, it is a file.
//
// Dovecot drops the whole list when a line is malformed or UIDs do not ascend; so a row is appended only at the end of
// a whole line, under `dovecot-uidlist.lock`, and the file is otherwise replaced as a whole by rename.
// Guarded by its mailbox's writer mutex.
#pragma once

#include <sys/stat.h>
#include <sys/types.h>

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "maildir/DotLock.h"
#include "maildir/FileOps.h"
#include "maildir/Types.h"

namespace maildir {

struct UidRow {
    Uid uid;
    std::string_view extension;  // the letters between UID and name, such as "S100 W110"; may be empty
    std::string_view baseName;
};

// Rows that were read; the views point into text.
struct UidListNews {
    bool isWhole = false;  // the file was read from its start (first time, or it was replaced)
    std::shared_ptr<const std::string> text;
    std::vector<UidRow> rows;
    std::vector<Uid> leapt;         // of rows that were far above their neighbours, and are taken for damaged
    std::size_t badLines = 0;       // further lines that are malformed, or not above those before
    bool hasUnknownHeader = false;  // there is a file, and nothing of it can be used
};

// What was read of a list, so that another process need read only what was added since.
struct UidListState {
    bool isDamaged = false, endsInHalfRow = false;
    std::uint64_t inode = 0, device = 0;
    std::int64_t seconds = 0, nanoseconds = 0;       // when it was modified
    std::uint64_t parsedOctets = 0, fileOctets = 0;  // whole lines that were read; what the file had
    std::string header, lastLine;                    // of what was read, without newline
    ModSeq modSeqMark;
    UidValidity uidValidity;
    Uid headerNext{1}, lastUid, nextUid{1};
    std::string guid, otherHeader;  // header fields that are not ours, each with a space before it
    std::uint64_t rowCount = 0;
};

class UidList {
public:
    explicit UidList(std::string directory);

    // The UIDVALIDITY in the file of a mailbox; 0 if there is none that can be read.
    static UidValidity uidValidityIn(const std::string& directory);
    // What was read up to now; and that as if it had been read by this object.
    [[nodiscard]] const UidListState& state() const { return _state; }
    void restore(UidListState state);

    // Reads what was added since the last call, or the whole file if it was replaced. Nothing if it is unchanged. A
    // file that is gone, or whose header cannot be read, gives isWhole without rows and exists() false.
    std::optional<UidListNews> refresh();

    [[nodiscard]] bool exists() const { return _exists; }
    [[nodiscard]] UidValidity uidValidity() const { return _state.uidValidity; }
    [[nodiscard]] Uid nextUid() const { return _state.nextUid; }
    // Damage that Dovecot would drop the list for was seen: rewrite() soon. (Without the lock held, half a row at the
    // end may be one that is being written.)
    [[nodiscard]] bool isDamaged() const { return _state.isDamaged || _state.endsInHalfRow; }
    // No UID comes after those that were given (the last one was 4294967295).
    [[nodiscard]] bool isExhausted() const { return _state.lastUid.value == UINT32_MAX; }
    // Takes the UIDVALIDITY of a list that is not there and can't be written now.
    void begin(UidValidity uidValidity) { _state.uidValidity = uidValidity; }
    // What the list says contradicts what was made durable before: rewrite() it.
    void setDamaged() { _state.isDamaged = true; }
    // 0: none was recorded.
    [[nodiscard]] ModSeq modSeqMark() const { return _state.modSeqMark; }
    void setModSeqMark(ModSeq mark) { _state.modSeqMark = mark; }
    [[nodiscard]] std::size_t rowCount() const { return _state.rowCount; }

    [[nodiscard]] std::string lockPath() const { return _path + ".lock"; }

    // The lock that is held from now on, which is asked before each change whether it is still ours; null: it was let
    // go.
    void setLock(DotLock* lock) { _lock = lock; }
    [[nodiscard]] DotLock* lock() const { return _lock; }

    // The lock must be held, and refresh() have been called since it was taken. Throws Busy if the lock was lost.
    // Appends rows and syncs them to disk, and with them the directories `folders`, into which their files came. The
    // list must exist and not be damaged. When it throws, the rows are not there.
    void append(std::span<const UidRow> rows, std::span<const std::string> folders = {});
    // Replaces the file. nextUid: at least the last row's UID + 1.
    void rewrite(UidValidity uidValidity, Uid nextUid, std::span<const UidRow> rows);

private:
    bool readHeader(std::string_view line);
    bool readHeaderOfVersion1(std::string_view line);
    void readRows(const std::shared_ptr<const std::string>& text, std::size_t from, UidListNews& news);
    // Whether this row's line is sound; fills it in.
    [[nodiscard]] bool readRow(std::string_view line, UidRow& row) const;
    // Takes the last row for damaged, instead of the one in this line that goes on below it, if it leaps far above its
    // neighbours. rest: the lines that follow.
    [[nodiscard]] bool takesLeapBack(std::string_view line, std::string_view rest, UidListNews& news, UidRow& row);
    void forgetFile();
    void replace(const std::string& text);
    // Cuts the list to what it was before rows were added; never under a lock that is another's by now.
    void takeBack(int fd);
    void noteTime(const struct stat& status);
    // What was just written, up to the end of the file, is known.
    void noteWritten(const std::string& text, std::span<const UidRow> rows);
    // Whether the open file is the one that was read before, with nothing but rows added. Not told by inode and size
    // alone: a file system gives the number of a replaced file to the next one.
    [[nodiscard]] bool isContinued(int fd, const struct stat& status) const;

    std::string _directory, _path;
    DotLock* _lock = nullptr;
    bool _exists = false, _wasToldMissing = false;
    UidListState _state;
};

// The UID after this one; the last of all has none, and is its own.
inline Uid uidAfter(Uid uid) {
    return uid.value == UINT32_MAX ? uid : Uid{uid.value + 1};
}

// Keywords 26 and later in a row's extension.
KeywordSet keywordsOf(std::string_view extension);
// The extension with its K letter set from keywords 26 and later of the set (without one if there are none).
std::string withKeywords(std::string_view extension, const KeywordSet& keywords);
// A number such as S123 of an extension.
std::optional<std::uint64_t> numberOf(std::string_view extension, char letter);

}  // namespace maildir
