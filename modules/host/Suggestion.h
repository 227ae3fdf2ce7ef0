// Finds the known key, or other name, that a misspelt one was probably meant to be.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "modules/api/Settings.h"

namespace maildock::host {

// Insertions, deletions, replacements and swaps of neighbours that make one of the other, case ignored.
[[nodiscard]] std::size_t editDistance(const std::string& left, const std::string& right);

// The nearest declared key, if one is near enough (a quarter of its letters, at most five). Of a family "a.b.*" the
// last component of `unknown` is kept.
[[nodiscard]] std::optional<std::string> nearestKey(const std::string& unknown, const std::vector<KeySpec>& specs);

// The nearest of these names, by the same measure; a name that `unknown` contains, or that contains it, is near too.
[[nodiscard]] std::optional<std::string> nearestName(const std::string& unknown, const std::vector<std::string>& names);

}  // namespace maildock::host
