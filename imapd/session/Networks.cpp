#include "imapd/session/Networks.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <vector>

namespace imapd {

namespace {

// An address in network order: 4 octets or 16. An IPv4 client of an IPv6 socket ("::ffff:192.0.2.7", RFC 4291 2.5.5.2)
// is the IPv4 client that it is.
using Octets = std::vector<unsigned char>;

std::optional<Octets> octetsOf(const std::string& text) {
    Octets octets(16);
    if (inet_pton(AF_INET, text.c_str(), octets.data()) == 1) {
        octets.resize(4);
        return octets;
    }
    if (inet_pton(AF_INET6, text.c_str(), octets.data()) != 1) return std::nullopt;
    const bool isMapped =
        std::all_of(octets.begin(), octets.begin() + 10, [](unsigned char octet) { return octet == 0; }) &&
        octets[10] == 0xff && octets[11] == 0xff;
    if (isMapped) octets.erase(octets.begin(), octets.begin() + 12);
    return octets;
}

bool isLoopback(const Octets& address) {
    if (address.size() == 4) return address[0] == 127;
    return address == *octetsOf("::1");
}

struct Network {
    Octets base;
    unsigned prefix = 0;  // bits
};

std::optional<Network> networkOf(const std::string& text) {
    const std::size_t slash = text.find('/');
    const std::optional<Octets> base = octetsOf(text.substr(0, slash));
    if (!base) return std::nullopt;
    Network network{*base, static_cast<unsigned>(base->size() * 8)};
    if (slash == std::string::npos) return network;
    const unsigned bits = network.prefix;
    const char* const last = text.data() + text.size();
    const auto [end, error] = std::from_chars(text.data() + slash + 1, last, network.prefix);
    if (error != std::errc() || end != last || network.prefix > bits) return std::nullopt;
    return network;
}

bool isWithinOne(const Octets& address, const std::string& text) {
    if (text == "local") return isLoopback(address);
    const std::optional<Network> network = networkOf(text);
    if (!network || network->base.size() != address.size()) return false;
    for (unsigned bit = 0; bit < network->prefix; bit += 8) {
        const unsigned left = network->prefix - bit;
        const unsigned mask = left >= 8 ? 0xffu : 0xffu & (0xffu << (8 - left));
        if (((address[bit / 8] ^ network->base[bit / 8]) & mask) != 0) return false;
    }
    return true;
}

}  // namespace

bool isWithin(const std::string& address, const std::vector<std::string>& networks) {
    const std::optional<Octets> client = octetsOf(address);
    return client && std::any_of(networks.begin(), networks.end(),
                                 [&client](const std::string& network) { return isWithinOne(*client, network); });
}

bool isNetwork(const std::string& network) {
    return network == "local" || networkOf(network).has_value();
}

}  // namespace imapd
