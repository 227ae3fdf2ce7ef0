#include "maildir/cache/CacheFolder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <vector>

#include "maildir/FileIdentity.h"

namespace maildir {

namespace {

constexpr std::string_view suffix = ".mailbox";
constexpr time_t leftoverSeconds = 3600;  // of a file that was not published

std::int64_t steadySeconds() {
    timespec time{};
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec;
}

void makeFolder(const std::string& path) {
    if (mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) throw Error::fromErrno("cannot make", path);
}

bool isInUse(const std::string& path) {
    const FileDescriptor file(::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
    return file.isOpen() && flock(file.get(), LOCK_EX | LOCK_NB) != 0;
}

}  // namespace

CacheFolder::CacheFolder(std::string path, std::uint64_t maxOctets, std::function<void(const std::string&)> log,
                         std::int64_t calmSeconds)
    : _path(std::move(path)),
      _maxOctets(maxOctets),
      _log(std::move(log)),
      _calmSeconds(calmSeconds),
      _written(maxOctets) {}

std::string CacheFolder::pathOf(const std::string& name) const {
    const XXH128_hash_t hash = XXH3_128bits(name.data(), name.size());
    char digits[40];
    (void)std::snprintf(digits, sizeof digits, "/%02x/%016llx%016llx", static_cast<unsigned>(hash.high64 >> 56),
                        static_cast<unsigned long long>(hash.high64), static_cast<unsigned long long>(hash.low64));
    return _path + digits + std::string(suffix);
}

std::shared_ptr<CacheFile> CacheFolder::open(const std::string& name) const {
    const FileIdentity::Scope scope(nullptr);
    const std::string path = pathOf(name);
    std::shared_ptr<CacheFile> file = CacheFile::open(path);
    if (file) utimensat(AT_FDCWD, path.c_str(), nullptr, AT_SYMLINK_NOFOLLOW);
    return file;
}

std::shared_ptr<CacheFile> CacheFolder::create(const std::string& name, const CacheFile* present) const {
    const FileIdentity::Scope scope(nullptr);
    const std::string path = pathOf(name);
    makeFolder(_path.substr(0, _path.rfind('/')));
    makeFolder(_path);
    makeFolder(path.substr(0, path.rfind('/')));
    if ((present == nullptr || !present->isInPlace()) && isInUse(path)) {
        throw Error(ErrorKind::Busy, "the cache is in use", path);
    }
    return CacheFile::create(path);
}

void CacheFolder::remove(const std::string& name) const {
    const FileIdentity::Scope scope(nullptr);
    unlink(pathOf(name).c_str());
}

void CacheFolder::noteFailure(const std::string& why) {
    _failedAt = steadySeconds();
    if (!_isFailing.exchange(true) && _log) _log("the cache cannot be written, all works without: " + why);
}

void CacheFolder::noteSuccess() {
    // A nearly full disk has room for one mailbox and not for the next.
    if (!_isFailing || steadySeconds() - _failedAt < _calmSeconds) return;
    if (_isFailing.exchange(false) && _log) _log("the cache can be written again");
}

void CacheFolder::trim() {
    constexpr std::uint64_t rounds = 16;  // so often until maxOctets were written
    if (_written < _maxOctets / rounds) return;
    _written = 0;
    const FileIdentity::Scope scope(nullptr);
    struct File {
        std::string path;
        time_t used = 0;
        std::uint64_t octets = 0;
    };
    std::vector<File> files;
    std::uint64_t octets = 0;
    try {
        for (const std::string& folder : listDirectory(_path)) {
            const std::string inside = _path + "/" + folder;
            struct stat status {};
            if (lstat(inside.c_str(), &status) != 0 || !S_ISDIR(status.st_mode)) continue;
            for (const std::string& name : listDirectory(inside)) {
                const std::string path = inside + "/" + name;
                if (lstat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) continue;
                if (!name.ends_with(suffix)) {
                    // One that was to replace another when its server was killed.
                    const bool isLeftover = name.find(std::string(suffix) + ".tmp.") != std::string::npos;
                    if (isLeftover && status.st_mtime + leftoverSeconds < time(nullptr)) unlink(path.c_str());
                    continue;
                }
                const auto size = static_cast<std::uint64_t>(status.st_blocks) * 512;
                files.push_back({path, status.st_mtime, size});
                octets += size;
            }
        }
    } catch (const Error&) {
        return;  // there is no folder yet
    }
    std::sort(files.begin(), files.end(), [](const File& left, const File& right) { return left.used < right.used; });
    for (const File& file : files) {
        if (octets <= _maxOctets) break;
        if (isInUse(file.path) || unlink(file.path.c_str()) != 0) continue;
        octets -= file.octets;
    }
}

}  // namespace maildir
