// A JSON Web Token, taken apart (RFC 7519, RFC 7515 7.1). Pure: that it is well formed says nothing of who made it.
#pragma once

#include <string>
#include <string_view>

#include "plugins/auth-oauth2/Json.h"

namespace maildock::oauth2 {

struct Jwt {
    std::string algorithm, keyId;  // as its header says; keyId may be empty
    JsonObject claims;             // not to be believed yet
    std::string_view signedText;   // of the text that was parsed
    std::string signature;
};

// Throws JsonError with what is wrong, which holds nothing of the token.
[[nodiscard]] Jwt parseJwt(std::string_view token);

}  // namespace maildock::oauth2
