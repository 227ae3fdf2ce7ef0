// `maildock check`: everything that is wrong in a configuration, and what may stand in one, without starting anything.
#pragma once

#include <ostream>
#include <string>

namespace maildock {

// Writes one line a finding, then a line with their number. Returns the exit status: 1 if there are errors.
[[nodiscard]] int checkConfiguration(const std::string& configFile, std::ostream& out);

// `maildock check --keys`: every key that the program, its modules and its plugins declare, a line each: name, kind
// with its choices or bounds, default, meaning, separated by tabs. Returns 1, with nothing but the reasons, if a
// library of the configuration can't be asked.
[[nodiscard]] int listKeys(const std::string& configFile, std::ostream& out);

}  // namespace maildock
