// The file below state.path in which what is known of one mailbox is kept over a restart: blocks of octets that are
// only ever appended, and behind each append a root, which names the blocks that count. Nothing in it is needed: a file
// that is missing, damaged or of another version is as good as none.
//
//   "maildock cache 4\n"            at the start; another version is another number
//   block, block, ... root footer   an append; a later root replaces an earlier one
//
// The footer is 32 octets: the root's place (offset, octets, checksum) and footerMagic, each a little-endian number
// of 8. The checksums are XXH3 of 64 bits, of a block's or the root's octets. What blocks and root hold is said where
// they are written: StoredMailbox.h (the root, records) and FactBlocks.h (facts of messages).
//
// It is read by pread(2), never mapped: another program that cuts or changes it must not crash us. An open file is
// locked (flock): a second server that uses the folder works without a cache. Nothing is synced; after a power cut
// checksums tell what is whole. Few files of a process have a descriptor at a time; the others are opened again when
// they are needed.
//
// read() may be called by any thread; the rest by one thread at a time.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "maildir/FileOps.h"

namespace maildir {

// Where a block is.
struct BlockPlace {
    std::uint64_t offset = 0;
    std::uint32_t octets = 0;
    std::uint64_t checksum = 0;
};

class CacheFile : public std::enable_shared_from_this<CacheFile> {
public:
    // The file at `path` with its last root; null if there is none that can be used.
    static std::shared_ptr<CacheFile> open(const std::string& path);
    // A new file, without a name until publish(). Throws Error.
    static std::shared_ptr<CacheFile> create(const std::string& path);
    CacheFile(const CacheFile&) = delete;
    CacheFile& operator=(const CacheFile&) = delete;
    ~CacheFile();

    [[nodiscard]] const std::string& root() const { return _root; }
    [[nodiscard]] std::uint64_t octets() const { return _octets; }
    // How many files have a descriptor at most, while nobody reads or writes another one.
    static constexpr std::size_t mostDescriptors = 32;
    // Nothing if it is not there as it was written.
    [[nodiscard]] std::optional<std::string> read(const BlockPlace& place) const;
    // Appends blocks; they count from the next commit() on. Throws Error.
    BlockPlace append(std::string_view block);
    // Writes what was appended, and a root. Throws Error; then the file is as it was after the last commit.
    void commit(std::string root);
    // Gives a created file its name, in the place of the one that has it.
    void publish();
    // Whether the file still has its name: somebody may have removed it, or put another one there.
    [[nodiscard]] bool isInPlace() const;

private:
    CacheFile(FileDescriptor file, std::string path);
    static std::shared_ptr<CacheFile> made(FileDescriptor file, const std::string& path);
    // The descriptor; null if the file is not there any more, or somebody else has it.
    [[nodiscard]] std::shared_ptr<const FileDescriptor> descriptor() const;
    // Lets go of the descriptors that were asked for longest ago, beyond mostDescriptors.
    void noteOpened() const;
    bool readRoot();
    void flush();

    mutable std::mutex _mutex;                            // guards _file
    mutable std::shared_ptr<const FileDescriptor> _file;  // null: closed meanwhile
    std::uint64_t _device = 0, _inode = 0;
    std::string _path, _temporary;  // its name; the one it has until publish()
    std::string _root, _unwritten;
    // Written by the one thread that appends.
    std::atomic<std::uint64_t> _octets{0};     // with what is unwritten
    std::atomic<std::uint64_t> _committed{0};  // octets after the last commit
};

}  // namespace maildir
