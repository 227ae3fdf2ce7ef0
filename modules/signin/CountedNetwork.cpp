#include "modules/signin/CountedNetwork.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>

namespace maildock::signin {

std::string countedNetwork(const std::string& address) {
    std::array<unsigned char, 16> octets{};
    // Without the zone of a link-local address (RFC 4007 11), which is this machine's name for an interface.
    if (inet_pton(AF_INET6, address.substr(0, address.find('%')).c_str(), octets.data()) != 1) return address;
    static constexpr std::array<unsigned char, 12> mapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    std::array<char, INET6_ADDRSTRLEN> text{};
    if (std::equal(mapped.begin(), mapped.end(), octets.begin()))
        return inet_ntop(AF_INET, octets.data() + 12, text.data(), text.size());
    std::fill(octets.begin() + 8, octets.end(), static_cast<unsigned char>(0));
    return inet_ntop(AF_INET6, octets.data(), text.data(), text.size());
}

}  // namespace maildock::signin
