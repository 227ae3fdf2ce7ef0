// Makes the password field of a users file, "{SCHEME}data", of a password.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace maildock {

// The schemes, the default one first.
[[nodiscard]] const std::vector<std::string>& passwordSchemes();

// `scheme` in any case; `iterations` are for SCRAM. Throws std::runtime_error with a text for the admin: a scheme that
// is none, a password that it can't hold.
[[nodiscard]] std::string newPassword(const std::string& scheme, const std::string& password, std::uint32_t iterations);

}  // namespace maildock
