// Counts connections by network, and says whether one more is taken. Any thread.
//
// A network is one customer's: an IPv4 address, or a /64 of IPv6 (signin::countedNetwork()). Those that have not logged
// in yet cost little, but strangers may open as many as they like, from as many networks as they can get (a /48 has
// 65,536). So past `unauthenticated` a stranger's network gets no second one, and past twice that, strangers get none;
// networks from which somebody logged in before have a share of their own and are let in beside any number of them.
#pragma once

#include <cstddef>
#include <list>
#include <map>
#include <mutex>
#include <string>
#include <unordered_map>

namespace imapd {

// 0: no limit.
struct CountLimits {
    std::size_t perNetwork = 0, all = 0, unauthenticated = 0, perUserAndNetwork = 0;
};

class ConnectionCounts {
public:
    // Networks that are remembered; past that the one whose last log-in is longest ago is a stranger again.
    static constexpr std::size_t mostKnownNetworks = 20000;

    // False: it is not taken, and not counted. Paired with depart() of the same address. Between the two, once at
    // most: signedIn().
    bool admit(const std::string& address, const CountLimits& limits);
    void signedIn(const std::string& address);
    void depart(const std::string& address, bool wasSignedIn);
    // Paired with departUser() of the same arguments.
    bool admitUser(const std::string& user, const std::string& address, const CountLimits& limits);
    void departUser(const std::string& user, const std::string& address);

private:
    using Counts = std::map<std::string, std::size_t>;
    [[nodiscard]] bool mayWaitLocked(const std::string& network, const CountLimits& limits) const;
    void rememberLocked(const std::string& network);

    std::mutex _mutex;  // guards what follows
    Counts _byNetwork, _byUserAndNetwork, _unauthenticatedByNetwork;
    std::size_t _connections = 0, _unauthenticated = 0;
    std::list<std::string> _known;  // networks of users; the last log-in longest ago first
    std::unordered_map<std::string, std::list<std::string>::iterator> _knownPlaces;
};

}  // namespace imapd
