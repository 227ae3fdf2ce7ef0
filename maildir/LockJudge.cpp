#include "maildir/LockJudge.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>

#include "maildir/FileOps.h"

namespace maildir {

namespace {

std::string hostName() {
    std::array<char, 256> buffer{};
    if (::gethostname(buffer.data(), buffer.size() - 1) != 0) return "localhost";
    return buffer.data();
}

// Since the system started, suspended or not: what /proc counts by.
std::chrono::seconds upTime() {
    timespec time{};
    ::clock_gettime(CLOCK_BOOTTIME, &time);
    return std::chrono::seconds(time.tv_sec);
}

// The process's start after the system's, in ticks: field 22 of /proc/PID/stat. The name of the program, in
// parentheses, may have blanks and parentheses in it.
std::optional<std::chrono::seconds> startOf(pid_t pid) {
    try {
        const auto text = readFile("/proc/" + std::to_string(pid) + "/stat", 65536);
        if (!text) return std::nullopt;
        std::size_t at = text->rfind(')');
        constexpr int fieldsBehindName = 20;
        for (int field = 0; field < fieldsBehindName && at != std::string::npos; ++field) at = text->find(' ', at + 1);
        if (at == std::string::npos) return std::nullopt;
        std::uint64_t ticks = 0;
        const auto [end, error] = std::from_chars(text->data() + at + 1, text->data() + text->size(), ticks);
        const long perSecond = ::sysconf(_SC_CLK_TCK);
        if (error != std::errc() || perSecond <= 0) return std::nullopt;
        return std::chrono::seconds(ticks / static_cast<std::uint64_t>(perSecond));
    } catch (const Error&) {
        return std::nullopt;  // hidden from us, or gone this moment
    }
}

std::optional<std::chrono::seconds> lifeOf(pid_t pid) {
    if (::kill(pid, 0) != 0 && errno == ESRCH) return std::nullopt;
    const auto start = startOf(pid);
    return start ? std::max(upTime() - *start, std::chrono::seconds(0)) : std::chrono::seconds(0);
}

std::optional<time_t> fileTime(const std::string& directory) {
    const std::string path = directory + "/maildock-time." + uniqueSuffix();
    try {
        const FileDescriptor file = createExclusive(path);
        struct stat status {};
        const bool isKnown = ::fstat(file.get(), &status) == 0;
        ::unlink(path.c_str());
        if (isKnown) return status.st_mtim.tv_sec;
    } catch (const Error&) {  // NOLINT(bugprone-empty-catch): a directory that may not be written to tells no time
    }
    return std::nullopt;
}

}  // namespace

LockJudge::Sources LockJudge::system() {
    return {hostName(), [] { return Clock::now(); }, lifeOf, fileTime};
}

LockJudge& LockJudge::ofProcess() {
    static LockJudge judge(system());
    return judge;
}

std::string LockJudge::ownText() const {
    return std::to_string(::getpid()) + ":" + _sources.host;
}

void LockJudge::noteHeld(const struct stat& lock) {
    const std::lock_guard guard(_mutex);
    ++_held[{lock.st_dev, lock.st_ino}];
}

void LockJudge::noteReleased(const struct stat& lock) {
    const std::lock_guard guard(_mutex);
    const auto found = _held.find({lock.st_dev, lock.st_ino});
    if (found != _held.end() && --found->second == 0) _held.erase(found);
}

// 0 when it is not of this host or not understood.
pid_t LockJudge::localPidIn(std::string_view text) const {
    while (!text.empty() && (text.back() == '\n' || text.back() == '\0')) text.remove_suffix(1);
    pid_t pid = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), pid);
    if (error != std::errc() || pid <= 0) return 0;
    const std::string_view rest(end, static_cast<std::size_t>(text.data() + text.size() - end));
    return rest == ":" + _sources.host ? pid : 0;
}

LockJudge::Clock::duration LockJudge::unchangedFor(const std::string& path, const struct stat& lock,
                                                   const std::string& text) {
    const Clock::time_point present = _sources.now();
    const std::lock_guard guard(_mutex);
    Seen& seen = _seen[path];
    const Identity identity{lock.st_dev, lock.st_ino};
    const bool isSame =
        seen.identity == identity && nanosecondsOf(seen.modified) == nanosecondsOf(lock.st_mtim) && seen.text == text;
    if (!isSame) seen = {identity, lock.st_mtim, text, present, present};
    seen.last = present;
    const Clock::duration unchanged = present - seen.since;
    if (_seen.size() > mostSeen) {
        _seen.erase(std::min_element(_seen.begin(), _seen.end(), [](const auto& left, const auto& right) {
            return left.second.last < right.second.last;
        }));
    }
    return unchanged;
}

void LockJudge::forget(const std::string& path) {
    const std::lock_guard guard(_mutex);
    _seen.erase(path);
}

bool LockJudge::isAbandoned(const std::string& path, const struct stat& lock, const std::optional<std::string>& text,
                            bool isFlocked) {
    const Clock::duration unchanged = unchangedFor(path, lock, text.value_or(""));
    if (isFlocked) return false;
    {
        const std::lock_guard guard(_mutex);
        if (_held.contains({lock.st_dev, lock.st_ino})) return false;
    }
    // Its maker is between two system calls, or died there. (One that found the disk full holds the flock.)
    const auto ageOnDisk = [&]() -> std::optional<std::chrono::seconds> {
        const auto present = _sources.fileTime(path.substr(0, path.rfind('/')));
        if (!present) return std::nullopt;
        return std::chrono::seconds(*present - lock.st_mtim.tv_sec);
    };
    constexpr std::chrono::seconds roundings{2};
    if (text && text->find(':') == std::string::npos) {
        return unchanged >= unfinishedAfter || ageOnDisk() > unfinishedAfter + roundings;
    }
    const pid_t pid = localPidIn(text.value_or(""));
    if (pid == 0) return unchanged >= staleAfter;
    if (pid == ::getpid()) return true;  // of a former process with our number: ours are known
    const auto life = _sources.lifeOf(pid);
    if (!life) return true;
    if (unchanged < doubtfulAfter || *life == std::chrono::seconds(0)) return false;
    // The number may have been given to another process since. Both ages are durations: that of the file by the clock
    // of its own file system, that of the process by the one that nobody sets.
    return ageOnDisk() > *life + roundings;
}

}  // namespace maildir
