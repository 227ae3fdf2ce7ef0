#include "tests/unit/imapd/connection/Fixture.h"

#include <cppunit/extensions/HelperMacros.h>
#include <malloc.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <thread>

namespace imapd::test {

namespace {
constexpr int patienceSeconds = 20;
constexpr std::size_t pieceOctets = 8 * 1024;

// One heap for all threads: mallinfo2() counts the main one only. Before any thread begins.
[[maybe_unused]] const int isOneHeap = ::mallopt(M_ARENA_MAX, 1);

void require(bool isTrue, const char* what) {
    if (!isTrue) throw std::runtime_error(std::string(what) + " failed, errno " + std::to_string(errno));
}
}  // namespace

std::shared_ptr<Probe::Wakes> Probe::wakes(std::size_t index) {
    const std::lock_guard<std::mutex> lock(_mutex);
    return _wakes.at(index);
}

std::shared_ptr<Probe::Wakes> Probe::addWakes(const Waker& waker) {
    const std::lock_guard<std::mutex> lock(_mutex);
    _wakes.push_back(std::make_shared<Wakes>());
    _wakes.back()->waker = waker;
    return _wakes.back();
}

void Probe::addFacts(const PeerFacts& facts, const TlsFacts& tls) {
    const std::lock_guard<std::mutex> lock(_mutex);
    _peer = facts;
    _tls = tls;
}

PeerFacts Probe::lastPeer() {
    const std::lock_guard<std::mutex> lock(_mutex);
    return _peer;
}

TlsFacts Probe::lastTls() {
    const std::lock_guard<std::mutex> lock(_mutex);
    return _tls;
}

void Probe::changed() {
    const std::lock_guard<std::mutex> lock(_mutex);
    _changed.notify_all();
}

bool Probe::await(const std::function<bool()>& condition) {
    std::unique_lock<std::mutex> lock(_mutex);
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(patienceSeconds);
    while (!condition()) {
        if (std::chrono::steady_clock::now() >= deadline) return false;
        _changed.wait_for(lock, std::chrono::milliseconds(20));
    }
    return true;
}

ToyConversation::ToyConversation(Probe& probe, const PeerFacts& peer, const Waker& waker)
    : _probe(probe), _wakes(probe.addWakes(waker)) {
    probe.addFacts(peer, peer.tls);
}

Wants ToyConversation::begin(Output& out) {
    out.buffer() += "* OK hello\r\n";
    ++_probe.begun;
    _probe.changed();
    return {};
}

Wants ToyConversation::converse(std::string_view input, Output& out) {
    if (_isBusy.exchange(true)) _probe.overlapped = true;
    if (out.isFull()) _probe.staysFull = true;
    const std::uint64_t asked = _wakes->asked;
    if (_wakes->seen != asked) {
        _wakes->seen = asked;
        if (!_wants.input) out.buffer() += "WOKEN\r\n";
        _wants.input = true;
        _probe.changed();
    }
    if (_wants.deadline && std::chrono::steady_clock::now() >= *_wants.deadline) {
        _wants.deadline.reset();
        out.buffer() += "TICK\r\n";
    }
    _input += input;
    work(out);
    produce(out);
    for (std::size_t end;
         _steps == 0 && _big == 0 && _wants.input && (end = _input.find("\r\n")) != std::string::npos;) {
        const std::string text = _input.substr(0, end);
        _input.erase(0, end + 2);
        line(text, out);
        produce(out);
    }
    const bool hasLine = _steps == 0 && _big == 0 && _wants.input && _input.find("\r\n") != std::string::npos;
    Wants wants = _wants;
    _wants.startTls = false;
    wants.again = _steps > 0 || _big > 0 || hasLine;
    if (_steps > 0 || _big > 0) wants.input = false;
    _isBusy = false;
    return wants;
}

void ToyConversation::line(const std::string& text, Output& out) {
    if (text.starts_with("ECHO ")) {
        out.buffer() += text.substr(5) + "\r\n";
    } else if (text.starts_with("BIG ")) {
        _big = std::stoull(text.substr(4));
        _bigAt = 0;
    } else if (text == "WAIT") {
        _wants.input = false;
        out.buffer() += "WAITING\r\n";
    } else if (text.starts_with("TIMER ")) {
        _wants.deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(std::stoi(text.substr(6)));
        out.buffer() += "SET\r\n";
    } else if (text == "STARTTLS") {
        ++_probe.inside;
        _probe.changed();
        _probe.await([this] { return _probe.release.load(); });
        out.buffer() += "BEGIN\r\n";
        _wants.startTls = true;
        _input.clear();
    } else if (text == "HOLD") {
        _steps = 2;
        _each = {};
    } else if (text.starts_with("WORK ")) {
        std::size_t end = 0;
        _steps = std::stoi(text.substr(5), &end);
        _each = std::chrono::milliseconds(std::stoi(text.substr(5 + end)));
    } else if (text == "THROW") {
        throw std::runtime_error("thrown by the test");
    } else if (text == "QUIT") {
        out.buffer() += "* BYE\r\n";
        _wants.close = true;
    }
}

void ToyConversation::work(Output& out) {
    if (_steps == 0) return;
    if (_each.count() == 0 && _steps == 1) {
        ++_probe.inside;
        _probe.changed();
        _probe.await([this] { return _probe.release.load(); });
    } else {
        std::this_thread::sleep_for(_each.count() > 0 ? _each : std::chrono::milliseconds(10));
        ++_probe.steps;
    }
    if (--_steps == 0) out.buffer() += "DONE\r\n";
}

void ToyConversation::produce(Output& out) {
    while (_big > 0 && !out.isFull()) {
        const std::uint64_t count = std::min<std::uint64_t>(_big, pieceOctets);
        for (std::uint64_t i = 0; i < count; ++i) out.buffer() += bigOctet(_bigAt++);
        _big -= count;
        _probe.produced += count;
    }
}

Wants ToyConversation::tlsStarted(const TlsFacts& facts, Output&) {
    _probe.addFacts(_probe.lastPeer(), facts);
    ++_probe.tlsStarted;
    _probe.changed();
    return {};
}

void ToyConversation::shutdown(Output& out) {
    out.buffer() += "* BYE stop\r\n";
}

void ToyConversation::ended() noexcept {
    ++_probe.ended;
    _probe.changed();
}

Client::Client(const Poco::Net::SocketAddress& address, int receiveBuffer) {
    _socket = ::socket(address.af(), SOCK_STREAM | SOCK_CLOEXEC, 0);
    require(_socket >= 0, "socket");
    if (receiveBuffer > 0) {
        require(::setsockopt(_socket, SOL_SOCKET, SO_RCVBUF, &receiveBuffer, sizeof receiveBuffer) == 0, "SO_RCVBUF");
    }
    connect(address);
}

Client::~Client() {
    if (_ssl != nullptr) SSL_free(_ssl);
    if (_context != nullptr) SSL_CTX_free(_context);
    if (_socket >= 0) ::close(_socket);
}

void Client::open() {
    _socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    require(_socket >= 0, "socket");
}

void Client::connect(const Poco::Net::SocketAddress& address) {
    const timeval patience{patienceSeconds, 0};
    ::setsockopt(_socket, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    ::setsockopt(_socket, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    require(::connect(_socket, address.addr(), address.length()) == 0, "connect");
}

void Client::useCertificate(const std::string& certificatePath, const std::string& keyPath) {
    _certificatePath = certificatePath;
    _keyPath = keyPath;
}

void Client::startTls(SSL_SESSION* session, int maxVersion) {
    _context = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_session_cache_mode(_context, SSL_SESS_CACHE_CLIENT);
    if (maxVersion != 0) SSL_CTX_set_max_proto_version(_context, maxVersion);
    _ssl = SSL_new(_context);
    SSL_set_fd(_ssl, _socket);
    if (!serverName.empty()) SSL_set_tlsext_host_name(_ssl, serverName.c_str());
    if (!_certificatePath.empty()) {
        require(SSL_use_certificate_file(_ssl, _certificatePath.c_str(), SSL_FILETYPE_PEM) == 1, "client certificate");
        require(SSL_use_PrivateKey_file(_ssl, _keyPath.c_str(), SSL_FILETYPE_PEM) == 1, "client key");
    }
    if (asksForOcsp) SSL_set_tlsext_status_type(_ssl, TLSEXT_STATUSTYPE_ocsp);
    if (session != nullptr) SSL_set_session(_ssl, session);
    require(SSL_connect(_ssl) == 1, "SSL_connect");
}

void Client::send(std::string_view octets) {
    if (_ssl != nullptr) {
        require(SSL_write(_ssl, octets.data(), static_cast<int>(octets.size())) == static_cast<int>(octets.size()),
                "SSL_write");
        return;
    }
    while (!octets.empty()) {
        const ssize_t sent = ::send(_socket, octets.data(), octets.size(), MSG_NOSIGNAL);
        require(sent > 0, "send");
        octets.remove_prefix(static_cast<std::size_t>(sent));
    }
}

std::size_t Client::receive(char* into, std::size_t size) {
    if (_ssl != nullptr) {
        const int got = SSL_read(_ssl, into, static_cast<int>(size));
        if (got > 0) return static_cast<std::size_t>(got);
        _isReset = SSL_get_error(_ssl, got) != SSL_ERROR_ZERO_RETURN;
        return 0;
    }
    const ssize_t got = ::recv(_socket, into, size, 0);
    if (got >= 0) return static_cast<std::size_t>(got);
    require(errno == ECONNRESET, "recv");
    _isReset = true;
    return 0;
}

std::string Client::readLine() {
    std::size_t end = 0;
    while ((end = _buffer.find("\r\n")) == std::string::npos) {
        std::array<char, 16384> piece{};
        const std::size_t got = receive(piece.data(), piece.size());
        if (got == 0) return _isReset ? "<RESET>" : "<EOF>";
        _buffer.append(piece.data(), got);
    }
    const std::string text = _buffer.substr(0, end);
    _buffer.erase(0, end + 2);
    return text;
}

std::string Client::readExactly(std::size_t octets) {
    std::string result = std::move(_buffer);
    _buffer.clear();
    while (result.size() < octets) {
        std::array<char, 65536> piece{};
        const std::size_t got = receive(piece.data(), piece.size());
        if (got == 0) break;
        result.append(piece.data(), got);
    }
    if (result.size() > octets) {
        _buffer = result.substr(octets);
        result.resize(octets);
    }
    return result;
}

std::string Client::readToEnd() {
    std::string result = readExactly(std::string::npos);
    return _isReset ? result + "<RESET>" : result;
}

void Client::finishSending() {
    ::shutdown(_socket, SHUT_WR);
}

void Client::reset() {
    const linger hard{1, 0};
    ::setsockopt(_socket, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    ::close(_socket);
    _socket = -1;
}

void Client::forgetTls() {
    SSL_free(_ssl);
    SSL_CTX_free(_context);
    _ssl = nullptr;
    _context = nullptr;
}

TempDirectory::TempDirectory() {
    std::string pattern = (std::filesystem::temp_directory_path() / "maildock-connection-XXXXXX").string();
    require(::mkdtemp(pattern.data()) != nullptr, "mkdtemp");
    _path = pattern;
}

TempDirectory::~TempDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(_path, ignored);
}

void makeCertificate(const std::string& certificatePath, const std::string& keyPath, const std::string& name,
                     int validDays, long serial) {
    EVP_PKEY* key = EVP_EC_gen("P-256");
    X509* certificate = X509_new();
    X509_set_version(certificate, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), serial);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -60L * 24 * 3600);
    X509_gmtime_adj(X509_getm_notAfter(certificate), validDays * 24L * 3600);
    X509_set_pubkey(certificate, key);
    X509_NAME* subject = X509_get_subject_name(certificate);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>(name.c_str()), -1,
                               -1, 0);
    X509_set_issuer_name(certificate, subject);
    X509_sign(certificate, key, EVP_sha256());
    std::FILE* file = std::fopen(certificatePath.c_str(), "w");
    require(file != nullptr && PEM_write_X509(file, certificate) == 1 && std::fclose(file) == 0, "write certificate");
    file = std::fopen(keyPath.c_str(), "w");
    require(file != nullptr && PEM_write_PrivateKey(file, key, nullptr, nullptr, 0, nullptr, nullptr) == 1 &&
                std::fclose(file) == 0,
            "write key");
    X509_free(certificate);
    EVP_PKEY_free(key);
}

Server::Server(unsigned workers, const ConnectionLimits& limits)
    : tls(
          [this](const std::string& line, bool) {
              const std::lock_guard<std::mutex> lock(_mutex);
              _log.push_back(line);
          },
          std::chrono::milliseconds(0)) {
    useCertificate("first");
    SchedulerSettings settings;
    settings.workers = workers;
    settings.limits = limits;
    settings.isTrustedProxy = [this](const std::string& host) { return trustsProxies && host == "127.0.0.1"; };
    const auto factory = [this](const PeerFacts& peer, const Waker& waker) {
        return std::make_unique<ToyConversation>(probe, peer, waker);
    };
    scheduler = std::make_unique<Scheduler>(settings, factory, tls, quietLogger());
    plain = std::make_unique<Listener>("127.0.0.1:0", Entrance{}, quietLogger());
    secure = std::make_unique<Listener>("127.0.0.1:0", Entrance{true}, quietLogger());
    proxied = std::make_unique<Listener>("127.0.0.1:0", Entrance{.expectsProxy = true}, quietLogger());
    proxiedSecure = std::make_unique<Listener>("127.0.0.1:0", Entrance{true, true}, quietLogger());
    for (Listener* const each : {plain.get(), secure.get(), proxied.get(), proxiedSecure.get()})
        each->start(*scheduler);
}

Server::~Server() {
    probe.release = true;
    for (std::unique_ptr<Listener>* const each : {&plain, &secure, &proxied, &proxiedSecure}) each->reset();
    scheduler.reset();
}

void Server::useCertificate(const std::string& name) {
    makeCertificate(directory.file("cert.pem"), directory.file("key.pem"), name);
    tls.replace(settings());
}

bool Server::logged(const std::string& text) {
    const std::lock_guard<std::mutex> lock(_mutex);
    return std::any_of(_log.begin(), _log.end(),
                       [&text](const std::string& line) { return line.find(text) != std::string::npos; });
}

std::size_t Server::logLines() {
    const std::lock_guard<std::mutex> lock(_mutex);
    return _log.size();
}

bool Server::awaitNoConnections() {
    return probe.await([this] { return scheduler->connectionCount() == 0; });
}

Poco::Logger& quietLogger() {
    static Poco::Logger& logger = [&]() -> Poco::Logger& {
        Poco::Logger& made = Poco::Logger::get("connection-test");
        made.setLevel(0);
        return made;
    }();
    return logger;
}

std::string certificateHash(const Client& client) {
    X509* certificate = SSL_get1_peer_certificate(client.ssl());
    std::array<unsigned char, 32> octets{};
    X509_digest(certificate, EVP_sha256(), octets.data(), nullptr);
    X509_free(certificate);
    return {reinterpret_cast<const char*>(octets.data()), octets.size()};
}

std::string commonName(const Client& client) {
    X509* certificate = SSL_get1_peer_certificate(client.ssl());
    std::array<char, 64> name{};
    X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, name.data(), name.size());
    X509_free(certificate);
    return name.data();
}

void resume(Client& client, const Client& before, int version) {
    SSL_SESSION* session = SSL_get1_session(before.ssl());
    client.startTls(session, version);
    SSL_SESSION_free(session);
    client.readLine();
    CPPUNIT_ASSERT_EQUAL(1, SSL_session_reused(client.ssl()));
}

}  // namespace imapd::test
