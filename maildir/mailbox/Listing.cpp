// Listing the directories of a mailbox, and matching what is there with what is known.
//
// readdir(3) races with rename(2): a file that is renamed while its directory is listed may be listed under both names
// or under neither. So a message is gone only when a second listing, during which nothing changed, misses it too; and a
// base name listed twice is looked at by lstat before it counts as two messages. That nothing changed is told by a
// watch on which nothing was heard meanwhile, or by the directories' times. These go by the ticks of the kernel (up to
// 10 ms), or by the steps of the file system, which may be whole seconds (FileTimes.h): the last change must be older
// than that when the listing starts, or a later one may have the same time. Where another machine's clock gives the
// times, their age tells little; what counts then is how long ago, by our own clock, the directories were first seen
// with these times, since a change that comes more than a step after that has another one. So two listings that start
// that far apart, with the same times before and after both, show that nothing changed during the second.
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "maildir/FileTimes.h"
#include "maildir/LargePages.h"
#include "maildir/mailbox/FileName.h"
#include "maildir/mailbox/MailboxState.h"

namespace maildir {

namespace {

// None (zero) of a directory that is not there.
timespec timeOf(const std::string& path) {
    const std::optional<struct stat> status = statusIfThere(path);
    return status ? status->st_mtim : timespec{};
}

bool same(const timespec& left, const timespec& right) {
    return left.tv_sec == right.tv_sec && left.tv_nsec == right.tv_nsec;
}

// A directory time that is younger than this may hide a change that came within the same clock tick.
constexpr time_t trustedAgeSeconds = 2;

constexpr std::int64_t secondNanoseconds = 1'000'000'000;

std::int64_t ageAt(const timespec& now, const timespec& time) {
    return nanosecondsOf(now) - nanosecondsOf(time);
}

timespec clockNow() {
    timespec now{};
    clock_gettime(CLOCK_REALTIME, &now);
    return now;
}

std::int64_t steadyNow() {
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return nanosecondsOf(now);
}

// How far apart changes must be to show in such times.
std::int64_t stepOf(const timespec& newTime, const timespec& curTime) {
    return std::max(maildir::stepOf(nanosecondsOf(newTime)), maildir::stepOf(nanosecondsOf(curTime)));
}

// Whether a change during the scan would have shown in the times, if they are of this machine's clock and `age` old, or
// older if they are coarse. Times of the future were set.
bool isSettled(const Scan& scan, std::int64_t age) {
    const auto settled = [&](const timespec& time) {
        const std::int64_t has = ageAt(scan.started, time), step = maildir::stepOf(nanosecondsOf(time));
        return has > std::max(age, step) || has < -std::max(secondNanoseconds, step);
    };
    return scan.isStable && settled(scan.newTime) && settled(scan.curTime);
}

// Tells the same, whatever clock the times come from. since: when they were first seen.
bool isSettledSince(const Scan& scan, std::int64_t since) {
    return scan.isStable && scan.startedSteady - since > stepOf(scan.newTime, scan.curTime);
}

bool isQuietSince(const Scan& first, const Scan& second) {
    return first.isStable && same(first.newTime, second.newTime) && same(first.curTime, second.curTime) &&
           isSettledSince(second, first.startedSteady);
}

// Until a tick has passed since `scan` began.
void waitForNextTick(const Scan& scan) {
    const std::int64_t has = std::clamp<std::int64_t>(ageAt(clockNow(), scan.started), 0, nanosecondsPerTick);
    const timespec pause{0, nanosecondsPerTick + 1'000'000 - has};
    nanosleep(&pause, nullptr);
}

// Until what was changed last is a tick old.
void waitForTick(const Scan& scan) {
    const timespec now = clockNow();
    const std::int64_t youngest = std::min(ageAt(now, scan.newTime), ageAt(now, scan.curTime));
    const std::int64_t wait =
        std::clamp<std::int64_t>(nanosecondsPerTick + 1'000'000 - youngest, 0, 2 * nanosecondsPerTick);
    const timespec pause{0, wait};
    if (wait > 0) nanosleep(&pause, nullptr);
}

// Some file systems do not tell in the listing of what kind an entry is. What can't be looked at must not count as
// missing.
unsigned typeOf(int folder, const dirent& entry) {
    if (entry.d_type != DT_UNKNOWN) return entry.d_type;
    struct stat status {};
    if (fstatat(folder, entry.d_name, &status, AT_SYMLINK_NOFOLLOW) == 0) return IFTODT(status.st_mode);
    if (errno != ENOENT) throw Error::fromErrno("cannot look at", entry.d_name);
    return DT_UNKNOWN;
}

using OpenDirectory = std::unique_ptr<DIR, int (*)(DIR*)>;

// Opens a directory in the mailbox directory `above`. Null: it is not in there.
OpenDirectory openBelow(const FileDescriptor& above, const char* name, const std::string& path) {
    FileDescriptor folder(openat(above.get(), name, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!folder.isOpen() && errno == ENOENT) return {nullptr, &closedir};
    OpenDirectory stream(folder.isOpen() ? fdopendir(folder.get()) : nullptr, &closedir);
    if (!stream) throw Error::fromErrno("cannot list", path);
    folder.release();  // the stream's now
    return stream;
}

struct stat statusOf(DIR* directory, const std::string& path) {
    struct stat status {};
    if (fstat(dirfd(directory), &status) != 0) throw Error::fromErrno("cannot stat", path);
    return status;
}

void listInto(Scan& scan, const OpenDirectory& directory, const std::string& path, bool isInNew) {
    for (;;) {
        errno = 0;
        // readdir() is safe on a stream that only this thread has.
        const dirent* const entry = readdir(directory.get());  // NOLINT(concurrency-mt-unsafe)
        if (entry == nullptr) break;
        if (entry->d_name[0] == '.') continue;
        // Nobody delivers links, devices or pipes; opening one could lead anywhere, or wait for ever.
        const unsigned type = typeOf(dirfd(directory.get()), *entry);
        if (type == DT_LNK && scan.links++ == 0) scan.link = std::string(isInNew ? "new/" : "cur/") + entry->d_name;
        if (type != DT_REG) continue;
        const std::size_t octets = std::strlen(entry->d_name);
        scan.files.push_back(
            {static_cast<std::uint32_t>(scan.names.size()), static_cast<std::uint16_t>(octets), isInNew});
        scan.names.append(entry->d_name, octets);
    }
    if (errno != 0) throw Error::fromErrno("cannot list", path);
}

// Both are listed below one directory that is held open, and are the ones that they were: where another has their path
// for a moment, what it lacks is not gone.
Scan scanDirectories(const std::string& directory, const Presence& presence, std::size_t expected) {
    Scan scan;
    scan.files.reserve(expected + 16);
    scan.names.reserve(expected * 64);
    preferLargePages(scan.files);
    preferLargePages(scan.names);
    scan.started = clockNow();
    scan.startedSteady = steadyNow();
    const std::string newPath = directory + "/new", curPath = directory + "/cur";
    const FileDescriptor above(openat(AT_FDCWD, directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    struct stat status {};
    if (!above.isOpen() || fstat(above.get(), &status) != 0) throw Error::fromErrno("cannot list", directory);
    const OpenDirectory newFolder = openBelow(above, "new", newPath), curFolder = openBelow(above, "cur", curPath);
    if (!presence.isDirectory(status) || !curFolder || !presence.isCur(statusOf(curFolder.get(), curPath))) {
        throw Error(ErrorKind::Unavailable, "another directory came in between", directory);
    }
    scan.curTime = statusOf(curFolder.get(), curPath).st_mtim;
    if (newFolder) {
        const struct stat found = statusOf(newFolder.get(), newPath);
        scan.newTime = found.st_mtim;
        scan.newInode = found.st_ino;
    }
    // new/ first: a message moves from new/ to cur/, so it is seen at least once.
    if (newFolder) listInto(scan, newFolder, newPath, true);
    listInto(scan, curFolder, curPath, false);
    struct stat after {};
    const bool isStillMissing = !newFolder && fstatat(above.get(), "new", &after, 0) != 0 && errno == ENOENT;
    scan.isStable = (newFolder ? same(scan.newTime, statusOf(newFolder.get(), newPath).st_mtim) : isStillMissing) &&
                    same(scan.curTime, statusOf(curFolder.get(), curPath).st_mtim);
    return scan;
}

}  // namespace

std::optional<std::size_t> Findings::findUnknown(std::string_view baseName, std::uint64_t hash) const {
    const Uid found =
        unknownIndex.find(hash, [&](Uid entry) { return baseNameOf(unknown[entry.value - 1].fileName) == baseName; });
    if (found.value == 0) return std::nullopt;
    return found.value - 1;
}

void Findings::reserveUnknown(std::size_t files) {
    unknown.reserve(files);
    preferLargePages(unknown);
    unknownIndex.reserve(files);
}

void Findings::addUnknown(FilePlace place, int attempt) {
    unknown.push_back({std::string(place.name), place.isInNew, attempt});
    unknownIndex.insert(NameIndex::hashOf(baseNameOf(place.name)), Uid{static_cast<std::uint32_t>(unknown.size())});
}

bool Mailbox::State::exists(FilePlace place) const {
    struct stat status {};
    const std::string path = pathOf(place.name, place.isInNew);
    if (lstat(path.c_str(), &status) == 0) return S_ISREG(status.st_mode);
    if (errno != ENOENT && errno != ENAMETOOLONG) throw Error::fromErrno("cannot look at", path);
    return false;
}

bool Mailbox::State::timesChangedLocked() const {
    if (!timesAreTrusted) return true;
    return !same(newTime, timeOf(directory + "/new")) || !same(curTime, timeOf(directory + "/cur"));
}

std::uint64_t Mailbox::State::newsOfWatchLocked() const {
    if (!isWatched) return 0;
    options.watcher->drain();
    return feed->newsOfOthers();
}

Findings Mailbox::State::lookLocked() {
    Look look;
    look.snapshot = published();
    const std::vector<UidRow>& rows = pendingRows.rows();
    look.seen.resize(look.snapshot->size());
    look.seenRows.resize(rows.size());
    look.rowEdits.resize(rows.size());
    look.findings.fromRows.reserve(rows.size());
    preferLargePages(look.findings.fromRows);
    Findings& findings = look.findings;
    const auto isMissing = [](const std::vector<std::uint8_t>& seen) {
        return std::find(seen.begin(), seen.end(), 0) != seen.end();
    };
    bool isCertain = false;
    Scan previous;
    constexpr int maxAttempts = 8;
    for (look.attempt = 1; look.attempt <= maxAttempts && !isCertain; ++look.attempt) {
        const std::uint64_t newsBefore = newsOfWatchLocked();
        Scan scan = scanDirectories(directory, presence, std::max(look.snapshot->size(), rows.size()));
        const bool areKnownTimes = same(scan.newTime, newTime) && same(scan.curTime, curTime);
        const std::int64_t since = areKnownTimes ? timesSince : scan.startedSteady;
        const bool isQuiet =
            hasOwnClock ? isSettled(scan, trustedAgeSeconds * secondNanoseconds) : isSettledSince(scan, since);
        if (look.attempt == 1) {
            tellOfLinksLocked(scan);
            findings.newTime = scan.newTime;
            findings.curTime = scan.curTime;
            findings.timesSince = since;
            findings.hasTimes = true;
            findings.timesAreTrusted = isQuiet;
        }
        ++listings;
        const std::size_t known = look.snapshot->size() + rows.size();
        if (scan.files.size() > known) findings.reserveUnknown(scan.files.size() - known);
        matchLocked(scan, look);
        // Rows without a file are mostly those of messages expunged long ago: no second look while all is quiet.
        isCertain = !isMissing(look.seen) && (!isMissing(look.seenRows) || isQuiet);
        if (look.attempt > 1 && !isCertain) {
            const bool isUntold = isWatched && hasOwnClock && newsBefore == newsOfWatchLocked();
            const std::int64_t age = isWatched ? nanosecondsPerTick : trustedAgeSeconds * secondNanoseconds;
            isCertain = isUntold || (hasOwnClock && isSettled(scan, age)) || isQuietSince(previous, scan);
        }
        if (isCertain) requireProofLocked(scan, look);
        if (isCertain || (look.attempt > 1 && !isWatched)) break;
        if (isWatched) {
            waitForTick(scan);
        } else {
            waitForNextTick(scan);
        }
        previous = std::move(scan);
    }
    for (std::size_t row = 0; row < look.seenRows.size(); ++row) {
        if (look.seenRows[row] == 0) goneNames.insert(NameIndex::hashOf(rows[row].baseName));
    }
    findings.unknownIndex.clear();
    // In the order of the rows, which is that of UIDs.
    std::vector<Edit> ordered;
    ordered.reserve(findings.fromRows.size());
    preferLargePages(ordered);
    for (std::size_t row = 0; row < rows.size(); ++row) {
        if (look.seenRows[row] != 0) ordered.push_back(std::move(findings.fromRows[look.rowEdits[row]]));
    }
    findings.fromRows = std::move(ordered);
    // What only an earlier listing had may be gone by now, or have got another base name.
    std::erase_if(findings.unknown, [&](const Findings::Unknown& each) {
        return each.attempt < look.attempt && !exists({each.fileName, each.isInNew});
    });
    if (!isCertain) {
        // Too much is going on to be sure that a message we showed is gone: keep it for now and look again soon.
        findings.timesAreTrusted = false;
        feed->noteOverflow();
        return std::move(look.findings);
    }
    for (std::size_t position = 0; position < look.seen.size(); ++position) {
        if (look.seen[position] != 0) continue;
        const RecordRef record = look.snapshot->at(position);
        findings.edits[record->uid.value] = {*record, std::string(record.fileName()), true};
    }
    return std::move(look.findings);
}

void Mailbox::State::tellOfLinksLocked(const Scan& scan) {
    if (scan.links == 0 || std::exchange(areLinksTold, true)) return;
    if (options.toldOfLinks && !options.toldOfLinks->isFirst(directory)) return;
    logLocked(std::to_string(scan.links) + " of the names in " + directory + " are symbolic links, such as " +
              scan.link +
              ": they are not shown as messages, since a link may lead to any file. Put the files themselves, or hard "
              "links, in their place");
}

void Mailbox::State::requireProofLocked(const Scan& scan, const Look& look) {
    const ino_t before = std::exchange(newInode, scan.newInode != 0 ? scan.newInode : newInode);
    if (before == 0 || scan.newInode == before) return;
    for (std::size_t position = 0; position < look.seen.size(); ++position) {
        if (look.seen[position] != 0 || !look.snapshot->at(position)->isInNew) continue;
        newInode = before;
        if (scan.newInode != 0) endLocked("has another new/ than before");
        throw Error(
            ErrorKind::Unavailable,
            "new/ is missing, and there were messages in it: put it back (if they were removed on purpose, make "
            "an empty one)",
            directory);
    }
}

void Mailbox::State::matchLocked(const Scan& scan, Look& look) {
    constexpr std::size_t batch = 16;
    std::array<std::uint64_t, batch> hashes{};
    for (std::size_t first = 0; first < scan.files.size(); first += batch) {
        const auto files = std::span(scan.files).subspan(first, std::min(batch, scan.files.size() - first));
        for (std::size_t i = 0; i < files.size(); ++i) {
            hashes[i] = NameIndex::hashOf(baseNameOf(scan.place(files[i]).name));
        }
        pendingRows.prefetch(std::span(hashes).first(files.size()));
        for (const std::uint64_t hash : hashes) index.prefetch(hash);
        for (std::size_t i = 0; i < files.size(); ++i) matchFileLocked(look, scan.place(files[i]), hashes[i]);
    }
}

void Mailbox::State::matchFileLocked(Look& look, FilePlace file, std::uint64_t hash) {
    const std::string_view base = baseNameOf(file.name);
    if (base.empty()) return giveFreshNameLocked(look.findings, file, look.attempt);  // ":2,S": nothing to know it by
    // A row that others wrote comes before what we know: they gave a message that went and came back a new UID.
    if (const auto row = pendingRows.find(base, hash)) {
        matchRowLocked(look, *row, file);
    } else if (const auto position = findByNameLocked(*look.snapshot, base, hash)) {
        matchKnownLocked(look, *position, file);
    } else {
        matchUnknownLocked(look, base, hash, file);
    }
}

Edit Mailbox::State::renamedEdit(const RecordRef& known, FilePlace place) const {
    Edit edit{recordFor(known->uid, place.name, place.isInNew, {}), std::string(place.name), false};
    // What the file name does not tell stays as it is.
    edit.record.keywords |= known->keywords & ~lettersMask();
    // Who moves a message from new/ to cur/ has \Recent of it (RFC 3501 2.3.2: one session): if it was another program,
    // not a session of ours.
    edit.record.isRecentUnclaimed = known->isRecentUnclaimed && (place.isInNew || !known->isInNew);
    if (edit.record.recordedStoredOctets == unknownOctets)
        edit.record.recordedStoredOctets = known->recordedStoredOctets;
    if (edit.record.recordedWireOctets == unknownOctets) edit.record.recordedWireOctets = known->recordedWireOctets;
    return edit;
}

void Mailbox::State::matchKnownLocked(Look& look, std::size_t position, FilePlace file) {
    const RecordRef known = look.snapshot->at(position);
    const FilePlace knownPlace{known.fileName(), known->isInNew};
    const auto edit = look.findings.edits.find(known->uid.value);
    const bool isEdited = edit != look.findings.edits.end();
    if (look.seen[position] == look.attempt) {
        const std::string first = isEdited ? edit->second.fileName : std::string(knownPlace.name);
        const bool firstInNew = isEdited ? edit->second.record.isInNew : knownPlace.isInNew;
        if (!takesSecondLocked(look, {first, firstInNew}, file, &knownPlace)) return;
    }
    look.seen[position] = static_cast<std::uint8_t>(look.attempt);
    if (file != knownPlace)
        look.findings.edits[known->uid.value] = renamedEdit(known, file);
    else if (isEdited)
        look.findings.edits.erase(edit);
}

void Mailbox::State::matchRowLocked(Look& look, std::size_t row, FilePlace file) {
    const UidRow& known = pendingRows.rows()[row];
    Edit edit{recordFor(known.uid, file.name, file.isInNew, known.extension), std::string(file.name), false};
    const std::uint8_t seenAt = look.seenRows[row];
    look.seenRows[row] = static_cast<std::uint8_t>(look.attempt);
    std::vector<Edit>& edits = look.findings.fromRows;
    if (seenAt == 0) {
        look.rowEdits[row] = static_cast<std::uint32_t>(edits.size());
        edits.push_back(std::move(edit));
        return;
    }
    Edit& first = edits[look.rowEdits[row]];
    if (seenAt == look.attempt && !takesSecondLocked(look, {first.fileName, first.record.isInNew}, file, nullptr)) {
        return;
    }
    first = std::move(edit);
}

void Mailbox::State::matchUnknownLocked(Look& look, std::string_view base, std::uint64_t hash, FilePlace file) {
    Findings& findings = look.findings;
    if (!isUsableBaseName(base)) {
        giveFreshNameLocked(findings, file, look.attempt);
        return;
    }
    const auto position = findings.findUnknown(base, hash);
    if (!position) {
        findings.reappeared = findings.reappeared || isGoneNameLocked(hash);
        findings.addUnknown(file, look.attempt);
        return;
    }
    const Findings::Unknown first = findings.unknown[*position];
    if (first.attempt == look.attempt && !takesSecondLocked(look, {first.fileName, first.isInNew}, file, nullptr))
        return;
    findings.unknown[*position] = {std::string(file.name), file.isInNew, look.attempt};
}

bool Mailbox::State::takesSecondLocked(Look& look, FilePlace first, FilePlace second, const FilePlace* known) {
    struct stat one {
    }, other{};
    if (lstat(pathOf(second.name, second.isInNew).c_str(), &other) != 0) return false;
    if (lstat(pathOf(first.name, first.isInNew).c_str(), &one) != 0) return true;  // renamed while we listed
    bool prefersSecond = first.isInNew && !second.isInNew;
    if (known != nullptr && first == *known) prefersSecond = false;
    if (known != nullptr && second == *known) prefersSecond = true;
    // Two links are one message. (The other link stays: to tell it from a rename back and forth is not possible.)
    if (one.st_ino != other.st_ino || one.st_dev != other.st_dev) {
        giveFreshNameLocked(look.findings, prefersSecond ? first : second, look.attempt);
    }
    return prefersSecond;
}

void Mailbox::State::giveFreshNameLocked(Findings& findings, FilePlace file, int attempt) {
    const FileNameFacts facts = readFileName(file.name);
    const std::string fresh = withFlags(uniqueBaseName() + ":2,", facts.flags, facts.keywords);
    if (renameMessageLocked(file.name, file.isInNew, fresh, false)) findings.addUnknown({fresh, false}, attempt);
}

}  // namespace maildir
