#include "maildir/cache/CacheFile.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include <cstdio>
#include <list>
#include <utility>

#include "maildir/FileIdentity.h"
#include "maildir/cache/Bytes.h"

namespace maildir {

namespace {

constexpr std::string_view fileMagic = "maildock cache 4\n";
constexpr std::uint64_t footerMagic = 0x746F6F72'6B636F64;  // "dockroot"
constexpr std::size_t footerOctets = 32;
constexpr std::size_t maxUnwritten = 4u << 20;
constexpr std::uint64_t maxRootOctets = 256u << 20;

std::uint64_t checksumOf(std::string_view bytes) {
    return XXH3_64bits(bytes.data(), bytes.size());
}

bool readExactly(int fd, std::uint64_t offset, std::string& into, const std::string& path) {
    try {
        return readAt(fd, offset, into, path) == into.size();
    } catch (const Error&) {
        return false;  // as good as absent
    }
}

}  // namespace

CacheFile::CacheFile(FileDescriptor file, std::string path)
    : _file(std::make_shared<const FileDescriptor>(std::move(file))), _path(std::move(path)) {
    struct stat status {};
    if (fstat(_file->get(), &status) != 0) throw Error::fromErrno("cannot stat", _path);
    _device = status.st_dev;
    _inode = status.st_ino;
}

std::shared_ptr<CacheFile> CacheFile::made(FileDescriptor file, const std::string& path) {
    std::shared_ptr<CacheFile> cache(new CacheFile(std::move(file), path));
    cache->noteOpened();
    return cache;
}

std::shared_ptr<CacheFile> CacheFile::open(const std::string& path) {
    FileDescriptor file(::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
    if (!file.isOpen() || flock(file.get(), LOCK_EX | LOCK_NB) != 0) return nullptr;
    std::shared_ptr<CacheFile> cache = made(std::move(file), path);
    if (!cache->isInPlace() || !cache->readRoot()) return nullptr;
    return cache;
}

std::shared_ptr<CacheFile> CacheFile::create(const std::string& path) {
    const std::string temporary = path + ".tmp." + uniqueSuffix();
    FileDescriptor file(::open(temporary.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!file.isOpen()) throw Error::fromErrno("cannot create", temporary);
    if (flock(file.get(), LOCK_EX | LOCK_NB) != 0) throw Error::fromErrno("cannot lock", temporary);
    std::shared_ptr<CacheFile> cache = made(std::move(file), path);
    cache->_temporary = temporary;
    cache->_unwritten = fileMagic;
    cache->_octets = fileMagic.size();
    return cache;
}

std::shared_ptr<const FileDescriptor> CacheFile::descriptor() const {
    std::shared_ptr<const FileDescriptor> file;
    {
        const std::lock_guard lock(_mutex);
        if (_file) return _file;
        const FileIdentity::Scope scope(nullptr);
        const std::string& name = _temporary.empty() ? _path : _temporary;
        FileDescriptor again(::open(name.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
        struct stat status {};
        // Whoever had it meanwhile may have added to it, and knows nothing of what we add.
        const bool isOurs = again.isOpen() && flock(again.get(), LOCK_EX | LOCK_NB) == 0 &&
                            fstat(again.get(), &status) == 0 && status.st_dev == _device && status.st_ino == _inode &&
                            static_cast<std::uint64_t>(status.st_size) == _committed;
        if (!isOurs) return nullptr;
        file = _file = std::make_shared<const FileDescriptor>(std::move(again));
    }
    noteOpened();
    return file;
}

void CacheFile::noteOpened() const {
    static std::mutex mutex;
    static std::list<std::weak_ptr<const CacheFile>> opened;  // guarded by mutex; opened last at the end
    std::shared_ptr<const CacheFile> oldest;
    {
        const std::lock_guard lock(mutex);
        opened.push_back(weak_from_this());
        std::erase_if(opened, [](const auto& each) { return each.expired(); });
        if (opened.size() > mostDescriptors) {
            oldest = opened.front().lock();
            opened.pop_front();
        }
    }
    if (!oldest || oldest.get() == this) return;
    const std::lock_guard lock(oldest->_mutex);
    // One that is not published, or not whole, could not be opened again as it is.
    if (oldest->_committed == oldest->_octets) oldest->_file.reset();
}

CacheFile::~CacheFile() {
    if (!_temporary.empty()) unlink(_temporary.c_str());
}

bool CacheFile::readRoot() {
    const auto file = descriptor();
    struct stat status {};
    if (!file || fstat(file->get(), &status) != 0 || !S_ISREG(status.st_mode)) return false;
    _committed = static_cast<std::uint64_t>(status.st_size);
    _octets = _committed.load();
    if (_octets < fileMagic.size() + footerOctets) return false;
    std::string magic(fileMagic.size(), '\0'), footer(footerOctets, '\0');
    if (!readExactly(file->get(), 0, magic, _path) || magic != fileMagic) return false;
    if (!readExactly(file->get(), _octets - footerOctets, footer, _path)) return false;
    ByteReader reader(footer);
    BlockPlace place;
    place.offset = reader.fixed();
    const std::uint64_t octets = reader.fixed();
    place.checksum = reader.fixed();
    if (reader.fixed() != footerMagic || octets > maxRootOctets) return false;
    place.octets = static_cast<std::uint32_t>(octets);
    std::optional<std::string> root = read(place);
    if (!root) return false;
    _root = std::move(*root);
    return true;
}

std::optional<std::string> CacheFile::read(const BlockPlace& place) const {
    const auto file = descriptor();
    if (!file) return std::nullopt;
    std::string bytes;
    // Not past what the file has: a damaged length must not cost memory.
    struct stat status {};
    if (fstat(file->get(), &status) != 0) return std::nullopt;
    const auto size = static_cast<std::uint64_t>(status.st_size);
    if (place.offset > size || place.octets > size - place.offset) return std::nullopt;
    bytes.resize(place.octets);
    if (!readExactly(file->get(), place.offset, bytes, _path) || checksumOf(bytes) != place.checksum)
        return std::nullopt;
    return bytes;
}

BlockPlace CacheFile::append(std::string_view block) {
    if (block.size() > UINT32_MAX) throw Error(ErrorKind::Limit, "a block of the cache is too large", _path);
    const BlockPlace place{_octets, static_cast<std::uint32_t>(block.size()), checksumOf(block)};
    _unwritten.append(block);
    _octets += block.size();
    if (_unwritten.size() > maxUnwritten) flush();
    return place;
}

void CacheFile::commit(std::string root) {
    const BlockPlace place = append(root);
    std::string footer;
    ByteWriter writer(footer);
    writer.fixed(place.offset);
    writer.fixed(place.octets);
    writer.fixed(place.checksum);
    writer.fixed(footerMagic);
    _unwritten += footer;
    _octets += footer.size();
    flush();
    _committed = _octets.load();
    _root = std::move(root);
}

void CacheFile::flush() {
    const std::uint64_t start = _octets - _unwritten.size();
    const auto file = descriptor();
    if (!file) throw Error(ErrorKind::Io, "the cache is somebody else's now", _path);
    for (std::size_t done = 0; done < _unwritten.size();) {
        const ssize_t wrote =
            pwrite(file->get(), _unwritten.data() + done, _unwritten.size() - done, static_cast<off_t>(start + done));
        if (wrote < 0 && errno == EINTR) continue;
        if (wrote > 0) {
            done += static_cast<std::size_t>(wrote);
            continue;
        }
        const int number = wrote < 0 ? errno : ENOSPC;
        _unwritten.clear();
        _octets = _committed.load();
        // The last root stands at the end again.
        if (ftruncate(file->get(), static_cast<off_t>(_committed)) != 0) unlink(_path.c_str());
        throw Error::fromErrno("cannot write the cache", _path, number);
    }
    _unwritten.clear();
    if (_unwritten.capacity() > maxUnwritten / 4) _unwritten.shrink_to_fit();
}

void CacheFile::publish() {
    if (rename(_temporary.c_str(), _path.c_str()) != 0) throw Error::fromErrno("cannot rename to " + _path, _temporary);
    _temporary.clear();
}

bool CacheFile::isInPlace() const {
    struct stat mine {
    }, there{};
    const auto file = descriptor();
    return file && fstat(file->get(), &mine) == 0 && lstat(_path.c_str(), &there) == 0 && mine.st_ino == there.st_ino &&
           mine.st_dev == there.st_dev;
}

}  // namespace maildir
