#include "imapd/session/ConnectionCounts.h"

#include <algorithm>

#include "modules/signin/CountedNetwork.h"

namespace imapd {

using maildock::signin::countedNetwork;

namespace {

std::size_t countOf(const std::map<std::string, std::size_t>& counts, const std::string& key) {
    const auto found = counts.find(key);
    return found == counts.end() ? 0 : found->second;
}

void countDown(std::map<std::string, std::size_t>& counts, const std::string& key) {
    if (const auto found = counts.find(key); found != counts.end() && --found->second == 0) counts.erase(found);
}

}  // namespace

bool ConnectionCounts::mayWaitLocked(const std::string& network, const CountLimits& limits) const {
    const std::size_t most = limits.unauthenticated;
    if (most == 0 || _unauthenticated < most) return true;
    const std::size_t waiting = countOf(_unauthenticatedByNetwork, network);
    // A whole office comes back at once: some of it is let in, the others as those have logged in.
    if (_knownPlaces.contains(network)) return waiting < std::max<std::size_t>(1, most / 4);
    return waiting == 0 && _unauthenticated < 2 * most;
}

bool ConnectionCounts::admit(const std::string& address, const CountLimits& limits) {
    const std::string network = countedNetwork(address);
    const std::lock_guard lock(_mutex);
    if (limits.perNetwork != 0 && countOf(_byNetwork, network) >= limits.perNetwork) return false;
    if (limits.all != 0 && _connections >= limits.all) return false;
    // All connections have a limit too: strangers leave a quarter to those who are known.
    const bool isStranger = !_knownPlaces.contains(network);
    const std::size_t quarter = limits.all / 4;
    if (limits.all != 0 && isStranger && _unauthenticated >= limits.all - quarter) return false;
    if (!mayWaitLocked(network, limits)) return false;
    ++_byNetwork[network];
    ++_connections;
    ++_unauthenticatedByNetwork[network];
    ++_unauthenticated;
    return true;
}

void ConnectionCounts::rememberLocked(const std::string& network) {
    if (const auto place = _knownPlaces.find(network); place != _knownPlaces.end()) {
        _known.splice(_known.end(), _known, place->second);
        return;
    }
    if (_known.size() >= mostKnownNetworks) {
        _knownPlaces.erase(_known.front());
        _known.pop_front();
    }
    _known.push_back(network);
    _knownPlaces.emplace(network, std::prev(_known.end()));
}

void ConnectionCounts::signedIn(const std::string& address) {
    const std::string network = countedNetwork(address);
    const std::lock_guard lock(_mutex);
    --_unauthenticated;
    countDown(_unauthenticatedByNetwork, network);
    rememberLocked(network);
}

void ConnectionCounts::depart(const std::string& address, bool wasSignedIn) {
    const std::string network = countedNetwork(address);
    const std::lock_guard lock(_mutex);
    if (!wasSignedIn) {
        --_unauthenticated;
        countDown(_unauthenticatedByNetwork, network);
    }
    --_connections;
    countDown(_byNetwork, network);
}

bool ConnectionCounts::admitUser(const std::string& user, const std::string& address, const CountLimits& limits) {
    const std::string key = user + "\n" + countedNetwork(address);
    const std::lock_guard lock(_mutex);
    if (limits.perUserAndNetwork != 0 && countOf(_byUserAndNetwork, key) >= limits.perUserAndNetwork) return false;
    ++_byUserAndNetwork[key];
    return true;
}

void ConnectionCounts::departUser(const std::string& user, const std::string& address) {
    const std::string key = user + "\n" + countedNetwork(address);
    const std::lock_guard lock(_mutex);
    countDown(_byUserAndNetwork, key);
}

}  // namespace imapd
