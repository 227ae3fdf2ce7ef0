#include "imapd/commands/NewName.h"

#include <string>

namespace imapd {

std::optional<Reply> refusalOfNewName(const Policy& policy, std::size_t levels, std::size_t characters) {
    if (levels > policy.maxDepth) {
        return Reply::no("A name has at most " + std::to_string(policy.maxDepth) + " levels", "LIMIT");
    }
    if (policy.maxNameLength != 0 && characters > policy.maxNameLength) {
        return Reply::no("A name has at most " + std::to_string(policy.maxNameLength) + " characters", "LIMIT");
    }
    return std::nullopt;
}

}  // namespace imapd
