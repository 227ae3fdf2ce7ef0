// What checkpassword programs say by their environment, as the plugin's reply program passes it on.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace maildock::checkpassword {

constexpr int inputDescriptor = 3, replyDescriptor = 4;
constexpr std::size_t maxReplyOctets = 32 * 1024;

using Environment = std::map<std::string, std::string>;

// "NAME=value", each ended by NUL, and an empty one at the end, which shows that the reply is whole.
[[nodiscard]] std::string encode(const Environment& environment);
// Nothing if it is not whole, or too long.
[[nodiscard]] std::optional<Environment> decode(std::string_view reply);

}  // namespace maildock::checkpassword
