#include "plugins/common/DecoyHash.h"

namespace maildock::common {

namespace {

// Of no password: compares as slowly as those that `mkpasswd` and `doveadm pw` make.
constexpr char commonPassword[] =
    "$6$maildock$aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

}  // namespace

void DecoyHash::note(const std::shared_ptr<const PasswordHash>& hash) {
    const std::string cost = hash->cost();
    const std::lock_guard lock(_mutex);
    if (_seen.size() >= maxCosts && _seen.count(cost) == 0) return;
    Seen& seen = _seen[cost];
    if (!seen.hash) seen.hash = hash;
    if (++seen.count <= _most) return;
    _most = seen.count;
    _prevailing = seen.hash;
}

void DecoyHash::compare(const std::string& password) const {
    std::shared_ptr<const PasswordHash> hash;
    {
        const std::lock_guard lock(_mutex);
        hash = _prevailing;
    }
    if (!hash) hash = PasswordHash::parse(commonPassword, "CRYPT");
    static_cast<void>(isRightPassword(*hash, password));
}

bool isRightPassword(const PasswordHash& hash, const std::string& password) {
    const bool isPossible = !password.empty() && password.size() <= PasswordHash::maxPasswordOctets;
    return hash.matches(isPossible ? password : "x") && isPossible;
}

}  // namespace maildock::common
