// Whether what a token server says of a token lets somebody in, and whom: the claims of a JSON Web Token (RFC 7519 4.1,
// RFC 9068 2.2) or of an answer to introspection (RFC 7662 2.2). Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "plugins/auth-oauth2/Json.h"

namespace maildock::oauth2 {

// Immutable.
struct Rules {
    std::string issuer;                  // empty: any
    std::vector<std::string> audiences;  // one of them has to be the token's; empty: any
    std::vector<std::string> scopes;     // all of them have to be the token's
    std::string userClaim = "email";
    std::string userPattern = "%u";    // what becomes of it: %u, %n, %d
    std::vector<std::string> domains;  // of which it has to be; empty: any
    bool isLowerCased = true;
    bool needsExpiry = true;
    std::int64_t leewaySeconds = 60;
};

struct Judgement {
    bool isAccepted = false;
    bool isScopeMissing = false;         // nothing else is wrong
    std::string user;                    // as far as it could be told
    std::string claimed;                 // the claim itself
    std::optional<std::int64_t> expiry;  // of an accepted one that expires
    std::string reason;                  // for the log; of one that is not accepted
};

// now: seconds since 1970.
[[nodiscard]] Judgement judge(const JsonObject& claims, const Rules& rules, std::int64_t now);

// A name as the rules have it: case and pattern; nothing for what can't be a user's.
[[nodiscard]] std::optional<std::string> userOf(const std::string& claimed, const Rules& rules);
// What is wrong with such a pattern; empty: nothing.
[[nodiscard]] std::string faultOfPattern(const std::string& pattern);

}  // namespace maildock::oauth2
