// What plugins tell of users, and their verdicts.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace maildock {

// What a plugin tells of a user. Empty members: not told.
struct Account {
    std::string user;  // the canonical name, which may differ from what the client typed
    std::optional<std::uint32_t> uid, gid;
    std::string home;
    std::string mailLocation;                  // overrides mail.location
    std::vector<std::string> allowedNetworks;  // CIDR; empty: any
    std::map<std::string, std::string> extra;  // as told, such as quota_rule
};

enum class Outcome {
    Success,
    WrongPassword,
    UnknownUser,
    Disabled,         // known, may not sign in (nologin, expired)
    TemporaryFailure  // the plugin's back end can't be asked: never "wrong password"
};

struct Verdict {
    Outcome outcome = Outcome::UnknownUser;
    Account account;     // on Success
    std::string reason;  // for the log
};

}  // namespace maildock
