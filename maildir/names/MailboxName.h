// The name of a mailbox inside one user's tree: its levels, from the root down, each in UTF-8 without a delimiter.
// INBOX is the single level "INBOX" (spelled so); every other name is kept as it is spelled.
#pragma once

#include <compare>
#include <string>
#include <vector>

namespace maildir {

struct MailboxName {
    std::vector<std::string> levels;

    [[nodiscard]] bool isInbox() const { return levels.size() == 1 && levels.front() == "INBOX"; }
    static MailboxName inbox() { return {{"INBOX"}}; }
    auto operator<=>(const MailboxName&) const = default;
};

}  // namespace maildir
