#include "imapd/connection/ProxyHeader.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <vector>

namespace imapd {

namespace {

using Poco::Net::SocketAddress;

// 2.1: one line of 107 octets at most, with its CRLF.
constexpr std::string_view lineStart = "PROXY ";
constexpr std::size_t maxLineOctets = 107;
// 2.2: the signature, version and command, family and protocol, and how many octets follow.
constexpr std::string_view signature("\r\n\r\n\0\r\nQUIT\n", 12);
constexpr std::size_t fixedOctets = 16;
constexpr std::size_t leastOctets = 12;  // no header is shorter
// 2.2.1 to 2.2.6
constexpr unsigned char typeSum = 0x03, typeTls = 0x20, flagClientTls = 0x01;

bool isPrefixOf(std::string_view text, std::string_view whole) {
    return text.substr(0, whole.size()) == whole.substr(0, text.size());
}

std::optional<std::uint16_t> portOf(std::string_view text) {
    std::uint16_t port = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
    if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    if (text.size() > 1 && text[0] == '0') return std::nullopt;
    return port;
}

SocketAddress addressOf(const in_addr& host, std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr = host;
    address.sin_port = htons(port);
    return {reinterpret_cast<const sockaddr*>(&address), sizeof address};
}

SocketAddress addressOf(const in6_addr& host, std::uint16_t port) {
    sockaddr_in6 address{};
    address.sin6_family = AF_INET6;
    address.sin6_addr = host;
    address.sin6_port = htons(port);
    return {reinterpret_cast<const sockaddr*>(&address), sizeof address};
}

template <typename Host>
std::optional<SocketAddress> addressOf(int family, std::string_view host, std::string_view port) {
    Host octets{};
    const std::optional<std::uint16_t> number = portOf(port);
    if (host.find('\0') != std::string_view::npos) return std::nullopt;  // where inet_pton() would see its end
    if (!number || ::inet_pton(family, std::string(host).c_str(), &octets) != 1) return std::nullopt;
    return addressOf(octets, *number);
}

std::vector<std::string_view> split(std::string_view text) {
    std::vector<std::string_view> words;
    for (;;) {
        const std::size_t space = text.find(' ');
        words.push_back(text.substr(0, space));
        if (space == std::string_view::npos) return words;
        text.remove_prefix(space + 1);
    }
}

// CRC-32C (RFC 3720 12.1), a bit at a time: headers are short.
std::uint32_t crc32c(std::string_view octets) {
    std::uint32_t sum = 0xffffffffU;
    for (const char c : octets) {
        sum ^= static_cast<unsigned char>(c);
        for (int bit = 0; bit < 8; ++bit) sum = (sum >> 1) ^ ((sum & 1) != 0 ? 0x82f63b78U : 0);
    }
    return ~sum;
}

}  // namespace

std::size_t ProxyHeader::wanted() const {
    if (_state != State::Incomplete) return 0;
    if (_octets.size() < leastOctets) return leastOctets - _octets.size();
    if (_octets[0] == lineStart[0]) {
        // At least the end of the line is missing.
        return _octets.back() == '\r' ? 1 : std::min<std::size_t>(2, maxLineOctets - _octets.size());
    }
    if (_octets.size() < fixedOctets) return fixedOctets - _octets.size();
    return fixedOctets + numberAt(14) - _octets.size();
}

void ProxyHeader::feed(std::string_view octets) {
    if (_state != State::Incomplete) return;
    _octets += octets.substr(0, wanted());
    if (isPrefixOf(_octets, lineStart)) {
        parseLine();
    } else if (isPrefixOf(_octets, signature)) {
        parseBinary();
    } else {
        refuse("the connection does not begin with a PROXY header");
    }
}

void ProxyHeader::parseLine() {
    const std::size_t end = _octets.find_first_of("\r\n");
    if (end == std::string::npos || end + 1 == _octets.size()) {
        const bool isBroken = end != std::string::npos && _octets[end] == '\n';
        if (isBroken) refuse("a line end without CR");
        if (_octets.size() >= maxLineOctets) refuse("the line is too long");
        return;
    }
    if (_octets.substr(end) != "\r\n") return refuse("a line end that is not CRLF");
    const std::vector<std::string_view> words = split(std::string_view(_octets).substr(0, end));
    if (words.size() >= 2 && words[1] == "UNKNOWN") {
        _state = State::Complete;  // 2.1: whatever follows is to be ignored
        return;
    }
    if (words.size() != 6) return refuse("not the six words that a line has");
    if (words[1] == "TCP4") {
        _client = addressOf<in_addr>(AF_INET, words[2], words[4]);
        _local = addressOf<in_addr>(AF_INET, words[3], words[5]);
    } else if (words[1] == "TCP6") {
        _client = addressOf<in6_addr>(AF_INET6, words[2], words[4]);
        _local = addressOf<in6_addr>(AF_INET6, words[3], words[5]);
    } else {
        return refuse("a protocol that is none of TCP4, TCP6 and UNKNOWN");
    }
    if (!_client || !_local) return refuse("an address or a port that is none");
    _state = State::Complete;
}

void ProxyHeader::parseBinary() {
    if (_octets.size() < fixedOctets) return;
    const auto command = static_cast<unsigned char>(_octets[12]);
    if (command != 0x20 && command != 0x21) return refuse("an unknown version or command");
    const std::size_t total = fixedOctets + numberAt(14);
    if (total > maxOctets) return refuse("the header is too long");
    if (_octets.size() < total) return;
    if (command == 0x20) {
        _state = State::Complete;  // LOCAL, 2.2: the rest is to be ignored
        return;
    }
    const char* const body = _octets.data() + fixedOctets;
    std::size_t addressOctets = 0;
    switch (static_cast<unsigned char>(_octets[13])) {
        case 0x00:  // the proxy does not know
            break;
        case 0x11:
            addressOctets = 12;
            if (total < fixedOctets + addressOctets) return refuse("no room for its IPv4 addresses");
            {
                std::array<in_addr, 2> hosts{};
                std::memcpy(hosts.data(), body, 8);
                _client = addressOf(hosts[0], static_cast<std::uint16_t>(numberAt(fixedOctets + 8)));
                _local = addressOf(hosts[1], static_cast<std::uint16_t>(numberAt(fixedOctets + 10)));
            }
            break;
        case 0x21:
            addressOctets = 36;
            if (total < fixedOctets + addressOctets) return refuse("no room for its IPv6 addresses");
            {
                std::array<in6_addr, 2> hosts{};
                std::memcpy(hosts.data(), body, 32);
                _client = addressOf(hosts[0], static_cast<std::uint16_t>(numberAt(fixedOctets + 32)));
                _local = addressOf(hosts[1], static_cast<std::uint16_t>(numberAt(fixedOctets + 34)));
            }
            break;
        case 0x31:  // a local socket: no address to go by
            addressOctets = 216;
            if (total < fixedOctets + addressOctets) return refuse("no room for its local addresses");
            break;
        default:
            return refuse("an address family or protocol that is not a stream's");
    }
    parseAdditional(fixedOctets + addressOctets);
}

void ProxyHeader::parseAdditional(std::size_t at) {
    bool hasSum = false;
    while (at < _octets.size()) {
        if (_octets.size() - at < 3) return refuse("additional data that is cut short");
        const auto type = static_cast<unsigned char>(_octets[at]);
        const std::size_t length = numberAt(at + 1);
        at += 3;
        if (_octets.size() - at < length) return refuse("additional data longer than the header");
        if (type == typeSum) {
            if (hasSum || length != 4 || !hasRightSum(at)) return refuse("a wrong checksum");
            hasSum = true;
        } else if (type == typeTls) {
            if (length < 5) return refuse("additional data on TLS that is cut short");
            _isTls = (static_cast<unsigned char>(_octets[at]) & flagClientTls) != 0;
        }
        at += length;
    }
    _state = State::Complete;
}

bool ProxyHeader::hasRightSum(std::size_t at) const {
    std::string zeroed = _octets;
    std::fill_n(zeroed.begin() + static_cast<std::ptrdiff_t>(at), 4, '\0');  // 2.2.3
    std::uint32_t stored = 0;
    std::memcpy(&stored, _octets.data() + at, sizeof stored);
    return crc32c(zeroed) == ntohl(stored);
}

std::size_t ProxyHeader::numberAt(std::size_t at) const {
    return static_cast<std::size_t>(static_cast<unsigned char>(_octets[at])) << 8 |
           static_cast<unsigned char>(_octets[at + 1]);
}

void ProxyHeader::refuse(const char* fault) {
    _state = State::Malformed;
    _fault = fault;
    _client.reset();
    _local.reset();
    _isTls = false;
}

}  // namespace imapd
