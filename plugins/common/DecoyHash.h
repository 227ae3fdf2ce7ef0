// What the password of an unknown user is held against, so that the time of an answer does not tell who is known: a
// password that takes as long to compare as most of those seen so far. Any thread may call.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "plugins/common/PasswordHash.h"

namespace maildock::common {

class DecoyHash {
public:
    // Notes the password of a user who exists.
    void note(const std::shared_ptr<const PasswordHash>& hash);
    // Takes the time that a comparison takes.
    void compare(const std::string& password) const;

private:
    static constexpr std::size_t maxCosts = 64;
    struct Seen {
        std::size_t count = 0;
        std::shared_ptr<const PasswordHash> hash;
    };

    mutable std::mutex _mutex;
    std::map<std::string, Seen> _seen;                // guarded by _mutex; by cost
    std::size_t _most = 0;                            // guarded by _mutex
    std::shared_ptr<const PasswordHash> _prevailing;  // guarded by _mutex; null: none was seen
};

// Whether the password is right, for a typed one of any length. Takes as long for any answer.
[[nodiscard]] bool isRightPassword(const PasswordHash& hash, const std::string& password);

}  // namespace maildock::common
