#include "plugins/auth-oauth2/AcceptedTokens.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <algorithm>
#include <array>
#include <stdexcept>

namespace maildock::oauth2 {

AcceptedTokens::AcceptedTokens(std::chrono::seconds lifetime) : _lifetime(lifetime), _key(32, '\0') {
    if (RAND_bytes(reinterpret_cast<unsigned char*>(_key.data()), static_cast<int>(_key.size())) != 1)
        throw std::runtime_error("OpenSSL has no random octets");
}

std::string AcceptedTokens::digestOf(const std::string& token) const {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned int length = 0;
    HMAC(EVP_sha256(), _key.data(), static_cast<int>(_key.size()), reinterpret_cast<const unsigned char*>(token.data()),
         token.size(), digest.data(), &length);
    return {reinterpret_cast<const char*>(digest.data()), length};
}

void AcceptedTokens::remember(const std::string& token, Accepted accepted, std::optional<std::int64_t> secondsLeft,
                              Clock::time_point now) {
    const auto seconds = std::min<std::int64_t>(_lifetime.count(), secondsLeft.value_or(_lifetime.count()));
    if (seconds <= 0) return;
    std::string digest = digestOf(token);
    const std::lock_guard lock(_mutex);
    if (_entries.size() >= maxTokens) {
        std::erase_if(_entries, [now](const auto& one) { return one.second.until <= now; });
        // All are young: any will do, and its client costs one question more. The digests are in no order that anybody
        // outside knows.
        if (_entries.size() >= maxTokens) _entries.erase(_entries.begin());
    }
    _entries[std::move(digest)] = {std::move(accepted), now + std::chrono::seconds(seconds)};
}

std::optional<AcceptedTokens::Accepted> AcceptedTokens::find(const std::string& token, Clock::time_point now) {
    if (_lifetime.count() == 0) return std::nullopt;
    const std::string digest = digestOf(token);
    const std::lock_guard lock(_mutex);
    const auto found = _entries.find(digest);
    if (found == _entries.end()) return std::nullopt;
    if (found->second.until > now) return found->second.accepted;
    _entries.erase(found);
    return std::nullopt;
}

}  // namespace maildock::oauth2
