#include "modules/signin/Guesses.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "modules/signin/CountedNetwork.h"
#include "modules/signin/Digest.h"

namespace maildock::signin {

// --- Scores

double Scores::scoreOf(const Entry& entry, Clock::time_point now) const {
    const std::chrono::duration<double> since = now - entry.at;
    return std::max(0.0, entry.score - since.count() / static_cast<double>(_forgiveness.count()));
}

double Scores::of(const std::string& name, Clock::time_point now) const {
    const auto found = _byName.find(name);
    return found == _byName.end() ? 0 : scoreOf(*found->second, now);
}

void Scores::add(const std::string& name, std::uint64_t what, Clock::time_point now) {
    const auto found = _byName.find(name);
    if (found == _byName.end()) {
        while (_entries.size() >= _capacity) {
            _byName.erase(_entries.front().name);
            _entries.pop_front();
        }
        _entries.push_back({name, 0, now, {}, 0});
        _byName.emplace(name, std::prev(_entries.end()));
    } else {
        _entries.splice(_entries.end(), _entries, found->second);
    }
    Entry& entry = _entries.back();
    const bool isKnown = what != 0 && std::find(entry.tried.begin(), entry.tried.end(), what) != entry.tried.end();
    entry.score = scoreOf(entry, now) + (isKnown ? 0 : 1);
    entry.at = now;
    if (what != 0 && !isKnown) entry.tried[entry.next++ % entry.tried.size()] = what;
}

void Scores::clear(const std::string& name) {
    const auto found = _byName.find(name);
    if (found == _byName.end()) return;
    _entries.erase(found->second);
    _byName.erase(found);
}

// --- Guesses

Guesses::Guesses(const Limits& limits)
    : _limits(limits),
      _key(randomOctets(32)),
      _addresses(limits.forgiveness, limits.capacity),
      _users(limits.forgiveness, limits.capacity),
      _known(limits.forgiveness, limits.capacity) {}

Guesses::Refusal Guesses::begin(const std::string& address, const std::string& user, Hold& hold,
                                Clock::time_point now) {
    hold = Hold();
    const std::string where = countedNetwork(address);
    const std::string counted = _limits.perAddress == 0 ? "" : where;
    const std::string name = _limits.perUser == 0 ? "" : user;
    const std::lock_guard lock(_mutex);
    const auto isOver = [&](const Scores& scores, const char* kind, const std::string& who, std::size_t limit) {
        const auto working = _working.find(kind + who);
        const std::size_t count = working == _working.end() ? 0 : working->second;
        return scores.of(who, now) + static_cast<double>(count) > static_cast<double>(limit) - 1 + 1e-9;
    };
    if (!counted.empty() && isOver(_addresses, "a", counted, _limits.perAddress)) return Refusal::Address;
    const bool isAtHome = !name.empty() && _known.of(pair(where, name), Clock::time_point()) > 0;
    if (!name.empty() && !isAtHome && isOver(_users, "u", name, _limits.perUser)) return Refusal::User;
    if (!counted.empty()) ++_working["a" + counted];
    if (!name.empty()) ++_working["u" + name];
    Hold next(*this, counted, name, where);
    std::swap(hold, next);
    return Refusal::None;
}

double Guesses::nearness(const std::string& address, Clock::time_point now) {
    if (_limits.perAddress == 0 || address.empty()) return 0;
    const std::lock_guard lock(_mutex);
    return std::min(1.0, _addresses.of(countedNetwork(address), now) / static_cast<double>(_limits.perAddress));
}

Guesses::Hold::Hold(Guesses& guesses, std::string address, std::string user, std::string where)
    : _guesses(&guesses), _address(std::move(address)), _user(std::move(user)), _where(std::move(where)) {}

Guesses::Hold::Hold(Hold&& other) noexcept
    : _guesses(std::exchange(other._guesses, nullptr)),
      _address(std::move(other._address)),
      _user(std::move(other._user)),
      _where(std::move(other._where)) {}

Guesses::Hold& Guesses::Hold::operator=(Hold&& other) noexcept {
    std::swap(_guesses, other._guesses);
    std::swap(_address, other._address);
    std::swap(_user, other._user);
    std::swap(_where, other._where);
    return *this;
}

void Guesses::Hold::failed(const std::string& tried, Clock::time_point now) {
    if (_guesses == nullptr) return;
    {
        std::uint64_t what = 0;
        if (!tried.empty()) std::memcpy(&what, keyedDigest(_guesses->_key, tried).data(), sizeof what);
        const std::lock_guard lock(_guesses->_mutex);
        if (!_address.empty()) _guesses->_addresses.add(_address, what, now);
        if (!_user.empty()) _guesses->_users.add(_user, what, now);
    }
    release();
}

void Guesses::Hold::succeeded(Clock::time_point now) {
    if (_guesses == nullptr) return;
    if (!_user.empty()) {
        const std::lock_guard lock(_guesses->_mutex);
        const std::string both = pair(_where, _user);
        _guesses->_known.clear(both);
        _guesses->_known.add(both, 0, now);
    }
    release();
}

void Guesses::Hold::release() {
    if (_guesses == nullptr) return;
    const std::lock_guard lock(_guesses->_mutex);
    for (const std::string& name : {"a" + _address, "u" + _user}) {
        const auto working = _guesses->_working.find(name);
        if (name.size() > 1 && working != _guesses->_working.end() && --working->second == 0)
            _guesses->_working.erase(working);
    }
    _guesses = nullptr;
}

}  // namespace maildock::signin
