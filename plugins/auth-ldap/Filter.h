// The search filter of the admin's with the parts of a user's name in it, escaped (RFC 4515 section 3): a name can
// never change what the filter asks.
#pragma once

#include <string>

namespace maildock::ldap {

// %u, %n and %d become the name and its parts, %% a percent sign.
[[nodiscard]] std::string filterFor(const std::string& pattern, const std::string& user);

// What can be seen to be wrong with a filter; empty: nothing.
[[nodiscard]] std::string faultOfFilter(const std::string& pattern);

}  // namespace maildock::ldap
