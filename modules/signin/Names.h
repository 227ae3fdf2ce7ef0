// User names as they are compared: prepared by SASLprep (RFC 4013), so that one name written in several ways is one
// user.
#pragma once

#include <optional>
#include <string>

namespace maildock::signin {

// Nothing for what can be no name: empty, not UTF-8, or with characters that RFC 4013 2.3 prohibits.
[[nodiscard]] std::optional<std::string> preparedName(const std::string& typed);

}  // namespace maildock::signin
