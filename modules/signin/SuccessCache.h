// Passwords that were found right a moment ago, so that a client that opens ten connections costs one hash.
//
// What is kept is a keyed digest of user, client's address and password, with a key of this object alone, and the
// account: a plugin may look at the address too (Authenticator::verifyFrom). An entry counts until its time is up, and
// only as long as the stamp with which it was made is still that of the plugins: a change of a users file forgets all
// that came of it. A reload makes a new object. Any thread; bounded: the oldest goes.
#pragma once

#include <chrono>
#include <cstddef>
#include <list>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "modules/api/Account.h"

namespace maildock::signin {

class SuccessCache {
public:
    using Clock = std::chrono::steady_clock;
    static constexpr std::size_t maxEntries = 10000;

    // A lifetime of zero: nothing is remembered.
    explicit SuccessCache(std::chrono::seconds lifetime, std::size_t capacity = maxEntries);

    struct Asked {
        std::string_view user, clientAddress, password;
    };
    struct Success {
        Verdict verdict;
        std::string by;  // the plugin that decided
    };
    [[nodiscard]] std::optional<Success> find(const Asked& asked, const std::string& stamp,
                                              Clock::time_point now = Clock::now());
    void remember(const Asked& asked, const std::string& stamp, const Success& success,
                  Clock::time_point now = Clock::now());
    [[nodiscard]] bool isInUse() const { return _lifetime.count() != 0; }

private:
    struct Entry {
        std::string digest, stamp;
        Success success;
        Clock::time_point until;
    };
    [[nodiscard]] std::string digestOf(const Asked& asked) const;

    const std::chrono::seconds _lifetime;
    const std::size_t _capacity;
    const std::string _key;
    std::mutex _mutex;          // guards what follows
    std::list<Entry> _entries;  // the oldest first
    std::unordered_map<std::string, std::list<Entry>::iterator> _byDigest;
};

}  // namespace maildock::signin
