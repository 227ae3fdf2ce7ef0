// What a module implements besides Module if it opens users' mail: where it lies, and what is there. For `maildock
// check`, `maildock auth test` and the start: the module is loaded, but neither prepared nor started. Changes nothing.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "modules/api/Account.h"
#include "modules/api/Settings.h"

namespace maildock {

// One user's tree, as it looks to whoever runs this.
struct TreeReport {
    std::string folder;    // empty: where it would be can't be told
    bool isThere = false;  // as a Maildir
    std::string owner;     // "user:group, mode 0700" of the folder; empty: there is none
    std::uint64_t inboxMessages = 0;
    bool isWholeCount = true;       // false: there are more, and the time was over
    std::vector<Finding> findings;  // the same text for the same fault of each user, so that they can be counted
};

class MailTrees {
public:
    // Gives each user to its argument until that says false.
    using Users = std::function<void(const std::function<bool(const Account&)>&)>;

    virtual ~MailTrees() = default;
    // Whether two of these users would get the same mail without anybody having said so. Reads no tree.
    [[nodiscard]] virtual std::vector<Finding> checkUsers(const Settings& settings, const Users& users) const = 0;
    // Looks at a user's tree, with the rights that count for it, until the deadline at the latest but for what a single
    // call of the system takes. Never throws for what is the user's or the tree's fault.
    [[nodiscard]] virtual TreeReport lookAtTree(const Settings& settings, const Account& account,
                                                std::chrono::steady_clock::time_point deadline) const = 0;
};

}  // namespace maildock
