#include "plugins/auth-oauth2/HttpsClient.h"

#include <Poco/Exception.h>
#include <Poco/Net/DNS.h>
#include <Poco/Net/IPAddress.h>
#include <Poco/Net/StreamSocket.h>
#include <Poco/URI.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <poll.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>
#include <vector>

namespace maildock::oauth2 {

namespace {

using Clock = std::chrono::steady_clock;
using Deadline = Clock::time_point;

constexpr std::size_t headOctets = 16384;  // beside the body
constexpr std::size_t maxAddresses = 4;    // of a host, that are tried

std::string lastTlsError() {
    const unsigned long code = ERR_get_error();
    ERR_clear_error();
    const char* const reason = code == 0 ? nullptr : ERR_reason_error_string(code);
    return reason == nullptr ? "the connection was closed" : reason;
}

Poco::Timespan leftUntil(Deadline deadline) {
    const auto left = std::chrono::duration_cast<std::chrono::microseconds>(deadline - Clock::now());
    if (left.count() <= 0) throw Unreachable("no answer in time");
    return Poco::Timespan(left.count());
}

bool isAddress(const std::string& host) {
    Poco::Net::IPAddress address;
    return Poco::Net::IPAddress::tryParse(host, address);
}

std::vector<Poco::Net::IPAddress> addressesOf(const std::string& host) {
    Poco::Net::IPAddress address;
    if (Poco::Net::IPAddress::tryParse(host, address)) return {address};
    try {
        std::vector<Poco::Net::IPAddress> addresses = Poco::Net::DNS::hostByName(host).addresses();
        if (addresses.size() > maxAddresses) addresses.resize(maxAddresses);
        return addresses;
    } catch (const Poco::Exception& e) {
        throw Unreachable(host + " has no address: " + e.displayText());
    }
}

// One connection, without blocking; owned by its user.
class Connection {
public:
    Connection(SSL_CTX* context, const HttpsAddress& address, Deadline deadline) : _deadline(deadline) {
        connect(address);
        _socket.setBlocking(false);
        _ssl.reset(SSL_new(context));
        if (!_ssl || SSL_set_fd(_ssl.get(), _socket.impl()->sockfd()) != 1) throw Unreachable(lastTlsError());
        // RFC 6125 6.4: the certificate has to be for this very host; an address by its own kind of name.
        X509_VERIFY_PARAM* const wanted = SSL_get0_param(_ssl.get());
        const bool isWanted = isAddress(address.host)
                                  ? X509_VERIFY_PARAM_set1_ip_asc(wanted, address.host.c_str()) == 1
                                  : X509_VERIFY_PARAM_set1_host(wanted, address.host.c_str(), 0) == 1 &&
                                        SSL_set_tlsext_host_name(_ssl.get(), address.host.c_str()) == 1;
        if (!isWanted) throw Unreachable("TLS can't be asked to verify the host");
        drive([this] { return SSL_connect(_ssl.get()); }, "TLS handshake");
    }

    void write(const std::string& octets) {
        std::size_t written = 0;
        while (written < octets.size()) {
            const auto left = static_cast<int>(octets.size() - written);
            written += static_cast<std::size_t>(
                drive([&] { return SSL_write(_ssl.get(), octets.data() + written, left); }, "writing"));
        }
    }

    // Until the server closes. Some servers forget to end TLS first; the answer itself says how long it is.
    [[nodiscard]] std::string readAll(std::size_t maxOctets) {
        std::string octets;
        std::array<char, 16384> buffer{};
        for (;;) {
            const int got =
                drive([&] { return SSL_read(_ssl.get(), buffer.data(), static_cast<int>(buffer.size())); }, nullptr);
            if (got <= 0) return octets;
            octets.append(buffer.data(), static_cast<std::size_t>(got));
            if (octets.size() > maxOctets) throw Unreachable("the answer is too large");
        }
    }

private:
    void connect(const HttpsAddress& address) {
        std::string fault = address.host + " has no address";
        const std::vector<Poco::Net::IPAddress> addresses = addressesOf(address.host);
        for (std::size_t i = 0; i < addresses.size(); ++i) {
            // One that swallows everything leaves the others their time.
            const Poco::Timespan left(leftUntil(_deadline).totalMicroseconds() /
                                      static_cast<std::int64_t>(addresses.size() - i));
            try {
                _socket = Poco::Net::StreamSocket();
                _socket.connect(Poco::Net::SocketAddress(addresses[i], address.port), left);
                return;
            } catch (const Poco::Exception& e) {
                fault = e.displayText();
            }
        }
        throw Unreachable(fault);
    }

    // Repeats a call of OpenSSL's until it is done. Returns what it returns; 0 at the end of the connection, if
    // `what` is null and so expects it. Throws Unreachable.
    template <class Call>
    int drive(const Call& call, const char* what) {
        for (;;) {
            ERR_clear_error();
            const int result = call();
            if (result > 0) return result;
            switch (SSL_get_error(_ssl.get(), result)) {
                case SSL_ERROR_WANT_READ:
                    wait(POLLIN);
                    break;
                case SSL_ERROR_WANT_WRITE:
                    wait(POLLOUT);
                    break;
                default:
                    if (what == nullptr) {
                        ERR_clear_error();
                        return 0;
                    }
                    throw Unreachable(std::string(what) + ": " + faultOfTls());
            }
        }
    }

    std::string faultOfTls() {
        const long verified = SSL_get_verify_result(_ssl.get());
        if (verified == X509_V_OK) return lastTlsError();
        ERR_clear_error();
        return std::string("the certificate is not trusted: ") + X509_verify_cert_error_string(verified);
    }

    void wait(short events) {
        pollfd one{_socket.impl()->sockfd(), events, 0};
        const auto milliseconds = std::min<std::int64_t>(leftUntil(_deadline).totalMilliseconds() + 1, 60000);
        if (::poll(&one, 1, static_cast<int>(milliseconds)) < 0 && errno != EINTR)
            throw Unreachable(std::generic_category().message(errno));
    }

    struct Free {
        void operator()(SSL* ssl) const { SSL_free(ssl); }
    };
    const Deadline _deadline;
    Poco::Net::StreamSocket _socket;
    std::unique_ptr<SSL, Free> _ssl;
};

std::string head(const char* method, const HttpsAddress& address) {
    const bool isIpv6 = address.host.find(':') != std::string::npos;
    const std::string host = isIpv6 ? "[" + address.host + "]" : address.host;
    return std::string(method) + " " + address.target + " HTTP/1.1\r\nHost: " + host +
           (address.port == 443 ? "" : ":" + std::to_string(address.port)) +
           "\r\nAccept: application/json\r\nAccept-Encoding: identity\r\nUser-Agent: Maildock\r\nConnection: close\r\n";
}

}  // namespace

HttpsAddress HttpsAddress::parse(const std::string& text) {
    const auto fail = [&text](const std::string& why) -> HttpsAddress {
        throw std::invalid_argument("`" + text + "` " + why);
    };
    if (std::any_of(text.begin(), text.end(), [](char c) { return c <= 0x20 || c == 0x7F; }))
        return fail("is no address: it has blanks, or characters that are not ASCII");
    try {
        const Poco::URI uri(text);
        if (uri.getScheme() != "https") return fail("is no address that begins with https://");
        if (uri.getHost().empty()) return fail("names no host");
        if (!uri.getUserInfo().empty()) return fail("has a user in it: there are keys for that");
        HttpsAddress address;
        address.host = uri.getHost();
        address.port = uri.getPort();
        address.target = uri.getPathAndQuery();
        if (address.target.empty() || address.target[0] != '/') address.target.insert(0, "/");
        address.text = text;
        return address;
    } catch (const Poco::Exception&) {
        return fail("is no address like https://host/path");
    }
}

HttpsClient::HttpsClient(const std::string& caFile, std::chrono::seconds timeout)
    : _timeout(timeout), _context(SSL_CTX_new(TLS_client_method()), SSL_CTX_free) {
    ERR_clear_error();
    if (!_context) throw std::runtime_error("TLS can't be set up: " + lastTlsError());
    SSL_CTX* const context = _context.get();
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    // Servers that close without ending TLS are no error: the answer tells its length.
    SSL_CTX_set_options(context, SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    const int isTaken =
        caFile.empty() ? SSL_CTX_set_default_verify_paths(context) : SSL_CTX_load_verify_file(context, caFile.c_str());
    if (isTaken != 1) {
        throw std::runtime_error(caFile.empty() ? "the system's authorities can't be read: " + lastTlsError()
                                                : caFile + " can't be read as certificates: " + lastTlsError());
    }
}

HttpAnswer HttpsClient::exchange(const HttpsAddress& address, const std::string& request, std::size_t maxOctets) const {
    try {
        Connection connection(_context.get(), address, Clock::now() + _timeout);
        connection.write(request);
        return parseHttpAnswer(connection.readAll(maxOctets + headOctets));
    } catch (const HttpError& e) {
        throw Unreachable(std::string("the answer ") + e.what());
    } catch (const Poco::Exception& e) {
        throw Unreachable(e.displayText());
    }
}

HttpAnswer HttpsClient::get(const HttpsAddress& address, std::size_t maxOctets) const {
    return exchange(address, head("GET", address) + "\r\n", maxOctets);
}

HttpAnswer HttpsClient::post(const HttpsAddress& address, const std::string& authorization, const std::string& body,
                             std::size_t maxOctets) const {
    std::string request = head("POST", address);
    if (!authorization.empty()) request += "Authorization: " + authorization + "\r\n";
    request += "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: " + std::to_string(body.size()) +
               "\r\n\r\n" + body;
    return exchange(address, request, maxOctets);
}

}  // namespace maildock::oauth2
