// Keyed digests and random octets, for what is remembered of secrets without remembering them.
#pragma once

#include <cstddef>
#include <string>

namespace maildock::signin {

// HMAC-SHA-256 (RFC 2104).
[[nodiscard]] std::string keyedDigest(const std::string& key, const std::string& octets);
// Throws std::runtime_error if the system has none.
[[nodiscard]] std::string randomOctets(std::size_t count);

}  // namespace maildock::signin
