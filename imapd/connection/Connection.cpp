#include "imapd/connection/Connection.h"

#include <Poco/Exception.h>
#include <Poco/Logger.h>
#include <sys/epoll.h>

#include <algorithm>
#include <array>
#include <exception>

#include "base/Secret.h"
#include "imapd/connection/ProxyHeader.h"
#include "imapd/connection/TlsContexts.h"

namespace imapd {

namespace {
// Then other connections have a turn: many short steps are as long as one that takes its time.
constexpr int stepsPerTurn = 8;
constexpr std::chrono::milliseconds turnLength{5};
constexpr std::uint8_t maxLingerTurns = 4;  // each throws away what Transport::drain() takes
}  // namespace

Connection::Connection(std::shared_ptr<ReadyQueue> queue, std::uint64_t id, const Poco::Net::StreamSocket& socket,
                       Entrance entrance, const ConnectionServices& services)
    : Task(std::move(queue)),
      _services(services),
      _id(id),
      _socket(socket),
      _descriptor(static_cast<int>(_socket.impl()->sockfd())),
      _transport(_descriptor),
      _phase(entrance.expectsProxy ? Phase::Announced : Phase::Fresh),
      _isTlsFromStart(entrance.isTls) {}

Connection::~Connection() = default;

void Connection::requestStop(TimePoint deadline) noexcept {
    _stopAt.store(deadline.time_since_epoch().count(), std::memory_order_release);
}

Connection::Turn Connection::run(char* scratch, std::size_t scratchOctets) noexcept {
    try {
        const Turn result = turn(scratch, scratchOctets);
        if (result.next == Turn::Next::Gone) end();
        return result;
    } catch (const Poco::Exception& error) {
        _services.logger->error(name() + ": " + error.displayText());
    } catch (const std::exception& error) {
        _services.logger->error(name() + ": " + error.what());
    } catch (...) {
        _services.logger->error(name() + ": unknown exception");
    }
    end();
    return {Turn::Next::Gone, 0, TimePoint::max(), false};
}

void Connection::end() noexcept {
    _phase = Phase::Over;
    if (!_conversation) return;
    _conversation->ended();
    _conversation.reset();
}

Connection::Turn Connection::turn(char* scratch, std::size_t scratchOctets) {
    _isDrained = false;
    if (!_isStopping && _stopAt.load(std::memory_order_acquire) != 0 && stop() == Step::Gone) {
        return {Turn::Next::Gone, 0, TimePoint::max(), false};
    }
    const TimePoint end = Clock::now() + turnLength;
    for (int i = 0; i < stepsPerTurn && (i == 0 || Clock::now() < end); ++i) {
        _events = 0;
        switch (step(scratch, scratchOctets)) {
            case Step::Continue:
                break;
            case Step::Wait:
                return {Turn::Next::Wait, _events, nextDeadline(), _wants.again};
            case Step::Gone:
                return {Turn::Next::Gone, 0, TimePoint::max(), false};
        }
    }
    // What is answered does not wait for the others.
    if (_phase == Phase::Open && flush() == Step::Gone) return {Turn::Next::Gone, 0, TimePoint::max(), false};
    return {Turn::Next::Again, 0, TimePoint::max(), _wants.again};
}

Connection::Step Connection::step(char* scratch, std::size_t scratchOctets) {
    switch (_phase) {
        case Phase::Announced:
            return stepAnnounced();
        case Phase::Fresh:
            return stepFresh();
        case Phase::Handshaking:
            return stepHandshake();
        case Phase::Open:
            return stepOpen(scratch, scratchOctets);
        case Phase::StartingTls:
            return stepStartTls();
        case Phase::Closing:
            return stepClosing();
        case Phase::Lingering:
            return stepLingering();
        case Phase::Over:
            break;
    }
    return Step::Gone;
}

Connection::Step Connection::stepAnnounced() {
    if (!_proxyHeader) {
        std::string host;
        try {
            host = _socket.peerAddress().host().toString();
        } catch (const Poco::Exception&) {
            return Step::Gone;
        }
        if (!_services.isTrustedProxy || !_services.isTrustedProxy(host)) {
            _services.logger->warning(name() + ": closed, since it is no trusted proxy");
            return Step::Gone;
        }
        _proxyHeader = std::make_unique<ProxyHeader>();
        _phaseDeadline = Clock::now() + _services.limits.handshake;
    }
    if (Clock::now() >= _phaseDeadline) {
        _services.logger->warning(name() + ": closed, since the proxy sent no whole PROXY header in time");
        return Step::Gone;
    }
    while (_proxyHeader->state() == ProxyHeader::State::Incomplete) {
        std::array<char, 512> octets;  // NOLINT: filled by read
        const Transport::Result result =
            _transport.read(octets.data(), std::min(octets.size(), _proxyHeader->wanted()));
        if (result.status != Transport::Status::Done) return waitFor(result.status);
        _proxyHeader->feed({octets.data(), result.octets});
    }
    if (_proxyHeader->state() == ProxyHeader::State::Malformed) {
        _services.logger->warning(name() + ": closed for a malformed PROXY header: " + _proxyHeader->fault());
        return Step::Gone;
    }
    _phaseDeadline = TimePoint::max();
    _phase = Phase::Fresh;
    return Step::Continue;
}

Connection::Step Connection::stepFresh() {
    if (_isTlsFromStart) return beginTls();
    return beginConversation();
}

Connection::Step Connection::beginConversation() {
    PeerFacts peer;
    try {
        peer.client = _socket.peerAddress();
        peer.local = _socket.address();
    } catch (const Poco::Exception& error) {
        _services.logger->debug(name() + ": gone before it began: " + error.displayText());
        return Step::Gone;
    }
    if (_proxyHeader && _proxyHeader->client()) {
        peer.client = *_proxyHeader->client();
        peer.local = *_proxyHeader->local();
        peer.isProxied = true;
        peer.isTlsAtProxy = _proxyHeader->isTls();
    }
    peer.isTls = _isTlsFromStart;
    peer.tls = _transport.facts();
    peer.connectionId = _id;
    _conversation = _services.factory(peer, Waker(std::weak_ptr<Wakeable>(weak_from_this())));
    if (!_conversation) throw Poco::NullPointerException("The factory made no conversation");
    _phase = Phase::Open;
    accept(_conversation->begin(_output));
    return Step::Continue;
}

Connection::Step Connection::beginTls() {
    const Poco::Net::Context::Ptr context = _services.tls->fresh();
    if (!context) {
        _services.logger->error(name() + ": TLS is asked for, but not configured");
        return Step::Gone;
    }
    if (!_transport.startTls(context->sslContext())) {
        _services.logger->error(name() + ": " + _transport.error());
        return Step::Gone;
    }
    _phase = Phase::Handshaking;
    _phaseDeadline = Clock::now() + _services.limits.handshake;
    return Step::Continue;
}

Connection::Step Connection::stepHandshake() {
    if (Clock::now() >= _phaseDeadline) {
        _services.logger->information(name() + ": TLS handshake: took too long");
        return Step::Gone;
    }
    const Transport::Status status = _transport.handshake();
    if (status != Transport::Status::Done) {
        if (status == Transport::Status::Failed) _services.logger->information(name() + ": " + _transport.error());
        return waitFor(status);
    }
    _phaseDeadline = TimePoint::max();
    if (!_conversation) return beginConversation();
    _phase = Phase::Open;
    accept(_conversation->tlsStarted(_transport.facts(), _output));
    return Step::Continue;
}

Connection::Step Connection::stepOpen(char* scratch, std::size_t scratchOctets) {
    if (flush() == Step::Gone) return Step::Gone;
    if (_output.isFull()) return Step::Wait;
    const bool mayRead = _wants.input && !_isEof;
    if (!mayRead && _isHungUp.load(std::memory_order_acquire)) return Step::Gone;

    std::string_view input;
    if (mayRead && _isDrained) {
        _events |= EPOLLIN;
    } else if (mayRead) {
        const Transport::Result result = _transport.read(scratch, scratchOctets);
        if (result.status == Transport::Status::Done) {
            input = {scratch, result.octets};
            // What arrives after a short read shows when the socket is watched again. A TLS record may hide more.
            _isDrained = result.octets < scratchOctets && !_transport.isTls();
        } else if (result.status == Transport::Status::Eof) {
            _isEof = true;
        } else if (waitFor(result.status) == Step::Gone) {
            _services.logger->debug(name() + ": " + _transport.error());
            return Step::Gone;
        }
    }
    const bool isWoken = takeWoken();
    const bool isDue = _wants.deadline && Clock::now() >= *_wants.deadline;
    if (input.empty() && !isWoken && !isDue && !_wants.again) {
        if (!_isEof || !_wants.input) return Step::Wait;
        // All that the client has sent is dealt with, and no more will come; it may still read the answers.
        beginClosing(Clock::now() + _services.limits.closing);
        return Step::Continue;
    }
    const maildock::WipedAtEnd wiped(scratch, _wants.isInputSecret ? input.size() : 0);
    accept(_conversation->converse(input, _output));
    return Step::Continue;
}

void Connection::accept(const Wants& wants) {
    _wants = wants;
    if (wants.close) {
        beginClosing(Clock::now() + _services.limits.closing);
    } else if (wants.startTls && !_transport.isTls()) {
        _phase = Phase::StartingTls;
    }
}

Connection::Step Connection::stepStartTls() {
    // Before the answer is sent the client can't have begun its handshake: what lies in the socket now is plaintext
    // that somebody put before it, to be taken for the client's own words afterwards (RFC 9051 11.1).
    const Transport::Status status = _transport.drain();
    if (status == Transport::Status::Eof || status == Transport::Status::Failed) return Step::Gone;
    if (flush() == Step::Gone) return Step::Gone;
    if (_output.pendingOctets() > 0) return Step::Wait;
    return beginTls();
}

void Connection::beginClosing(TimePoint deadline) {
    _phase = Phase::Closing;
    _phaseDeadline = deadline;
}

Connection::Step Connection::stepClosing() {
    if (Clock::now() >= _phaseDeadline) return Step::Gone;
    if (flush() == Step::Gone) return Step::Gone;
    if (_output.pendingOctets() > 0) return Step::Wait;
    const Transport::Status status = _transport.finish();
    if (status != Transport::Status::Done) return waitFor(status);
    end();
    if (_isEof) return Step::Gone;
    _phase = Phase::Lingering;
    _phaseDeadline = std::min(Clock::now() + _services.limits.linger, _isStopping ? _phaseDeadline : TimePoint::max());
    return Step::Continue;
}

Connection::Step Connection::stepLingering() {
    const Transport::Status status = _transport.drain();
    if (status == Transport::Status::Eof || status == Transport::Status::Failed) return Step::Gone;
    if (_isStopping || Clock::now() >= _phaseDeadline || ++_lingerTurns > maxLingerTurns) return Step::Gone;
    _events |= EPOLLIN;
    return Step::Wait;
}

Connection::Step Connection::stop() {
    _isStopping = true;
    const TimePoint deadline{TimePoint::duration(_stopAt.load(std::memory_order_acquire))};
    switch (_phase) {
        case Phase::Open:
        case Phase::StartingTls:
            _conversation->shutdown(_output);
            beginClosing(deadline);
            return Step::Continue;
        case Phase::Closing:
            _phaseDeadline = std::min(_phaseDeadline, deadline);
            return Step::Continue;
        case Phase::Lingering:
            return Step::Continue;
        default:
            return Step::Gone;  // nothing was said yet that a good-bye could follow
    }
}

// Sends what the socket takes. Afterwards output that is left waits for _events.
Connection::Step Connection::flush() {
    while (_output.pendingOctets() > 0) {
        const Transport::Result result = _transport.write(_output.pending());
        if (result.status == Transport::Status::Done) {
            _output.consume(result.octets);
            _stallDeadline = TimePoint::max();
            continue;
        }
        if (waitFor(result.status) == Step::Gone) {
            _services.logger->debug(name() + ": " + _transport.error());
            return Step::Gone;
        }
        const TimePoint now = Clock::now();
        if (_stallDeadline == TimePoint::max()) _stallDeadline = now + _services.limits.writeStall;
        if (now < _stallDeadline) return Step::Wait;
        _services.logger->information(name() + ": closed, since the client does not read");
        return Step::Gone;
    }
    _stallDeadline = TimePoint::max();
    return Step::Continue;
}

Connection::Step Connection::waitFor(Transport::Status status) {
    if (status == Transport::Status::WantRead) {
        _events |= EPOLLIN;
        return Step::Wait;
    }
    if (status == Transport::Status::WantWrite) {
        _events |= EPOLLOUT;
        return Step::Wait;
    }
    return Step::Gone;
}

Connection::TimePoint Connection::nextDeadline() const {
    TimePoint result = std::min(_phaseDeadline, _stallDeadline);
    if (_phase == Phase::Open && _wants.deadline && !_output.isFull()) result = std::min(result, *_wants.deadline);
    return result;
}

std::string Connection::name() const {
    const std::string id = "Connection " + std::to_string(_id);
    const bool isProxied = _proxyHeader && _proxyHeader->client();
    const std::string client = isProxied ? _proxyHeader->client()->toString() + " by the proxy " : std::string();
    try {
        return id + " from " + client + _socket.peerAddress().toString();
    } catch (const Poco::Exception&) {
        return id;  // reset: the system does not know any more
    }
}

}  // namespace imapd
