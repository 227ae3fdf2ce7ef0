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

    // The mailbox at this absolute path, of this tree (nothing: the root is the directory above). Throws NotFound if it
    // is proven to be no Maildir (a directory without cur/ and without mail in new/, or none), Unavailable or
    // NoPermission if that can't be told now, Busy while it is open with the rights of another user (FileIdentity).
    std::shared_ptr<Mailbox> open(const std::string& directory, std::optional<TreePlace> tree = {});
    // The directory was removed or renamed by this process: if it is open, it is marked gone. Mailboxes below it are
    // not meant.
    void forget(const std::string& directory);
    // Throws Unavailable or NoPermission if mailboxes of this tree are open, or were lately, and its root is not there:
    // a new tree in its place would be taken for an empty one.
    void requireRoot(const std::string& root) const;

private:
    struct State;
    std::unique_ptr<State> _state;
};

}  // namespace maildir
