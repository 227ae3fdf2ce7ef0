#include "maildir/mailbox/FileSystemSync.h"

#include <sys/utsname.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <condition_variable>
#include <mutex>
#include <system_error>
#include <thread>

#include "maildir/FileOps.h"

namespace maildir {

namespace {

// Since Linux 5.8 syncfs(2) tells of errors.
bool tellsErrors() {
    static const bool tells = [] {
        struct utsname kernel {};
        if (uname(&kernel) != 0) return false;
        const std::string_view release(kernel.release);
        int major = 0, minor = 0;
        const char* const end = release.data() + release.size();
        const auto [dot, error] = std::from_chars(release.data(), end, major);
        if (error != std::errc() || dot == end || *dot != '.') return false;
        std::from_chars(dot + 1, end, minor);
        return major > 5 || (major == 5 && minor >= 8);
    }();
    return tells;
}

// File systems whose syncfs(2) is known to do for every file what fsync(2) does for one. FUSE, for example, does not
// pass it on.
bool isKnownToSync(const std::string& directory) {
    struct statfs status {};
    if (statfs(directory.c_str(), &status) != 0) return false;
    constexpr std::array<std::uint64_t, 5> known = {0xEF53, 0x58465342, 0x9123683E, 0xF2F52010,
                                                    0x01021994};  // ext, XFS, btrfs, F2FS, tmpfs
    return std::find(known.begin(), known.end(), static_cast<std::uint64_t>(status.f_type)) != known.end();
}

// What the kernel has still to write, of all file systems; nothing if it doesn't tell.
std::optional<std::uint64_t> unwrittenOctets() {
    try {
        const std::optional<std::string> text = readFile("/proc/meminfo");
        std::uint64_t kibibytes = 0;
        for (const std::string_view field : {"\nDirty:", "\nWriteback:"}) {
            const std::size_t at = text ? text->find(field) : std::string::npos;
            if (at == std::string::npos) return std::nullopt;
            const std::size_t digits = text->find_first_not_of(' ', at + field.size());
            std::uint64_t value = 0;
            if (digits != std::string::npos) {
                std::from_chars(text->data() + digits, text->data() + text->size(), value);
            }
            kibibytes += value;
        }
        return kibibytes * 1024;
    } catch (const Error&) {
        return std::nullopt;
    }
}

}  // namespace

struct FileSystemSync::State {
    FileDescriptor directory;
    std::mutex mutex;  // guards what follows
    std::condition_variable end;
    bool isDone = false, hasSucceeded = false;

    void run() {
        const bool isWritten = syncfs(directory.get()) == 0;
        const std::lock_guard lock(mutex);
        isDone = true;
        hasSucceeded = isWritten;
        end.notify_all();
    }
};

bool FileSystemSync::isBetter(const std::string& directory, std::size_t files) {
    // An fsync(2) takes about as long as the disk needs for so many octets.
    constexpr std::size_t handful = 8;
    constexpr std::uint64_t octetsForOne = 100 * 1024;
    if (files <= handful || !tellsErrors() || !isKnownToSync(directory)) return false;
    const std::optional<std::uint64_t> unwritten = unwrittenOctets();
    return unwritten && *unwritten <= files * octetsForOne;
}

FileSystemSync::FileSystemSync(const std::string& directory) : _state(std::make_shared<State>()) {
    _state->directory = openDirectory(directory);
    try {
        std::thread([state = _state] { state->run(); }).detach();
    } catch (const std::system_error&) {
        _state->run();  // no thread is to be had
    }
}

bool FileSystemSync::waitFor(std::chrono::milliseconds duration) {
    std::unique_lock lock(_state->mutex);
    return _state->end.wait_for(lock, duration, [this] { return _state->isDone; });
}

bool FileSystemSync::hasSucceeded() const {
    const std::lock_guard lock(_state->mutex);
    return _state->hasSucceeded;
}

}  // namespace maildir
