#include "modules/signin/SuccessCache.h"

#include <cstring>

#include "modules/signin/Digest.h"

namespace maildock::signin {

SuccessCache::SuccessCache(std::chrono::seconds lifetime, std::size_t capacity)
    : _lifetime(lifetime), _capacity(capacity), _key(randomOctets(32)) {}

std::string SuccessCache::digestOf(const Asked& asked) const {
    // Neither a name nor an address has a NUL.
    std::string text;
    text.reserve(asked.user.size() + asked.clientAddress.size() + asked.password.size() +
                 2);  // growth would leave copies
    text.append(asked.user).append(1, '\0').append(asked.clientAddress).append(1, '\0').append(asked.password);
    std::string digest = keyedDigest(_key, text);
    ::explicit_bzero(text.data(), text.size());
    return digest;
}

std::optional<SuccessCache::Success> SuccessCache::find(const Asked& asked, const std::string& stamp,
                                                        Clock::time_point now) {
    const std::string digest = digestOf(asked);
    const std::lock_guard lock(_mutex);
    const auto found = _byDigest.find(digest);
    if (found == _byDigest.end()) return std::nullopt;
    if (found->second->until > now && found->second->stamp == stamp) return found->second->success;
    _entries.erase(found->second);
    _byDigest.erase(found);
    return std::nullopt;
}

void SuccessCache::remember(const Asked& asked, const std::string& stamp, const Success& success,
                            Clock::time_point now) {
    if (!isInUse()) return;
    std::string digest = digestOf(asked);
    const std::lock_guard lock(_mutex);
    if (const auto found = _byDigest.find(digest); found != _byDigest.end()) {
        _entries.erase(found->second);
        _byDigest.erase(found);
    }
    while (!_entries.empty() && (_entries.size() >= _capacity || _entries.front().until <= now)) {
        _byDigest.erase(_entries.front().digest);
        _entries.pop_front();
    }
    _entries.push_back({digest, stamp, success, now + _lifetime});
    _byDigest.emplace(std::move(digest), std::prev(_entries.end()));
}

}  // namespace maildock::signin
