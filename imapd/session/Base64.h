// Base64 as SASL uses it (RFC 4648 4, strict): no white space, padding required.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/Secret.h"

namespace imapd {

std::optional<maildock::Secret> decodeBase64(std::string_view text);  // nothing if it is malformed
std::string encodeBase64(std::string_view octets);

}  // namespace imapd
