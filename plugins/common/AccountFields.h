// What the back ends of plugins tell of a user, field by field, as Dovecot names the fields: home, uid, gid, mail,
// nologin, allow_nets, each also with "userdb_" before it; all others are kept as they are.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "modules/api/Authenticator.h"
#include "modules/api/Variables.h"

namespace maildock::common {

// Whether a user's name can become part of paths: no '/', no control characters, 255 octets at most. Nothing that
// climbs or hides may come of it.
[[nodiscard]] bool isUsableName(const std::string& name);
// Asks the same of a name that goes to a back end that takes UTF-8 alone.
[[nodiscard]] bool isUsableUtf8Name(const std::string& name);

enum class IdKind { User, Group };
// A number, or the name of a user or group of this machine.
[[nodiscard]] std::optional<std::uint32_t> toId(const std::string& text, IdKind kind);

// At most `most` parts; the last one has the rest.
[[nodiscard]] std::vector<std::string> split(std::string_view text, char separator, std::size_t most);

// Whether the value of a field like nologin means yes: anything but empty, 0, n(o), f(alse).
[[nodiscard]] bool meansYes(const std::string& value);

class AccountFields {
public:
    Account account;
    bool isDisabled = false;  // nologin

    // One field. What it says of home, uid, gid and mail counts once all are set and finish() is called.
    void set(const std::string& key, const std::string& value);
    // Puts home, uid, gid and mail in their places. Returns what is wrong, for the log; empty: nothing.
    std::string finish();
};

// The parts of a user's name as they stand in queries: %u all, %n before the last @, %d behind it. Empty for others.
using maildock::namePart;

}  // namespace maildock::common
