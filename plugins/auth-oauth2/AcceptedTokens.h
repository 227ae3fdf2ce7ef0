// Tokens that the server found right a moment ago, so that a client's further connections ask it nothing. Kept by a
// keyed digest of the token, never the token. Any thread may ask.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>

namespace maildock::oauth2 {

class AcceptedTokens {
public:
    using Clock = std::chrono::steady_clock;
    static constexpr std::size_t maxTokens = 10000;

    struct Accepted {
        std::string user, claimed;
    };

    // lifetime: 0: nothing is remembered. Throws std::runtime_error if there are no random octets.
    explicit AcceptedTokens(std::chrono::seconds lifetime);

    // secondsLeft: of the token, if it expires.
    void remember(const std::string& token, Accepted accepted, std::optional<std::int64_t> secondsLeft,
                  Clock::time_point now = Clock::now());
    [[nodiscard]] std::optional<Accepted> find(const std::string& token, Clock::time_point now = Clock::now());

private:
    struct Entry {
        Accepted accepted;
        Clock::time_point until;
    };
    [[nodiscard]] std::string digestOf(const std::string& token) const;

    const std::chrono::seconds _lifetime;
    std::string _key;  // random, of this object
    std::mutex _mutex;
    std::map<std::string, Entry> _entries;  // guarded by _mutex
};

}  // namespace maildock::oauth2
