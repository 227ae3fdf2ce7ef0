// The syntax of setting values, one function a kind; pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "modules/api/Settings.h"

namespace maildock::host::values {

// true/false, yes/no, on/off, 1/0 in any case.
[[nodiscard]] std::optional<bool> toBoolean(const std::string& text);
// Decimal, optional sign, optional k, m or g (1024s, any case); nullopt past 64 bits too.
[[nodiscard]] std::optional<std::int64_t> toNumber(const std::string& text);
// Decimal, optional s, m, h or d.
[[nodiscard]] std::optional<std::int64_t> toSeconds(const std::string& text);
// Comma-separated; blanks around items and empty items are dropped.
[[nodiscard]] std::vector<std::string> toList(const std::string& text);
// "host:port", "[::1]:port" or "*:port", port 0 to 65535 (0: the system picks one).
[[nodiscard]] bool isAddress(const std::string& text);

// Why `text` is no value of this key, for the admin; nullopt if it is one. An empty value is one of Text, List, Path
// and Address (nothing), and of no other kind.
[[nodiscard]] std::optional<std::string> faultOf(const KeySpec& spec, const std::string& text);

}  // namespace maildock::host::values
