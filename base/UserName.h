// The name of a user of this system.
#pragma once

#include <pwd.h>
#include <sys/types.h>

#include <array>
#include <string>

namespace maildock {

// His number if he has no name.
inline std::string nameOfUser(uid_t user) {
    std::array<char, 16384> buffer{};
    passwd entry{};
    passwd* found = nullptr;
    const bool isKnown = ::getpwuid_r(user, &entry, buffer.data(), buffer.size(), &found) == 0 && found != nullptr;
    return isKnown ? entry.pw_name : std::to_string(user);
}

}  // namespace maildock
