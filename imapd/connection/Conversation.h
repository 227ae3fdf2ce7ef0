// What talks over one connection: the seam between the octets (this folder) and the protocol (the session).
//
// A Conversation is owned by its connection. Its methods are called by worker threads, never by two at once, and each
// call sees what the calls before it wrote: a Conversation needs no lock for its own state. It must not block: what
// takes long runs elsewhere, while the conversation says `input = false`, and ends with Waker::wake().
// No method is called while the output is full (but shutdown, and of course ended): a client that does not read makes
// no work. What escapes a method as an exception is logged and ends the connection.
#pragma once

#include <Poco/Net/SocketAddress.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace imapd {

// The octets that wait to be sent to the client. Only append to buffer(): its front is on its way to the socket.
class Output {
public:
    static constexpr std::size_t fullOctets = 128 * 1024;

    [[nodiscard]] std::string& buffer() { return _buffer; }
    // Enough for now: produce no more, say Wants::again instead.
    [[nodiscard]] bool isFull() const { return pendingOctets() >= fullOctets; }
    [[nodiscard]] std::size_t pendingOctets() const { return _buffer.size() - _sent; }

    // For the connection: what is to be sent next, and that `octets` of it went out. Without pending octets the buffer
    // holds no memory.
    [[nodiscard]] std::string_view pending() const { return std::string_view(_buffer).substr(_sent); }
    void consume(std::size_t octets);

private:
    std::string _buffer;
    std::size_t _sent = 0;  // octets at the front of _buffer that are gone
};

// What the conversation wants next; each answer replaces the one before as a whole.
struct Wants {
    // More octets from the client are welcome. Otherwise none are read from the socket.
    bool input = true;
    // What is read now may hold a password: the connection keeps no octet of it.
    bool isInputSecret = true;
    // Has more output to produce: call again as soon as the output is not full, after other connections had a turn.
    bool again = false;
    // After all output is sent, drop the plaintext not read yet and begin the TLS handshake; ignored when TLS is
    // active already. Octets that converse() was given along with the command are the conversation's to drop
    // (RFC 3501 6.2.1, RFC 9051 11.1: nothing sent before TLS counts afterwards).
    bool startTls = false;
    // After all output is sent, close. The conversation is not called any more, but for ended().
    bool close = false;
    // Call then, even without octets (as soon as the output is not full).
    std::optional<std::chrono::steady_clock::time_point> deadline;
};

// Whom a client's certificate names. Only ever made of a certificate that was verified against the configured
// authorities: what stands here is theirs, not the client's word. UTF-8; names with control characters are left out.
struct CertificateNames {
    std::string subject;              // the whole of it as one line (RFC 4514): "CN=anna,O=Example"; for the log
    std::string commonName;           // the most specific CN of the subject, or empty
    std::vector<std::string> emails;  // rfc822Name of subjectAltName (RFC 5280 4.2.1.6), in the certificate's order
};

struct TlsFacts {
    bool isActive = false;
    std::string protocol;    // as OpenSSL names it: "TLSv1.3"
    std::string cipher;      // "TLS_AES_256_GCM_SHA384"
    std::string serverName;  // the name the client asked for (SNI, RFC 6066 3), or empty; the client's word
    // Octets that name this very TLS connection, for SASL mechanisms that bind to it (SCRAM-*-PLUS), by the type that
    // the mechanism asks for; empty: this type is not to be had here.
    std::string exporterBinding;  // "tls-exporter" (RFC 9266): TLS 1.3
    std::string uniqueBinding;    // "tls-unique" (RFC 5929 3): TLS 1.2 with the extended master secret (RFC 7627)
    std::string endPointBinding;  // "tls-server-end-point" (RFC 5929 4): a hash of the server's certificate
    std::optional<CertificateNames> clientCertificate;  // of a client that showed one
};

struct PeerFacts {
    Poco::Net::SocketAddress client;
    Poco::Net::SocketAddress local;
    bool isTls = false;  // TLS from the start (the imaps port); `tls` is set then
    TlsFacts tls;
    std::uint64_t connectionId = 0;  // unique in this process, from 1
    // A trusted proxy spoke for the client: `client` and `local` are the ends of the connection between those two, and
    // this tells whether they speak TLS.
    bool isProxied = false;
    bool isTlsAtProxy = false;
};

// What a Waker wakes. Implemented by the connection, and by tests.
class Wakeable {
public:
    virtual ~Wakeable() = default;
    virtual void wake() noexcept = 0;
};

// Makes the conversation's converse() be called soon, by a worker thread, never inline. Copies may be kept and used by
// any thread, under any lock, and after the connection is gone: then wake() does nothing.
class Waker {
public:
    Waker() = default;
    explicit Waker(std::weak_ptr<Wakeable> target) : _target(std::move(target)) {}
    void wake() const noexcept {
        if (const std::shared_ptr<Wakeable> target = _target.lock()) target->wake();
    }

private:
    std::weak_ptr<Wakeable> _target;
};

class Conversation {
public:
    virtual ~Conversation() = default;

    // Writes the greeting. On the imaps port this comes after the handshake.
    virtual Wants begin(Output& out) = 0;
    // Takes all octets of `input`, keeping what it can't use yet in bounded buffers of its own; `input` is empty when
    // this is a wake-up, a passed deadline, or the next turn after Wants::again.
    virtual Wants converse(std::string_view input, Output& out) = 0;
    // The handshake asked for by Wants::startTls is done. (If it fails, ended() is all that follows.)
    virtual Wants tlsStarted(const TlsFacts& facts, Output& out) = 0;
    // The server stops: writes BYE. The connection closes when all output is sent, or its time is up. The output may be
    // full, and may end within a response.
    virtual void shutdown(Output& out) = 0;
    // The connection is gone; the last call. Called once, also after an exception of another method.
    virtual void ended() noexcept = 0;
};

// Called by a worker when a client has connected (on the imaps port: and its handshake is done), followed by begin().
// An exception is logged and closes the connection.
using ConversationFactory = std::function<std::unique_ptr<Conversation>(const PeerFacts&, Waker)>;

}  // namespace imapd
