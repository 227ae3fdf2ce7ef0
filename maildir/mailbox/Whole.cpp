// Whether the mailbox's directories are there. What follows from Presence's verdict: a mailbox that is gone ends; one
// that can't be looked at stays as it was shown, is told of once in the log, and looked at again at each use; and what
// is only missing of a Maildir that is there, empty directories that a program cleaned away, is made again.
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <thread>

#include "maildir/NewMail.h"
#include "maildir/Patience.h"
#include "maildir/mailbox/MailboxState.h"

namespace maildir {

namespace {

constexpr const char* parts[] = {"/new", "/tmp"};

// Another may be quicker.
void makePart(const std::string& path) {
    try {
        makeDirectory(path);
    } catch (const Error& error) {
        if (error.kind() != ErrorKind::AlreadyExists) throw;
    }
}

// Nothing came into the directory and nothing went for a while, by this machine's clock.
bool isUnchanged(const std::string& path) {
    const std::optional<struct stat> status = statusIfThere(path);
    if (!status) return false;
    timespec now{};
    clock_gettime(CLOCK_REALTIME, &now);
    constexpr std::int64_t apart = std::chrono::nanoseconds(Presence::apart).count();
    return nanosecondsOf(now) - nanosecondsOf(status->st_ctim) > apart;
}

bool isOfTheDisk(ErrorKind kind) {
    return kind == ErrorKind::Unavailable || kind == ErrorKind::NoPermission || kind == ErrorKind::Io;
}

}  // namespace

void Mailbox::State::requireLocked() const {
    if (isGone) throw Error(ErrorKind::NotFound, "the mailbox is gone", directory);
}

void Mailbox::State::requireInPlaceLocked() {
    requireLocked();
    if (!presence.isKnown() || presence.isInPlace()) return;
    std::optional<Presence::Verdict> verdict;
    try {
        verdict = presence.judge();
        takeVerdictLocked(*verdict);
    } catch (const Error& error) {
        throw toldLocked(error);
    }
}

void Mailbox::State::takeVerdictLocked(Presence::Verdict verdict) {
    switch (verdict) {
        case Presence::Verdict::Here:
            return;
        case Presence::Verdict::Remounted:
            if (UidList::uidValidityIn(directory) != published()->uidValidity()) {
                throw Error(
                    ErrorKind::Unavailable,
                    "another file system is there than before: mount the one with the mail (or start the server "
                    "anew, if this is the one)",
                    directory);
            }
            presence.remember();
            isTroubled = true;  // watches ended with the mount
            return;
        case Presence::Verdict::CurIsMissing:
            return remakeCurLocked();
        case Presence::Verdict::CurIsAnother:
            if (hasMessagesLocked(false)) endLocked("has another cur/ than before");
            presence.remember();
            isTroubled = true;
            return;
        case Presence::Verdict::Gone:
            endLocked("was removed, or has another name");
        case Presence::Verdict::Replaced:
            endLocked("was replaced by another one");
    }
}

void Mailbox::State::endLocked(const std::string& why) {
    isGone = true;
    if (options.log) options.log("the mailbox " + directory + " " + why + ": its sessions end");
    feed->wakeViewers();
    throw Error(ErrorKind::NotFound, "the mailbox " + why, directory);
}

bool Mailbox::State::hasMessagesLocked(bool inNew) const {
    const std::shared_ptr<const Snapshot> snapshot = published();
    return std::any_of(snapshot->chunks().begin(), snapshot->chunks().end(), [inNew](const auto& chunk) {
        const auto records = chunk->records();
        return std::any_of(records.begin(), records.end(),
                           [inNew](const Record& record) { return record.isInNew == inNew; });
    });
}

void Mailbox::State::remakeCurLocked() {
    // Only an empty directory can be removed, but one with messages can be renamed.
    if (hasMessagesLocked(false)) {
        throw Error(
            ErrorKind::Unavailable,
            "cur/ is missing, and there were messages in it: put it back (if they were removed on purpose, make "
            "an empty one)",
            directory);
    }
    isTroubled = true;
    const auto now = std::chrono::steady_clock::now();
    if (!partsMissingSince) partsMissingSince = now;
    if (now - *partsMissingSince < Presence::apart) {
        throw Error(ErrorKind::Unavailable, "cur/ is missing: it is looked for once more before it is made again",
                    directory);
    }
    makePart(directory + "/cur");
    presence.remember();
    if (options.log) options.log("cur/ was missing in " + directory + " and is made again");
}

void Mailbox::State::requireCurLocked() {
    if (statusIfThere(directory + "/cur")) return;
    if (!hasNewMail(AT_FDCWD, directory)) {
        partsMissingSince.reset();
        throw Error(ErrorKind::NotFound, "no Maildir", directory);
    }
    // A program that makes the directory, or removes it, may be between two of its steps.
    const auto now = std::chrono::steady_clock::now();
    if (!partsMissingSince) partsMissingSince = now;
    const auto left = *partsMissingSince + Presence::apart - now;
    const bool isOwnClock = options.watcher->fileSystemOf(directory).isLocal;
    const bool isAtRest = isOwnClock && isUnchanged(directory) && isUnchanged(directory + "/new");
    if (!isAtRest && left > left.zero()) {
        if (Patience::current() != Patience::Kind::Waits)
            throw Patience::error("cur/ is missing: it is looked for once more before it is made", directory);
        std::this_thread::sleep_for(left);
        return requireCurLocked();
    }
    makePart(directory + "/cur");
    syncDirectory(directory);
    if (options.log) options.log("cur/ was missing in " + directory + ", which has mail in new/, and is made");
}

bool Mailbox::State::mendLocked(bool areNeeded) {
    std::vector<std::string> missing;
    for (const char* const part : parts) {
        if (!statusIfThere(directory + part)) missing.emplace_back(part);
    }
    if (missing.empty()) {
        partsMissingSince.reset();
        return false;
    }
    isTroubled = true;
    const auto now = std::chrono::steady_clock::now();
    if (!partsMissingSince) partsMissingSince = now;
    if (!areNeeded && now - *partsMissingSince < Presence::apart) return false;
    // With messages in it, it could not have been removed.
    if (missing.front() == parts[0] && hasMessagesLocked(true)) return false;
    try {
        for (const std::string& part : missing) makePart(directory + part);
    } catch (const Error& error) {
        // A tree that may only be read is read without them.
        if (areNeeded || error.kind() != ErrorKind::NoPermission) throw;
        return false;
    }
    partsMissingSince.reset();
    if (options.log) options.log(missing.front().substr(1) + "/ was missing in " + directory + " and is made again");
    // The watch of new/ ended with it.
    if (isLoaded) isWatchDue = true;
    timesAreTrusted = false;
    return true;
}

Error Mailbox::State::toldLocked(const Error& error) {
    if (isGone || error.isLogged() || !isOfTheDisk(error.kind())) return error;
    isTroubled = true;
    const std::string text = error.what();
    if (options.log && text != complaint) {
        options.log("cannot look at the mailbox " + directory + ": " + text +
                    "; sessions keep what they show, and are told that it is unavailable");
    }
    complaint = text;
    return error.logged();
}

void Mailbox::State::troubleIsOverLocked() {
    if (!isTroubled || partsMissingSince) return;
    isTroubled = false;
    if (complaint.empty()) return;
    if (options.log) options.log("the mailbox " + directory + " can be looked at again");
    complaint.clear();
}

}  // namespace maildir
