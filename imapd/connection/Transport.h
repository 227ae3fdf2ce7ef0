// Octets to and from one non-blocking socket, plain or through TLS.
//
// Not thread-safe; belongs to the connection whose socket it uses, and does not close the socket.
// OpenSSL is driven directly, since Poco 1.11's secure stream sockets do not work on non-blocking sockets.
#pragma once

#include <openssl/ssl.h>

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "imapd/connection/Conversation.h"

namespace imapd {

class Transport {
public:
    // WantRead, WantWrite: nothing was done, try again when the socket is readable or writable.
    // Eof: the client closed its side in order. Failed: the connection is of no use any more; error() says why.
    enum class Status { Done, WantRead, WantWrite, Eof, Failed };
    struct Result {
        Status status = Status::Done;
        std::size_t octets = 0;
    };

    explicit Transport(int socket) : _socket(socket) {}

    [[nodiscard]] bool isTls() const { return _ssl != nullptr; }
    // The server's side of TLS from here on; handshake() follows. False if OpenSSL is out of memory.
    bool startTls(SSL_CTX* context);
    Status handshake();
    [[nodiscard]] TlsFacts facts() const;

    // At most `size` octets; Done with at least one.
    Result read(char* into, std::size_t size);
    // Done with at least one octet written. After WantRead or WantWrite the next write must begin with the same octets.
    Result write(std::string_view octets);
    // Tells the client that no more comes: close_notify (RFC 8446 6.1), then the end of our side of the TCP connection.
    // WantWrite if the socket is full.
    Status finish();

    // Throws octets away as they lie in the socket, not looked at by TLS, up to a bound: Done if more may be there.
    Status drain();

    [[nodiscard]] std::string error() const { return _error; }

private:
    Status failed(const char* what, int sslResult);
    Status failed(const char* what);

    struct SslFree {
        void operator()(SSL* ssl) const { SSL_free(ssl); }
    };

    int _socket;
    bool _isBroken = false;  // after a fatal TLS error nothing more may be sent through it, close_notify neither
    std::unique_ptr<SSL, SslFree> _ssl;
    std::string _error;
};

}  // namespace imapd
