// The keywords of one mailbox: which name stands behind which index. Indexes 0-25 are the letters a-z of message file
// names and live in Dovecot's `dovecot-keywords`; later ones are ours, in `maildock-keywords` of the same format, since
// Dovecot drops what it has no letter for.
//
//   <index> <name>      one line a keyword; lines that are not understood are kept where they are
//
// A line once written is given another name only when there is no index left, and only if no message has it: message
// files that carry the letter may exist.
#pragma once

#include <sys/stat.h>

#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "maildir/Error.h"
#include "maildir/Types.h"

namespace maildir {

constexpr std::size_t keywordLetters = 26;     // a-z
constexpr std::size_t maxKeywordOctets = 255;  // of one name that we write or show

// A keyword as a client can name it: an atom of RFC 3501 section 9 of at most maxKeywordOctets octets.
bool isKeywordName(std::string_view name);

// An immutable table; any thread may read it.
class KeywordTable {
public:
    KeywordTable() = default;
    // Names by index; an empty one leaves its index free.
    explicit KeywordTable(const std::vector<std::string>& names);

    // The index of a name, whatever its case (ASCII); of several with this name the first.
    [[nodiscard]] std::optional<std::size_t> indexOf(std::string_view name) const;
    // Empty for an index that has no name, or one that is no keyword name and so cannot be shown.
    [[nodiscard]] const std::string& nameOf(std::size_t index) const;
    // One more than the last index that is taken; indexes below it may have no name.
    [[nodiscard]] std::size_t size() const { return _slots.size(); }
    // A line of the file has this index, named or not: it cannot be given to another keyword.
    [[nodiscard]] bool isTaken(std::size_t index) const { return index < _slots.size() && _slots[index].isTaken; }

    // Other names, or the same at other indexes, give another number (but for a chance of nothing).
    [[nodiscard]] std::size_t fingerprint() const { return _fingerprint; }
    // How many more keywords have an index that no line and none of these messages' letters take.
    [[nodiscard]] std::size_t freeIndexes(const KeywordSet& inUse) const;
    // How many more have one if those are given back that no message has.
    [[nodiscard]] std::size_t reusableIndexes(const KeywordSet& inUse) const;

    // The table that the text of a keyword file describes, indexes first <= index < limit; others are passed over.
    // The later of two lines for one index counts, as Dovecot reads it.
    static KeywordTable parse(std::string_view letters, std::string_view further);

private:
    struct Slot {
        std::string name;
        bool isTaken = false;
    };
    void read(std::string_view text, std::size_t first, std::size_t limit);
    void indexNames();

    std::vector<Slot> _slots;
    std::size_t _fingerprint = 0;
    std::map<std::string, std::size_t, std::less<>> _indexes;  // by name in lower case
};

// The keyword files of one mailbox directory. Any thread may use it; processes keep each other out by
// `dovecot-keywords.lock`. Dovecot changes the file under `dovecot-uidlist.lock`: hold that too while adding.
class KeywordFile {
public:
    explicit KeywordFile(std::string directory);

    // The table as it is on disk; reads again only what has changed (inode, size or time). A missing file is an empty
    // table. Throws NoPermission, Io, Limit (a file that is absurdly large).
    std::shared_ptr<const KeywordTable> load();

    // Gives every name that has none an index, the next free letter first; where none is free, that of a keyword which
    // is not in use, the last first (Dovecot knows none of those). Durable on return: only afterwards may a file carry
    // the letter. inUse: indexes that messages carry, named or not; one without a name (its line was lost) is not given
    // to another keyword. Without knowing all of them (mayReuse false) none is given back. Throws Error(Limit) where
    // there are too few, InvalidName for what is no keyword name (nothing is added then), Busy, OverQuota,
    // NoPermission, Io.
    std::shared_ptr<const KeywordTable> add(const std::vector<std::string>& names, const KeywordSet& inUse = {},
                                            bool mayReuse = false);

private:
    struct Source {
        std::string path;
        std::string text;
        struct stat status {};
        bool isKnown = false;
    };
    // Reads the file if it is another than at the last look; true if so.
    static bool refresh(Source& source);
    std::shared_ptr<const KeywordTable> loadLocked();

    std::string _directory;
    std::mutex _mutex;  // guards all below
    Source _letters, _further;
    std::shared_ptr<const KeywordTable> _table = std::make_shared<const KeywordTable>();
};

}  // namespace maildir
