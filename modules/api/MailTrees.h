// What a module implements besides Module if it opens users' mail: where it lies. For `maildock check` and the start:
// the module is loaded, but neither prepared nor started. Changes nothing.
#pragma once

#include <functional>
#include <vector>

#include "modules/api/Account.h"
#include "modules/api/Settings.h"

namespace maildock {

class MailTrees {
public:
    // Gives each user to its argument until that says false.
    using Users = std::function<void(const std::function<bool(const Account&)>&)>;

    virtual ~MailTrees() = default;
    // Whether two of these users would get the same mail without anybody having said so. Reads no tree.
    [[nodiscard]] virtual std::vector<Finding> checkUsers(const Settings& settings, const Users& users) const = 0;
};

}  // namespace maildock
