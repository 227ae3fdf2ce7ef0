// What the session knows of commands without knowing any of them: a row a command, and the set that the module hands
// it.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "imapd/parser/Command.h"
#include "imapd/session/Execution.h"
#include "imapd/session/Policy.h"

namespace imapd {

class Session;

struct CommandRow {
    std::size_t argumentsIndex;  // index in the Arguments variant
    std::string_view name;
    bool inNotAuthenticated, inAuthenticated, inSelected;
    bool announcesExpunge;  // false: FETCH, STORE, SEARCH by sequence numbers (RFC 3501 7.4.1); the UID forms may
    bool synchronises;      // news of the selected mailbox is told before its tagged response
    bool onlyLooks;         // that news is all that it is for: if it can't be looked for, the command failed
    bool namesTarget;       // a missing mailbox is a target to be created: [TRYCREATE]
    std::unique_ptr<Execution> (*start)(Session&, Arguments&&);
};

struct CommandSet {
    const CommandRow& (*rowOf)(const Arguments&) = nullptr;
    const CommandRow* (*rowNamed)(std::string_view name) = nullptr;  // by Command::name; null if there is none
    std::optional<Reply> (*refusal)(const Policy&, const Arguments&) = nullptr;  // of what is not offered
    // Says why the message that an APPEND announces is not taken, whatever its octets will be.
    std::optional<Reply> (*appendRefusal)(Session&, const Append&) = nullptr;
    std::string (*capabilities)(const Session&) = nullptr;  // as CAPABILITY lists them, separated by spaces
};

}  // namespace imapd
