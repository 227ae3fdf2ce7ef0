#include "maildir/FileOps.h"

#include "maildir/FileIdentity.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <future>
#include <memory>
#include <system_error>
#include <utility>

namespace maildir {

namespace {

constexpr mode_t permissionBits = 07777;
constexpr mode_t fileBits = 0666;

std::string directoryPart(const std::string& path) {
    const auto slash = path.find_last_of('/');
    if (slash == std::string::npos) return ".";
    return slash == 0 ? "/" : path.substr(0, slash);
}

int openRetrying(int folder, const std::string& path, int flags, mode_t mode = 0) {
    int fd = -1;
    do {
        fd = ::openat(folder, path.c_str(), flags | O_CLOEXEC, mode);
    } while (fd < 0 && errno == EINTR);
    return fd;
}

int openRetrying(const std::string& path, int flags, mode_t mode = 0) {
    return openRetrying(AT_FDCWD, path, flags, mode);
}

// A name with a NUL would end early in the system's eyes and so name another file.
void requireNoNul(const std::string& path) {
    if (path.find('\0') != std::string::npos) throw Error(ErrorKind::InvalidName, "a path with a NUL octet");
}

struct stat statusOf(const std::string& path) {
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0) throw Error::fromErrno("cannot stat", path);
    return status;
}

// Gives what was just created the owner of its directory (as root; with a user's own rights it is the user's) and the
// wanted mode, whatever the umask.
void adopt(int fd, const struct stat& parent, mode_t mode, const std::string& path) {
    if (::geteuid() == 0 && !FileIdentity::current() && ::fchown(fd, parent.st_uid, parent.st_gid) != 0) {
        throw Error::fromErrno("cannot change the owner", path);
    }
    if (::fchmod(fd, mode) != 0) throw Error::fromErrno("cannot change the mode", path);
}

std::string randomHex() {
    std::array<unsigned char, 8> bytes{};
    std::size_t filled = 0;
    while (filled < bytes.size()) {
        const ssize_t got = ::getrandom(bytes.data() + filled, bytes.size() - filled, 0);
        if (got < 0 && errno != EINTR) throw Error::fromErrno("no random numbers", {});
        if (got > 0) filled += static_cast<std::size_t>(got);
    }
    static constexpr char digits[] = "0123456789abcdef";
    std::string text;
    for (const unsigned char byte : bytes) {
        text += digits[byte >> 4];
        text += digits[byte & 15];
    }
    return text;
}

}  // namespace

std::optional<struct stat> statusIfThere(const std::string& path) {
    requireNoNul(path);
    struct stat status {};
    if (::stat(path.c_str(), &status) == 0) return status;
    const int number = errno;
    if (number != ENOENT) throw Error::fromErrno("cannot look at", path, number);
    struct stat link {};
    if (::lstat(path.c_str(), &link) == 0) {
        throw Error(ErrorKind::Unavailable, "a symbolic link that leads nowhere: is a file system not mounted?", path);
    }
    requireDirectoryOf(path);
    return std::nullopt;
}

void requireDirectoryOf(const std::string& path) {
    const std::string directory = directoryPart(path);
    struct stat status {};
    if (::stat(directory.c_str(), &status) != 0) throw Error::fromErrno("cannot look at", directory);
    if (!S_ISDIR(status.st_mode)) throw Error::fromErrno("cannot look into", directory, ENOTDIR);
}

FileDescriptor& FileDescriptor::operator=(FileDescriptor&& other) noexcept {
    if (this != &other) {
        reset();
        _fd = other.release();
    }
    return *this;
}

int FileDescriptor::release() {
    return std::exchange(_fd, -1);
}

void FileDescriptor::reset() {
    // Not repeated on EINTR: Linux has closed the descriptor by then, and its number may be another's already.
    if (_fd >= 0) ::close(std::exchange(_fd, -1));
}

std::optional<FileDescriptor> openExisting(const std::string& path, int flags) {
    requireNoNul(path);
    FileDescriptor file(openRetrying(path, flags));
    if (file.isOpen()) return file;
    const int number = errno;
    if (number != ENOENT) throw Error::fromErrno("cannot open", path, number);
    (void)statusIfThere(path);
    return std::nullopt;
}

std::optional<FileDescriptor> openRegular(const std::string& path, int flags) {
    const auto refusal = [&path] { return Error(ErrorKind::Corrupt, "not a regular file", path); };
    requireNoNul(path);
    // Looked at before it is opened, since to open a device may already do something.
    struct stat status {};
    if (::stat(path.c_str(), &status) == 0 && !S_ISREG(status.st_mode)) throw refusal();
    std::optional<FileDescriptor> file = openExisting(path, flags | O_NONBLOCK);
    if (!file) return file;
    if (::fstat(file->get(), &status) != 0) throw Error::fromErrno("cannot stat", path);
    if (!S_ISREG(status.st_mode)) throw refusal();
    return file;
}

std::optional<OpenedMessage> openMessage(int folder, const std::string& path) {
    constexpr int flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK;
    requireNoNul(path);
    OpenedMessage opened{FileDescriptor(openRetrying(folder, path, flags | O_NOATIME)), {}};
    if (!opened.file.isOpen() && errno != ENOENT) {
        opened.file = FileDescriptor(openRetrying(folder, path, flags));  // EPERM: another user's file
    }
    if (!opened.file.isOpen()) {
        const int number = errno;
        if (number == ENOENT) return std::nullopt;
        struct stat status {};
        const bool isThere = ::fstatat(folder, path.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0;
        if (isThere && !S_ISREG(status.st_mode)) return std::nullopt;
        throw Error::fromErrno("cannot open", path, number);
    }
    if (::fstat(opened.file.get(), &opened.status) != 0) throw Error::fromErrno("cannot stat", path);
    if (!S_ISREG(opened.status.st_mode)) return std::nullopt;
    return opened;
}

std::optional<OpenedMessage> openMessage(const std::string& path) {
    return openMessage(AT_FDCWD, path);
}

std::optional<struct stat> statusOfMessage(int folder, const std::string& path) {
    struct stat status {};
    if (::fstatat(folder, path.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
        if (errno == ENOENT) return std::nullopt;
        throw Error::fromErrno("cannot stat", path);
    }
    if (!S_ISREG(status.st_mode)) return std::nullopt;
    return status;
}

FileDescriptor openDirectory(const std::string& path) {
    requireNoNul(path);
    FileDescriptor directory(openRetrying(path, O_RDONLY | O_DIRECTORY));
    if (!directory.isOpen()) throw Error::fromErrno("cannot open the directory", path);
    return directory;
}

FileDescriptor createExclusive(const std::string& path) {
    requireNoNul(path);
    const struct stat parent = statusOf(directoryPart(path));
    FileDescriptor file(openRetrying(path, O_RDWR | O_CREAT | O_EXCL, S_IRUSR | S_IWUSR));
    if (!file.isOpen()) throw Error::fromErrno("cannot create", path);
    try {
        adopt(file.get(), parent, parent.st_mode & fileBits, path);
    } catch (...) {
        ::unlink(path.c_str());
        throw;
    }
    return file;
}

void makeDirectory(const std::string& path) {
    requireNoNul(path);
    const struct stat parent = statusOf(directoryPart(path));
    if (::mkdir(path.c_str(), S_IRWXU) != 0) throw Error::fromErrno("cannot make the directory", path);
    try {
        const FileDescriptor made(openRetrying(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
        if (!made.isOpen()) throw Error::fromErrno("cannot open the new directory", path);
        adopt(made.get(), parent, parent.st_mode & permissionBits, path);
    } catch (...) {
        ::rmdir(path.c_str());
        throw;
    }
}

void writeAll(int fd, std::string_view bytes, const std::string& path) {
    while (!bytes.empty()) {
        const ssize_t written = ::write(fd, bytes.data(), bytes.size());
        if (written < 0) {
            if (errno == EINTR) continue;
            throw Error::fromErrno("cannot write", path);
        }
        bytes.remove_prefix(static_cast<std::size_t>(written));
    }
}

std::optional<std::string> readFile(const std::string& path, std::uint64_t maxOctets) {
    const auto file = openRegular(path, O_RDONLY);
    if (!file) return std::nullopt;
    struct stat status {};
    if (::fstat(file->get(), &status) != 0) throw Error::fromErrno("cannot stat", path);
    const auto tooLarge = [&path] { return Error(ErrorKind::Limit, "the file is too large", path); };
    if (static_cast<std::uint64_t>(status.st_size) > maxOctets) throw tooLarge();

    std::string content;
    // One octet more than it has: the last read then says that this was all, without another round.
    content.resize(static_cast<std::size_t>(status.st_size) + 1);
    std::size_t filled = 0;
    for (;;) {
        const ssize_t got = ::read(file->get(), content.data() + filled, content.size() - filled);
        if (got < 0) {
            if (errno == EINTR) continue;
            throw Error::fromErrno("cannot read", path);
        }
        if (got == 0) break;
        filled += static_cast<std::size_t>(got);
        if (filled > maxOctets) throw tooLarge();  // it grew while we read
        if (filled == content.size()) content.resize(content.size() + 4096);
    }
    content.resize(filled);
    return content;
}

std::size_t readAt(int fd, std::uint64_t offset, std::span<char> into, const std::string& path) {
    std::size_t have = 0;
    while (have < into.size()) {
        const ssize_t got = ::pread(fd, into.data() + have, into.size() - have, static_cast<off_t>(offset + have));
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) throw Error::fromErrno("cannot read", path);
        if (got == 0) break;
        have += static_cast<std::size_t>(got);
    }
    return have;
}

void syncData(int fd, const std::string& path) {
    if (::fdatasync(fd) != 0) throw Error::fromErrno("cannot sync", path);
}

namespace {

void syncOpenDirectory(const FileDescriptor& directory, const std::string& path) {
    // EINVAL: a file system that has no notion of it; there is nothing more to be had then.
    if (::fsync(directory.get()) != 0 && errno != EINVAL) throw Error::fromErrno("cannot sync the directory", path);
}

}  // namespace

void syncDirectory(const std::string& path) {
    syncOpenDirectory(openDirectory(path), path);
}

void syncTogether(int fd, const std::string& path, std::span<const std::string> directories) {
    // Opened here, with this thread's rights. Both outlive the syncs: a future of async() waits where it ends.
    std::vector<FileDescriptor> open;
    for (const std::string& directory : directories) open.push_back(openDirectory(directory));
    std::vector<std::future<void>> syncs;
    for (std::size_t i = 0; i < open.size(); ++i) {
        const auto sync = [&, i] { syncOpenDirectory(open[i], directories[i]); };
        try {
            syncs.push_back(std::async(std::launch::async, sync));
        } catch (const std::system_error&) {
            sync();  // no thread is to be had
        }
    }
    syncData(fd, path);
    for (std::future<void>& each : syncs) each.get();
}

void replaceFile(const std::string& path, std::string_view content, const std::function<void()>& beforeRename) {
    const std::string temporary = path + ".tmp." + randomHex();
    FileDescriptor file = createExclusive(temporary);
    try {
        writeAll(file.get(), content, temporary);
        if (::fsync(file.get()) != 0) throw Error::fromErrno("cannot sync", temporary);
        file.reset();
        if (beforeRename) beforeRename();
        if (::rename(temporary.c_str(), path.c_str()) != 0) throw Error::fromErrno("cannot rename", temporary);
    } catch (...) {
        ::unlink(temporary.c_str());
        throw;
    }
    syncDirectory(directoryPart(path));
}

std::string uniqueSuffix() {
    struct timespec now {};
    ::clock_gettime(CLOCK_REALTIME, &now);
    return std::to_string(now.tv_sec) + "-" + std::to_string(now.tv_nsec / 1000) + "_" + std::to_string(::getpid()) +
           "_" + randomHex();
}

std::vector<std::string> listDirectory(const std::string& path) {
    FileDescriptor directory = openDirectory(path);
    const std::unique_ptr<DIR, int (*)(DIR*)> stream(::fdopendir(directory.get()), &::closedir);
    if (!stream) throw Error::fromErrno("cannot list", path);
    directory.release();  // the stream's now

    std::vector<std::string> names;
    for (;;) {
        errno = 0;
        // readdir is safe for streams that are not shared between threads, as this one is not.
        const struct dirent* entry = ::readdir(stream.get());  // NOLINT(concurrency-mt-unsafe)
        if (!entry) break;
        const std::string_view name = entry->d_name;
        if (name != "." && name != "..") names.emplace_back(name);
    }
    if (errno != 0) throw Error::fromErrno("cannot list", path);
    return names;
}

namespace {

constexpr std::size_t maxRemovedDepth = 100;  // deeper ones are left: nobody makes them by mail

// Removes what lies below a directory. Works on descriptors: a directory that is exchanged for a link meanwhile is not
// followed.
class Removal {
public:
    explicit Removal(const std::function<bool()>& isOver) : _isOver(isOver) {}

    // False: it is over, and something was removed, so that another try comes further. (One that removes nothing would
    // come again and again for what can't be removed.)
    bool removeContent(FileDescriptor directory, std::size_t depth) {
        const int at = directory.get();
        const std::unique_ptr<DIR, int (*)(DIR*)> stream(::fdopendir(at), &::closedir);
        if (!stream) return true;
        directory.release();  // the stream's now
        // readdir is safe for streams that are not shared between threads, as this one is not.
        while (const struct dirent* const entry = ::readdir(stream.get())) {  // NOLINT(concurrency-mt-unsafe)
            const char* const name = entry->d_name;
            if (std::string_view(name) == "." || std::string_view(name) == "..") continue;
            if (_isOver()) return !_hasRemoved;
            if (::unlinkat(at, name, 0) == 0) {
                _hasRemoved = true;
                continue;
            }
            if (errno != EISDIR && errno != EPERM) continue;
            FileDescriptor below(::openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
            if (!below.isOpen() || depth == maxRemovedDepth) continue;
            if (!removeContent(std::move(below), depth + 1)) return false;
            if (::unlinkat(at, name, AT_REMOVEDIR) == 0) _hasRemoved = true;
        }
        return true;
    }

private:
    const std::function<bool()>& _isOver;
    bool _hasRemoved = false;
};

}  // namespace

bool removeInSlices(const std::string& path, const std::function<bool()>& isOver) {
    requireNoNul(path);
    FileDescriptor directory(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!directory.isOpen()) {
        (void)::unlink(path.c_str());  // a link or a file
        return true;
    }
    if (!Removal(isOver).removeContent(std::move(directory), 0)) return false;
    (void)::rmdir(path.c_str());
    return true;
}

}  // namespace maildir
