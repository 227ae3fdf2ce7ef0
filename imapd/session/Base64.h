// Base64 as SASL uses it (RFC 4648 4, strict): no white space, padding required.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace imapd {

std::optional<std::string> decodeBase64(std::string_view text);  // nothing if it is malformed
std::string encodeBase64(std::string_view octets);

}  // namespace imapd
