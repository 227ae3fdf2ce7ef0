#include "modules/signin/SuccessCache.h"

#include "base/Secret.h"
#include "modules/signin/Digest.h"

namespace maildock::signin {

SuccessCache::SuccessCache(std::chrono::seconds lifetime, std::size_t capacity)
    : _lifetime(lifetime), _capacity(capacity), _key(randomOctets(32)) {}

std::string SuccessCache::digestOf(const Asked& asked) const {
    // Neither a name nor an address has a NUL.
    const std::string_view nul("", 1);
    Secret text;
    text.append(asked.user).append(nul).append(asked.clientAddress).append(nul).append(asked.password);
    return keyedDigest(_key, text.text());
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
