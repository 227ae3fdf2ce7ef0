#include "imapd/connection/Transport.h"

#include <openssl/err.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <system_error>

#include "base/Secret.h"
#include "imapd/connection/TlsNames.h"

namespace imapd {

namespace {
constexpr std::size_t drainOctets = 256 * 1024;

bool wouldBlock() {
    return errno == EAGAIN || errno == EWOULDBLOCK;
}
}  // namespace

bool Transport::startTls(SSL_CTX* context) {
    ERR_clear_error();
    _ssl.reset(SSL_new(context));
    if (!_ssl || SSL_set_fd(_ssl.get(), _socket) != 1) {
        failed("TLS");
        return false;
    }
    SSL_set_accept_state(_ssl.get());
    return true;
}

Transport::Status Transport::handshake() {
    ERR_clear_error();
    errno = 0;
    const int result = SSL_do_handshake(_ssl.get());
    return result == 1 ? Status::Done : failed("TLS handshake", result);
}

TlsFacts Transport::facts() const {
    TlsFacts facts;
    if (!_ssl) return facts;
    facts.isActive = true;
    facts.protocol = SSL_get_version(_ssl.get());
    facts.cipher = SSL_get_cipher_name(_ssl.get());
    if (const char* name = SSL_get_servername(_ssl.get(), TLSEXT_NAMETYPE_host_name)) facts.serverName = name;
    facts.exporterBinding = tlsExporter(*_ssl);
    facts.uniqueBinding = tlsUnique(*_ssl);
    facts.endPointBinding = tlsServerEndPoint(*_ssl);
    facts.clientCertificate = verifiedClient(*_ssl);
    return facts;
}

Transport::Result Transport::read(char* into, std::size_t size) {
    if (_ssl) {
        std::size_t octets = 0;
        ERR_clear_error();
        errno = 0;
        const int result = SSL_read_ex(_ssl.get(), into, size, &octets);
        if (result == 1) return {Status::Done, octets};
        return {failed("TLS", result), 0};
    }
    for (;;) {
        const ssize_t got = ::recv(_socket, into, size, 0);
        if (got > 0) return {Status::Done, static_cast<std::size_t>(got)};
        if (got == 0) return {Status::Eof, 0};
        if (wouldBlock()) return {Status::WantRead, 0};
        if (errno != EINTR) return {failed("Read"), 0};
    }
}

Transport::Result Transport::write(std::string_view octets) {
    if (_ssl) {
        std::size_t sent = 0;
        ERR_clear_error();
        errno = 0;
        const int result = SSL_write_ex(_ssl.get(), octets.data(), octets.size(), &sent);
        if (result == 1) return {Status::Done, sent};
        return {failed("TLS", result), 0};
    }
    for (;;) {
        const ssize_t sent = ::send(_socket, octets.data(), octets.size(), MSG_NOSIGNAL);
        if (sent >= 0) return {Status::Done, static_cast<std::size_t>(sent)};
        if (wouldBlock()) return {Status::WantWrite, 0};
        if (errno != EINTR) return {failed("Write"), 0};
    }
}

Transport::Status Transport::finish() {
    if (_ssl && !_isBroken && SSL_is_init_finished(_ssl.get())) {
        ERR_clear_error();
        errno = 0;
        const int result = SSL_shutdown(_ssl.get());  // 0: sent, but the client's has not come yet, which is fine
        if (result < 0 && failed("TLS", result) == Status::WantWrite) return Status::WantWrite;
    }
    ::shutdown(_socket, SHUT_WR);
    return Status::Done;
}

Transport::Status Transport::drain() {
    std::array<char, 16 * 1024> scratch;  // NOLINT: filled by recv
    const maildock::WipedAtEnd wiped(scratch.data(), scratch.size());
    for (std::size_t total = 0; total < drainOctets;) {
        const ssize_t got = ::recv(_socket, scratch.data(), scratch.size(), MSG_DONTWAIT);
        if (got == 0) return Status::Eof;
        if (got > 0) {
            total += static_cast<std::size_t>(got);
        } else if (wouldBlock()) {
            return Status::WantRead;
        } else if (errno != EINTR) {
            return failed("Read");
        }
    }
    return Status::Done;
}

Transport::Status Transport::failed(const char* what, int sslResult) {
    const int systemError = errno;  // before anything else touches it
    switch (SSL_get_error(_ssl.get(), sslResult)) {
        case SSL_ERROR_WANT_READ:
            return Status::WantRead;
        case SSL_ERROR_WANT_WRITE:
            return Status::WantWrite;
        case SSL_ERROR_ZERO_RETURN:
            return Status::Eof;  // close_notify
        default:
            break;
    }
    _isBroken = true;
    const unsigned long code = ERR_peek_last_error();
    const char* reason = ERR_reason_error_string(code);
    if (reason != nullptr) {
        _error = std::string(what) + ": " + reason;
    } else {
        _error = std::string(what) + ": " +
                 (systemError != 0 ? std::generic_category().message(systemError) : "the connection was cut");
    }
    ERR_clear_error();
    return Status::Failed;
}

Transport::Status Transport::failed(const char* what) {
    _error = std::string(what) + ": " + std::generic_category().message(errno);
    return Status::Failed;
}

}  // namespace imapd
