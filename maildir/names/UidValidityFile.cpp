#include "maildir/names/UidValidityFile.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <ctime>
#include <mutex>
#include <unordered_map>

#include "maildir/FileOps.h"
#include "maildir/names/TreeWalk.h"

namespace maildir {

namespace {

constexpr int lockTimeoutMs = 30'000;
constexpr std::size_t digits = 8;
constexpr std::uint64_t maxFileOctets = 4096;
constexpr std::size_t maxHeaderOctets = 64 * 1024;
// What is above can only be damage, and left no room for others.
constexpr std::uint32_t highestBelieved = 0xFFF00000;
// Dovecot may rename the same file at the same moment, each time to the next number.
constexpr int maxTries = 100;
constexpr std::uint32_t mostReserved = 64;
constexpr std::size_t mostRoots = 1000;

std::atomic<std::uint32_t>& lastOfProcess() {
    static std::atomic<std::uint32_t> last{0};
    return last;
}

void raise(std::atomic<std::uint32_t>& number, std::uint32_t value) {
    std::uint32_t present = number.load();
    while (present < value && !number.compare_exchange_weak(present, value)) continue;
}

// Numbers of a tree that its file counts as given and that this process has not given yet.
struct Reserve {
    std::uint32_t next = 0, last = 0;  // none left: next is above last
    std::uint32_t size = 1;            // of the next one, if it follows without a gap: it doubles
};

struct Reserves {
    std::mutex mutex;
    std::unordered_map<std::string, Reserve> byRoot;  // guarded by mutex
};

Reserves& reserves() {
    static Reserves all;
    return all;
}

std::optional<std::uint32_t> hexNumber(std::string_view text) {
    std::uint32_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
    if (error != std::errc() || end != text.data() + text.size() || value == 0) return std::nullopt;
    return value;
}

std::string hexDigits(std::uint32_t value) {
    char text[digits + 1];
    std::snprintf(text, sizeof text, "%08x", value);
    return text;
}

std::uint32_t decimalAt(std::string_view text) {
    std::uint32_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc() ? value : 0;
}

// The first line of a file; nothing if it can't be had.
std::optional<std::string> firstLine(const std::string& path) {
    try {
        const auto file = openExisting(path, O_RDONLY | O_NONBLOCK);
        struct stat status {};
        if (!file || ::fstat(file->get(), &status) != 0 || !S_ISREG(status.st_mode)) return std::nullopt;
        constexpr std::size_t usual = 256;
        std::string start(usual, '\0');
        start.resize(readAt(file->get(), 0, start, path));
        if (start.size() == usual && start.find('\n') == std::string::npos) {
            start.resize(maxHeaderOctets);
            start.resize(readAt(file->get(), 0, start, path));
        }
        return start.substr(0, start.find('\n'));
    } catch (const Error&) {
        return std::nullopt;  // one that can't be read is none of ours to number
    }
}

}  // namespace

UidValidity recordedUidValidity(const std::string& mailboxDirectory) {
    // "3 V<UIDVALIDITY> N<next> ...", or as version 1 and Courier have it: "1 <UIDVALIDITY> <next>".
    for (const char* const name : {"/dovecot-uidlist", "/courierimapuiddb"}) {
        const auto line = firstLine(mailboxDirectory + name);
        if (!line) continue;
        if (line->starts_with("1 ")) return UidValidity{decimalAt(std::string_view(*line).substr(2))};
        const std::size_t at = line->find(" V");
        if (line->starts_with("3 ") && at != std::string::npos)
            return UidValidity{decimalAt(std::string_view(*line).substr(at + 2))};
    }
    return {};
}

UidValidityFile::UidValidityFile(TreePlace place, std::function<std::int64_t()> now)
    : _place(std::move(place)), _path(_place.root + "/dovecot-uidvalidity"), _now(std::move(now)) {}

std::int64_t UidValidityFile::presentTime() {
    return std::time(nullptr);
}

std::string UidValidityFile::twinPath(std::uint32_t value) const {
    return _path + "." + hexDigits(value);
}

std::vector<std::uint32_t> UidValidityFile::twins() const {
    const std::string prefix = "dovecot-uidvalidity.";
    std::vector<std::uint32_t> numbers;
    for (const std::string& name : listDirectory(_place.root)) {
        if (!name.starts_with(prefix) || name.size() != prefix.size() + digits) continue;
        if (const auto number = hexNumber(std::string_view(name).substr(prefix.size()))) numbers.push_back(*number);
    }
    std::sort(numbers.begin(), numbers.end());
    return numbers;
}

std::optional<std::uint32_t> UidValidityFile::written() const {
    try {
        const auto text = readFile(_path, maxFileOctets);
        if (!text || text->size() < digits) return std::nullopt;
        return hexNumber(std::string_view(*text).substr(0, digits));
    } catch (const Error& error) {
        if (error.kind() == ErrorKind::OverQuota) throw;
        return std::nullopt;  // a directory of that name, or not to be read: the others tell
    }
}

std::uint32_t UidValidityFile::highestInTree() const {
    std::uint32_t highest = 0;
    const auto add = [&highest](const std::string& directory) {
        const std::uint32_t value = recordedUidValidity(directory).value;
        if (value <= highestBelieved) highest = std::max(highest, value);
    };
    add(_place.root);
    for (const std::string& directory : directoriesBelow(_place.root, _place.layout))
        add(_place.root + '/' + directory);
    return highest;
}

std::uint32_t UidValidityFile::following(std::uint32_t last) const {
    const auto now = static_cast<std::uint32_t>(std::clamp<std::int64_t>(_now(), 1, highestBelieved));
    return std::max(std::max(last, lastOfProcess().load()) + 1, now);
}

// The twin first: Dovecot believes it where the two differ. Both are on disk when this returns.
bool UidValidityFile::advanceTo(DotLock& lock, std::uint32_t value, const std::vector<std::uint32_t>& twins) const {
    lock.require();
    const std::string twin = twinPath(value);
    if (twins.empty()) {
        try {
            createExclusive(twin);
        } catch (const Error& error) {
            if (error.kind() != ErrorKind::AlreadyExists) throw;
        }
    } else if (twins.back() != value && ::rename(twinPath(twins.back()).c_str(), twin.c_str()) != 0) {
        if (errno == ENOENT) return false;  // Dovecot has renamed it at this moment
        throw Error::fromErrno("cannot rename to " + twin, twinPath(twins.back()));
    }
    // What is left of others is below, or damage that Dovecot would go on from.
    for (std::size_t at = 0; at + 1 < twins.size(); ++at) ::unlink(twinPath(twins[at]).c_str());
    replaceFile(lock, _path, hexDigits(value));
    return true;
}

Error UidValidityFile::busy() const {
    return {ErrorKind::Busy, "another program keeps renaming the file beside it", _path};
}

std::optional<UidValidity> UidValidityFile::takeReserved(std::uint32_t above) const {
    Reserves& all = reserves();
    std::unique_lock lock(all.mutex);
    const auto hasSome = [&all, this] {
        const auto found = all.byRoot.find(_place.root);
        return found != all.byRoot.end() && found->second.next <= found->second.last;
    };
    if (!hasSome()) return std::nullopt;
    lock.unlock();  // the disk of one tree must not keep the others waiting
    const std::optional<std::uint32_t> given = written();
    lock.lock();
    if (!hasSome()) return std::nullopt;
    Reserve& reserve = all.byRoot[_place.root];
    const std::uint32_t value = std::max({reserve.next, lastOfProcess().load() + 1, above + 1});
    reserve.next = reserve.last + 1;  // unless all is well
    // Another process that gave a number wrote it into the file. A mailbox that had it may have had the name of ours.
    if (value > reserve.last || value < following(0) || given != reserve.last) return std::nullopt;
    reserve.next = value + 1;
    raise(lastOfProcess(), value);
    return UidValidity{value};
}

std::uint32_t UidValidityFile::reserveSize(std::uint32_t first) const {
    Reserves& all = reserves();
    const std::lock_guard lock(all.mutex);
    const auto found = all.byRoot.find(_place.root);
    return found != all.byRoot.end() && first == found->second.last + 1 ? found->second.size : 1;
}

void UidValidityFile::keepReserve(std::uint32_t next, std::uint32_t last) const {
    Reserves& all = reserves();
    const std::lock_guard lock(all.mutex);
    if (all.byRoot.size() >= mostRoots && !all.byRoot.contains(_place.root)) all.byRoot.clear();
    all.byRoot[_place.root] = Reserve{next, last, std::min(2 * (last + 2 - next), mostReserved)};
}

UidValidity UidValidityFile::next(UidValidity above) const {
    const std::uint32_t least = above.value <= highestBelieved ? above.value : 0;
    if (const auto reserved = takeReserved(least)) return *reserved;
    std::uint32_t value = 0;
    try {
        DotLock lock(_path + ".lock", lockTimeoutMs);
        if (const auto reserved = takeReserved(least)) return *reserved;  // by the thread that had the lock
        for (int attempt = 0; value == 0; ++attempt) {
            const std::vector<std::uint32_t> found = twins();
            const std::optional<std::uint32_t> given = written();
            std::uint32_t highest = std::max(least, given.value_or(0) <= highestBelieved ? given.value_or(0) : 0);
            for (const std::uint32_t each : found) {
                if (each <= highestBelieved) highest = std::max(highest, each);
            }
            // Lists that were made without this file, such as Courier's, and by former versions.
            const bool isWhole = given && found.size() == 1 && *given <= highestBelieved;
            if (!isWhole) highest = std::max(highest, highestInTree());
            const std::uint32_t wanted = following(highest), last = wanted + reserveSize(wanted) - 1;
            if (advanceTo(lock, last, found)) {
                value = wanted;
                keepReserve(wanted + 1, last);
            } else if (attempt == maxTries) {
                throw busy();
            }
        }
    } catch (const Error& error) {
        // On a full disk nothing can begin anew that would stay either: what is shown meanwhile needs a number too.
        if (error.kind() != ErrorKind::NoPermission && error.kind() != ErrorKind::OverQuota) throw;
        value = following(std::max({least, written().value_or(0), highestInTree()}));
    }
    raise(lastOfProcess(), value);
    return UidValidity{value};
}

void UidValidityFile::noteUsed(UidValidity used) const {
    if (used.value == 0 || used.value > highestBelieved) return;
    raise(lastOfProcess(), used.value);
    if (written().value_or(0) >= used.value) return;
    try {
        DotLock lock(_path + ".lock", lockTimeoutMs);
        for (int attempt = 0;; ++attempt) {
            if (written().value_or(0) >= used.value) return;
            const std::vector<std::uint32_t> found = twins();
            std::uint32_t value = used.value;
            if (!found.empty() && found.back() <= highestBelieved) value = std::max(value, found.back());
            if (advanceTo(lock, value, found)) return;
            if (attempt == maxTries) throw busy();
        }
    } catch (const Error& error) {
        // Nothing new will be made in such a root; and a full disk must not keep mail from being removed.
        if (error.kind() != ErrorKind::NoPermission && error.kind() != ErrorKind::OverQuota) throw;
    }
}

}  // namespace maildir
