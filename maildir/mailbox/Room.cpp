// A mailbox on a full disk (or one with a quota, or without inodes), or on a file system that is read-only. What needs
// no room goes on: it is opened, read, its flags are changed, messages are expunged; who may empty it must be able to.
// Messages that have no UID yet wait: nobody is shown them, since a UID has to be on disk before a client hears of it.
// A mailbox that was never opened has no UIDs at all: they are given in memory, and it is shown read-only, with a
// UIDVALIDITY that it keeps once its list can be written.
#include <fcntl.h>
#include <unistd.h>

#include "maildir/SteadyTime.h"
#include "maildir/mailbox/MailboxState.h"
#include "maildir/names/CourierTakeover.h"

namespace maildir {

namespace {

// A look at the whole mailbox is made as often as that, for as long as there is no room.
constexpr std::int64_t askAgainMilliseconds = 2000;

}  // namespace

void Mailbox::State::logLocked(const std::string& line) const {
    if (options.log) options.log(line);
}

bool Mailbox::State::isToAskForRoom() const {
    return awaitsRoom && steadyMilliseconds() - askedForRoomAt >= askAgainMilliseconds;
}

bool Mailbox::State::canWait(const Error& error) const {
    if (error.kind() == ErrorKind::OverQuota) return true;
    return error.kind() == ErrorKind::NoPermission &&
           faccessat(AT_FDCWD, (directory + "/cur").c_str(), W_OK, AT_EACCESS) != 0;
}

void Mailbox::State::waitForRoomLocked(Findings& findings, const Error& error) {
    const std::string why = " (" + std::string(error.what()) + ")";
    if (published()->uidValidity().value == 0 && !list.exists()) {
        // Courier's UIDs are to be taken over: others must not come before them.
        if (needsCourierTakeOver(directory)) throw Error(error);
        findings = lookLocked();
        list.begin(freshUidValidity());
        (void)numberLocked(findings);
        isProvisional = true;
        logLocked(directory + " was never opened before, and its UIDs can't be written" + why +
                  ": it is shown read-only until they can");
    } else if (!awaitsRoom) {
        logLocked("new messages of " + directory + " can't get UIDs" + why + ": they are shown once they can");
    }
    awaitsRoom = true;
    askedForRoomAt = steadyMilliseconds();
    feed->setReminding(true);
    findings.unknown.clear();
    findings.timesAreTrusted = false;
}

void Mailbox::State::roomIsFoundLocked() {
    if (!awaitsRoom) return;
    awaitsRoom = false;
    feed->setReminding(false);
    logLocked("all messages of " + directory + " have UIDs again");
}

}  // namespace maildir
