// Small owners and helpers for files, shared by all of maildir: descriptors that close themselves, durable writes,
// new files and directories owned as their directory is (a server that runs as root must not leave root's files in a
// user's tree).
#pragma once

#include <sys/stat.h>
#include <sys/types.h>
#include <time.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "maildir/Error.h"

namespace maildir {

// Owns a descriptor; movable.
class FileDescriptor {
public:
    FileDescriptor() = default;
    explicit FileDescriptor(int fd) : _fd(fd) {}
    FileDescriptor(FileDescriptor&& other) noexcept : _fd(other.release()) {}
    FileDescriptor& operator=(FileDescriptor&& other) noexcept;
    FileDescriptor(const FileDescriptor&) = delete;
    FileDescriptor& operator=(const FileDescriptor&) = delete;
    ~FileDescriptor() { reset(); }

    [[nodiscard]] int get() const { return _fd; }
    [[nodiscard]] bool isOpen() const { return _fd >= 0; }
    int release();
    void reset();

private:
    int _fd = -1;
};

// What stat(2) says of a path; nothing if it is proven that nothing is there: its directory is there and has no such
// name. Throws Error (Unavailable, NoPermission) where that can't be told: also where the directory itself is missing,
// or a symbolic link of this name leads nowhere.
std::optional<struct stat> statusIfThere(const std::string& path);
// To be called for a path that is not there: throws Error(Unavailable) unless its directory is there, so that its
// absence says something.
void requireDirectoryOf(const std::string& path);

// Opens; throws Error on failure, but gives nothing for a file that is missing in a directory that is there.
std::optional<FileDescriptor> openExisting(const std::string& path, int flags);
// Opens a small file of a tree, also by a link, but never anything else than a regular file: a pipe would hold us, a
// device might do anything. Nothing for ENOENT; throws Error, of kind Corrupt for what is no regular file.
std::optional<FileDescriptor> openRegular(const std::string& path, int flags);

// A message file, and what fstat(2) told of it when it was opened.
struct OpenedMessage {
    FileDescriptor file;
    struct stat status;
};
// The only way to open a message file. Whatever is no regular file (a pipe, a link, a device, a socket, a directory) is
// as if it were not there: nothing, and without waiting for it. Where the kernel lets us, the time of access stays as
// it is: nobody asks when a message file was read, and the new time would have to be written. path: may be relative to
// the open directory `folder`.
std::optional<OpenedMessage> openMessage(int folder, const std::string& path);
std::optional<OpenedMessage> openMessage(const std::string& path);
// Whether a regular file is there under this very name; its status then.
std::optional<struct stat> statusOfMessage(int folder, const std::string& path);
FileDescriptor openDirectory(const std::string& path);

// Creates a file that must not exist (O_EXCL), mode and owner derived from its directory: mode is the directory's
// without execute bits, and running as root the owner is the directory's. Throws.
FileDescriptor createExclusive(const std::string& path);
// Makes a directory, mode and owner as its parent. Throws AlreadyExists.
void makeDirectory(const std::string& path);

void writeAll(int fd, std::string_view bytes, const std::string& path);
// Reads at an offset (pread) as much as there is: less than asked for at the end of the file. Throws Error.
std::size_t readAt(int fd, std::uint64_t offset, std::span<char> into, const std::string& path);
// The whole file; nothing if it is missing in a directory that is there. Throws Error(Limit) when it is larger than
// maxOctets.
std::optional<std::string> readFile(const std::string& path, std::uint64_t maxOctets = std::uint64_t(1) << 30);
void syncData(int fd, const std::string& path);  // fdatasync
void syncDirectory(const std::string& path);     // open, fsync
// syncData() and the sync of directories at the same time: each waits for the disk, which often writes once for all of
// them. When it throws, each of them has ended.
void syncTogether(int fd, const std::string& path, std::span<const std::string> directories);

// Replaces a file so that a crash leaves the old or the new one whole: written beside it as path + ".tmp.<random>",
// fsync, rename, fsync of the directory. Writers that derive the new content from the old one hold a lock of their own;
// beforeRename is called when all is ready but the rename, and may throw.
void replaceFile(const std::string& path, std::string_view content, const std::function<void()>& beforeRename = {});

constexpr std::int64_t nanosecondsPerSecond = 1'000'000'000;
// Since the epoch.
constexpr std::int64_t nanosecondsOf(const timespec& time) {
    return time.tv_sec * nanosecondsPerSecond + time.tv_nsec;
}

// A name part that nobody else has: seconds, microseconds, process and 64 random bits, of letters, digits, '_' and '-'.
std::string uniqueSuffix();

// Names of a directory's entries but "." and "..", in the order of the directory. Throws Unavailable if it is not
// there.
std::vector<std::string> listDirectory(const std::string& path);

// Removes a directory and what is in it (a link itself, not what it leads to) for as long as `isOver` says no: false if
// another call would remove more. What can't be removed is left, without an error. Throws InvalidName for a NUL.
bool removeInSlices(const std::string& path, const std::function<bool()>& isOver);

}  // namespace maildir
