// Base64 and hexadecimal text to octets, strictly.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace maildock::common {

// RFC 4648 section 4; the padding may be missing, as some generators leave it.
[[nodiscard]] std::optional<std::string> fromBase64(std::string_view text);
[[nodiscard]] std::optional<std::string> fromHex(std::string_view text);

}  // namespace maildock::common
