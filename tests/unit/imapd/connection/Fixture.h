// What the tests of imapd/connection share: a toy conversation, blocking clients, certificates made on the spot.
#pragma once

#include <Poco/Logger.h>
#include <openssl/ssl.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "imapd/connection/Conversation.h"
#include "imapd/connection/Listener.h"
#include "imapd/connection/Scheduler.h"
#include "imapd/connection/TlsContexts.h"

namespace imapd::test {

// What a test sees of the conversations.
class Probe {
public:
    std::atomic<int> begun = 0;
    std::atomic<int> ended = 0;
    std::atomic<int> tlsStarted = 0;
    std::atomic<std::uint64_t> produced = 0;  // octets by BIG
    std::atomic<bool> overlapped = false;     // two threads in one conversation
    std::atomic<bool> staysFull = false;      // called while the output was full
    std::atomic<int> steps = 0;               // of WORK
    std::atomic<int> inside = 0;              // STARTTLS and HOLD wait inside converse() for `release`
    std::atomic<bool> release = true;

    struct Wakes {
        Waker waker;
        std::atomic<std::uint64_t> asked = 0;
        std::atomic<std::uint64_t> seen = 0;
    };
    std::shared_ptr<Wakes> wakes(std::size_t index);
    std::shared_ptr<Wakes> addWakes(const Waker& waker);
    void addFacts(const PeerFacts& facts, const TlsFacts& tls);
    PeerFacts lastPeer();
    TlsFacts lastTls();

    // Wakes await().
    void changed();
    // False if it does not come true within 20 seconds.
    bool await(const std::function<bool()>& condition);

private:
    std::mutex _mutex;
    std::condition_variable _changed;
    std::vector<std::shared_ptr<Wakes>> _wakes;
    PeerFacts _peer;
    TlsFacts _tls;
};

// Lines in, lines out: ECHO text, BIG octets, WAIT (no input until woken), TIMER ms, STARTTLS, HOLD, WORK steps ms
// (that each takes), THROW, QUIT.
class ToyConversation : public Conversation {
public:
    ToyConversation(Probe& probe, const PeerFacts& peer, const Waker& waker);

    Wants begin(Output& out) override;
    Wants converse(std::string_view input, Output& out) override;
    Wants tlsStarted(const TlsFacts& facts, Output& out) override;
    void shutdown(Output& out) override;
    void ended() noexcept override;

private:
    void line(const std::string& text, Output& out);
    void produce(Output& out);
    void work(Output& out);

    Probe& _probe;
    std::shared_ptr<Probe::Wakes> _wakes;
    std::atomic<bool> _isBusy = false;
    std::string _input;
    std::uint64_t _big = 0;  // octets still to produce
    std::uint64_t _bigAt = 0;
    int _steps = 0;                     // of WORK or HOLD, still to do; each is a turn's
    std::chrono::milliseconds _each{};  // 0: HOLD
    Wants _wants;
};

// The octet at a position of BIG's answer.
inline char bigOctet(std::uint64_t position) {
    return static_cast<char>('a' + position % 23);
}

// A blocking client. Everything times out after 20 seconds, as a failure of the test.
class Client {
public:
    explicit Client(const Poco::Net::SocketAddress& address, int receiveBuffer = 0);
    Client() = default;  // a socket that connects later
    ~Client();
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;

    void open();
    void connect(const Poco::Net::SocketAddress& address);
    std::string serverName = "mail.example.org";  // to ask for (SNI); empty: none
    bool asksForOcsp = false;
    // To show if the server asks for one.
    void useCertificate(const std::string& certificatePath, const std::string& keyPath);
    void startTls(SSL_SESSION* session = nullptr, int maxVersion = 0);
    SSL* ssl() const { return _ssl; }
    void send(std::string_view octets);
    std::string readLine();  // without CRLF; "<EOF>" at the end
    std::string readExactly(std::size_t octets);
    std::string readToEnd();  // "<RESET>" appended if it was no proper end
    void finishSending();
    void reset();      // RST
    void forgetTls();  // frees our side's TLS state, the connection stays
    int descriptor() const { return _socket; }

private:
    std::size_t receive(char* into, std::size_t size);

    int _socket = -1;
    SSL_CTX* _context = nullptr;
    SSL* _ssl = nullptr;
    std::string _certificatePath, _keyPath;
    bool _isReset = false;
    std::string _buffer;
};

// A directory of the test's own, gone with it.
class TempDirectory {
public:
    TempDirectory();
    ~TempDirectory();
    std::string file(const std::string& name) const { return (_path / name).string(); }

private:
    std::filesystem::path _path;
};

// Writes a self-signed certificate with its key.
void makeCertificate(const std::string& certificatePath, const std::string& keyPath, const std::string& name,
                     int validDays = 30, long serial = 1);

// Scheduler and listeners on loopback ports that the system picks.
class Server {
public:
    explicit Server(unsigned workers = 2, const ConnectionLimits& limits = {});
    ~Server();

    Probe probe;
    TempDirectory directory;
    TlsContexts tls;  // looks at its files at each handshake
    std::unique_ptr<Scheduler> scheduler;
    std::unique_ptr<Listener> plain;
    std::unique_ptr<Listener> secure;
    std::unique_ptr<Listener> proxied, proxiedSecure;  // for proxies, which this machine is
    std::atomic<bool> trustsProxies = true;

    void useCertificate(const std::string& name);
    TlsSettings settings() const { return {directory.file("cert.pem"), directory.file("key.pem"), "TLSv1.2", ""}; }
    // Of the lines that `tls` logged.
    bool logged(const std::string& text);
    std::size_t logLines();
    Poco::Net::SocketAddress plainAddress() const { return plain->addresses().front(); }
    Poco::Net::SocketAddress secureAddress() const { return secure->addresses().front(); }
    Poco::Net::SocketAddress proxiedAddress() const { return proxied->addresses().front(); }
    Poco::Net::SocketAddress proxiedSecureAddress() const { return proxiedSecure->addresses().front(); }
    bool awaitNoConnections();

private:
    std::mutex _mutex;
    std::vector<std::string> _log;
};

Poco::Logger& quietLogger();

// Of the certificate that the server showed: SHA-256, and the subject.
std::string certificateHash(const Client& client);
std::string commonName(const Client& client);
// Goes on with the TLS session of `before`, up to the greeting.
void resume(Client& client, const Client& before, int version);

}  // namespace imapd::test
