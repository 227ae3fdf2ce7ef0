// The header that a proxy puts before a client's octets to say whom it speaks for: the PROXY protocol, versions 1 and 2
// (proxy-protocol.txt of HAProxy).
//
// Pure: octets in, addresses out. It never asks for an octet behind the header, so that what follows (a TLS handshake)
// is left where it is. Strict: whatever is not as it is written there is malformed, and the connection of no use.
#pragma once

#include <Poco/Net/SocketAddress.h>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace imapd {

class ProxyHeader {
public:
    enum class State { Incomplete, Complete, Malformed };

    // The whole of a header; the additional data of version 2 (TLVs) may fill it.
    static constexpr std::size_t maxOctets = 16 * 1024;

    [[nodiscard]] State state() const { return _state; }
    // How many octets may be read next without reaching past the header; 0 unless Incomplete.
    [[nodiscard]] std::size_t wanted() const;
    // Takes at least one octet, at most wanted().
    void feed(std::string_view octets);
    // Of Malformed: why, for the log.
    [[nodiscard]] const std::string& fault() const { return _fault; }

    // Of Complete: both ends of the client's connection to the proxy; empty if the header names none since the proxy
    // speaks for itself (a health check) or does not know: then the connection's own ends count.
    [[nodiscard]] const std::optional<Poco::Net::SocketAddress>& client() const { return _client; }
    [[nodiscard]] const std::optional<Poco::Net::SocketAddress>& local() const { return _local; }
    // The client speaks TLS with the proxy (PP2_CLIENT_SSL).
    [[nodiscard]] bool isTls() const { return _isTls; }

private:
    void parseLine();
    void parseBinary();
    void parseAdditional(std::size_t at);
    [[nodiscard]] bool hasRightSum(std::size_t at) const;
    [[nodiscard]] std::size_t numberAt(std::size_t at) const;  // 16 bits in network order
    void refuse(const char* fault);

    std::string _octets;
    State _state = State::Incomplete;
    std::string _fault;
    std::optional<Poco::Net::SocketAddress> _client, _local;
    bool _isTls = false;
};

}  // namespace imapd
