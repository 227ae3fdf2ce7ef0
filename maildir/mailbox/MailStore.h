// The open mailboxes of the process, by directory: gives the one shared Mailbox of each, and keeps recently closed ones
// (watched, so that reopening one after a delivery lists no directory) within a budget. Where there is a cache folder,
// a thread writes what is known of them there, soon after it has changed and when they are closed. Any thread.
#pragma once

#include <memory>
#include <string>

#include "maildir/mailbox/Mailbox.h"

namespace maildir {

class MailStore {
public:
    // keptRecords: how many message records of closed mailboxes may stay in memory, in all.
    MailStore(Mailbox::Options options, std::size_t keptRecords);
    ~MailStore();

    // The mailbox at this absolute path; throws NotFound if it is no Maildir (has no cur/), Busy while it is open with
    // the rights of another user (FileIdentity).
    std::shared_ptr<Mailbox> open(const std::string& directory);
    // The directory, and all below it, was removed or renamed: those open are marked gone.
    void forget(const std::string& directory);

private:
    struct State;
    std::unique_ptr<State> _state;
};

}  // namespace maildir
