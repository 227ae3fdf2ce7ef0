#include "maildir/mailbox/Presence.h"

#include <utility>

#include "maildir/FileOps.h"

namespace maildir {

namespace {

std::string parentOf(const std::string& path) {
    const auto slash = path.find_last_of('/');
    return slash == 0 || slash == std::string::npos ? "/" : path.substr(0, slash);
}

// What is there as a directory; nothing if that is missing where it could be.
std::optional<struct stat> directoryAt(const std::string& path) {
    std::optional<struct stat> status;
    try {
        status = statusIfThere(path);
    } catch (const Error& error) {
        if (error.kind() != ErrorKind::NoPermission) throw;
        throw Error(error.kind(), std::string(error.what()) + " (who reads the mail has to be allowed to search it)");
    }
    if (status && !S_ISDIR(status->st_mode)) status.reset();
    return status;
}

}  // namespace

Presence::Presence(std::string directory, const std::string& root) : _directory(std::move(directory)) {
    _places.push_back({root.empty() ? parentOf(_directory) : root});
    if (_directory == _places.front().path) return;
    const std::string prefix = _places.front().path == "/" ? "/" : _places.front().path + "/";
    if (_directory.starts_with(prefix)) {
        for (auto slash = _directory.find('/', prefix.size()); slash != std::string::npos;
             slash = _directory.find('/', slash + 1)) {
            _places.push_back({_directory.substr(0, slash)});
        }
    }
    _places.push_back({_directory});
}

bool Presence::isCur(const struct stat& status) const {
    return !isKnown() || (status.st_ino == _curInode && status.st_dev == _curDevice);
}

bool Presence::isDirectory(const struct stat& status) const {
    const std::lock_guard lock(_mutex);
    const Place& own = _places.back();
    return !isKnown() || (status.st_ino == own.inode && status.st_dev == own.device);
}

bool Presence::isInPlace() const {
    struct stat cur {};
    return ::stat((_directory + "/cur").c_str(), &cur) == 0 && isCur(cur);
}

void Presence::remember() {
    std::vector<Place> places;
    {
        const std::lock_guard lock(_mutex);
        places = _places;
    }
    const auto look = [](const std::string& path) {
        struct stat status {};
        if (::stat(path.c_str(), &status) != 0) throw Error::fromErrno("cannot open the mailbox", path);
        return status;
    };
    for (Place& place : places) {
        const struct stat status = look(place.path);
        place.device = status.st_dev;
        place.inode = status.st_ino;
    }
    const struct stat cur = look(_directory + "/cur");
    const std::lock_guard lock(_mutex);
    _places = std::move(places);
    _missingSince.reset();
    _curDevice = cur.st_dev;
    _curInode = cur.st_ino;
}

Presence::Verdict Presence::judge() {
    const std::lock_guard lock(_mutex);
    Walk walk;
    // Only a look that misses it again, and nothing else in between, keeps the time of the first.
    walk.missingSince = std::exchange(_missingSince, std::nullopt);
    if (isInPlace()) return Verdict::Here;
    for (std::size_t i = 0; i < _places.size(); ++i) {
        const Place& place = _places[i];
        const bool isRoot = i == 0;
        const std::optional<struct stat> status = directoryAt(place.path);
        walk.isOtherAbove = walk.isOther || walk.isOtherDevice;
        if (!status) return missingLocked(place.path, isRoot, walk);
        const bool isOtherInode = status->st_ino != place.inode;
        if (status->st_dev != place.device) {
            if (isOtherInode) {
                throw Error(ErrorKind::Unavailable,
                            "another file system is there than before: mount the one with the mail (or start the "
                            "server anew, if this is the one)",
                            place.path);
            }
            walk.isOtherDevice = true;
        }
        walk.isOther = walk.isOther || isOtherInode;
    }
    return judgeCurLocked(walk);
}

Presence::Verdict Presence::judgeCurLocked(const Walk& walk) {
    const std::string path = _directory + "/cur";
    const std::optional<struct stat> cur = directoryAt(path);
    const bool isSameInode = cur && cur->st_ino == _curInode;
    const bool isOtherDevice = walk.isOtherDevice || (cur && cur->st_dev != _curDevice);
    if (isOtherDevice) {
        if (isSameInode && !walk.isOther) return Verdict::Remounted;
        throw Error(ErrorKind::Unavailable,
                    "another file system is there than before: mount the one with the mail (or start the server anew, "
                    "if this is the one)",
                    path);
    }
    if (cur && walk.isOther) return Verdict::Replaced;
    if (cur) return isSameInode ? Verdict::Here : Verdict::CurIsAnother;
    if (!walk.isOther) return Verdict::CurIsMissing;
    // Another directory, which is no mailbox.
    return missingLocked(_directory, _places.size() == 1, walk);
}

Presence::Verdict Presence::missingLocked(const std::string& path, bool isRoot, const Walk& walk) {
    if (isRoot) {
        throw Error(
            ErrorKind::Unavailable,
            "the root of the mail is not there: mount it, or put it back (if it was removed on purpose, make an "
            "empty directory in its place)",
            path);
    }
    if (walk.isOtherAbove) {
        throw Error(ErrorKind::Unavailable, "not there, in a directory that is another one than before: put that back",
                    path);
    }
    const auto now = std::chrono::steady_clock::now();
    if (walk.missingSince && now - *walk.missingSince >= apart) return Verdict::Gone;
    _missingSince = walk.missingSince.value_or(now);
    throw Error(ErrorKind::Unavailable, "not there: it is looked for once more before it counts as removed", path);
}

void Presence::requireRoot() const {
    const std::lock_guard lock(_mutex);
    if (!isKnown()) return;
    const Place& root = _places.front();
    const std::optional<struct stat> status = directoryAt(root.path);
    const bool isOfOtherFileSystem = status && status->st_dev != root.device && status->st_ino != root.inode;
    if (status && !isOfOtherFileSystem) return;
    throw Error(
        ErrorKind::Unavailable,
        "the mail that was served from here is away, and no other is put in its place: mount it, or put it back "
        "(if it was removed on purpose, make an empty directory, or start the server anew)",
        root.path);
}

}  // namespace maildir
