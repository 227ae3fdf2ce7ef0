#include "maildir/DotLock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <optional>
#include <thread>
#include <utility>

#include "maildir/Patience.h"

namespace maildir {

namespace {

std::string textOf(int fd) {
    std::array<char, 320> buffer{};
    const ssize_t got = ::pread(fd, buffer.data(), buffer.size(), 0);
    return got > 0 ? std::string(buffer.data(), static_cast<std::size_t>(got)) : std::string();
}

bool isSameFile(const struct stat& left, const struct stat& right) {
    return left.st_ino == right.st_ino && left.st_dev == right.st_dev;
}

}  // namespace

DotLock::DotLock(std::string path, int timeoutMs, LockJudge& judge) : _path(std::move(path)), _judge(judge) {
    using Clock = std::chrono::steady_clock;
    const auto deadline = Clock::now() + std::chrono::milliseconds(timeoutMs);
    std::chrono::milliseconds pause(1);
    while (!tryAcquire()) {
        removeIfAbandoned();
        if (tryAcquire()) return;
        const auto now = Clock::now();
        if (Patience::current() != Patience::Kind::Waits || now >= deadline) {
            throw Patience::error("the lock is held by another", _path);
        }
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - now);
        std::this_thread::sleep_for(std::min(pause, left + std::chrono::milliseconds(1)));
        pause = std::min(pause * 2, std::chrono::milliseconds(50));
    }
}

bool DotLock::tryAcquire() {
    try {
        _file = createExclusive(_path);
    } catch (const Error& error) {
        if (error.kind() == ErrorKind::AlreadyExists) return false;
        throw;
    }
    // Flocked before its text is there: nobody finds our number in it while the flock is still free.
    const bool isFlocked = ::flock(_file.get(), LOCK_EX | LOCK_NB) == 0;
    if (::fstat(_file.get(), &_status) != 0) {
        const Error error = Error::fromErrno("cannot stat", _path);
        ::unlink(_path.c_str());
        throw error;
    }
    _judge.noteHeld(_status);
    try {
        writeAll(_file.get(), _judge.ownText(), _path);
    } catch (const Error&) {
        // A full disk: an empty lock still locks where it is known by its flock. Expunging, which makes room, must not
        // fail for it.
        if (!isFlocked) {
            ::unlink(_path.c_str());
            _judge.noteReleased(_status);
            throw;
        }
    }
    _renewed = _judge.now();
    _judge.forget(_path);
    return true;
}

void DotLock::removeIfAbandoned() const {
    std::optional<FileDescriptor> file;
    std::optional<std::string> text;
    struct stat held {};
    try {
        file = openExisting(_path, O_RDONLY | O_NONBLOCK | O_NOFOLLOW);
        if (!file) return _judge.forget(_path);
        if (::fstat(file->get(), &held) != 0) return;
        text = textOf(file->get());
    } catch (const Error& error) {
        // Another user's: all that can be seen of it is whether it changes.
        if (error.kind() != ErrorKind::NoPermission || ::lstat(_path.c_str(), &held) != 0) throw;
    }
    const bool isFlocked = file && ::flock(file->get(), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    if (!_judge.isAbandoned(_path, held, text, isFlocked)) return;

    // With the flock held and the inode open (so its number cannot be used anew), the name is either still that lock,
    // or another waiter was quicker.
    struct stat current {};
    if (::lstat(_path.c_str(), &current) == 0 && isSameFile(current, held)) ::unlink(_path.c_str());
}

// Opened, not only looked at: a network file system then asks its server who has the name.
bool DotLock::stillMine() const {
    const FileDescriptor present(::open(_path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    struct stat current {};
    if (!present.isOpen()) return ::lstat(_path.c_str(), &current) == 0 && isSameFile(current, _status);
    return ::fstat(present.get(), &current) == 0 && isSameFile(current, _status);
}

void DotLock::require() {
    if (!stillMine()) throw Error(ErrorKind::Busy, "another has taken our lock over", _path);
    renew();
}

void DotLock::renew() {
    const auto now = _judge.now();
    if (now - _renewed < renewedEvery) return;
    _renewed = now;
    // Our file, even if the name is another's by now. The time is that of the file system's own clock.
    const timespec times[2] = {{0, UTIME_NOW}, {0, UTIME_NOW}};
    ::futimens(_file.get(), times);
}

DotLock::~DotLock() {
    struct stat current {};
    const bool isOurs = ::lstat(_path.c_str(), &current) == 0 && isSameFile(current, _status);
    // One that can't be removed must not say that we hold it, who live on: without a text it is nobody's soon.
    const bool isLeft = isOurs && ::unlink(_path.c_str()) != 0 && errno != ENOENT;
    if (isLeft) (void)!::ftruncate(_file.get(), 0);
    _judge.noteReleased(_status);
}

void replaceFile(DotLock& lock, const std::string& path, std::string_view content) {
    replaceFile(path, content, [&lock] { lock.require(); });
}

}  // namespace maildir
