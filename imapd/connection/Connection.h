// One client's connection: moves octets between the socket and the conversation.
//
// Phases: Announced (a proxy says whom it speaks for), Fresh, Handshaking (TLS from the start, or after STARTTLS),
// Open, StartingTls (the answer to STARTTLS is on its way), Closing (the last output is on its way), Lingering (the
// client is given time to read it), Over. The worker whose turn it is owns everything here but what says otherwise. A
// slow or silent client costs this object, its output (at most Output::fullOctets and one call's worth), and in TLS an
// SSL object; no thread.
#pragma once

#include <Poco/Net/StreamSocket.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "imapd/connection/Conversation.h"
#include "imapd/connection/Task.h"
#include "imapd/connection/Transport.h"

namespace Poco {
class Logger;
}

namespace imapd {

class TlsContexts;
class ProxyHeader;

struct ConnectionLimits {
    std::chrono::milliseconds handshake{60'000};
    // A client that takes no octet for so long while output waits is closed.
    std::chrono::milliseconds writeStall{300'000};
    // From Wants::close to the end.
    std::chrono::milliseconds closing{30'000};
    // After our end of the connection is sent, for the client's: closing with input unread would reset the connection,
    // and the client might lose our last output.
    std::chrono::milliseconds linger{2'000};
};

// How the clients of one listener begin.
struct Entrance {
    bool isTls = false;         // with a TLS handshake (RFC 8314 3)
    bool expectsProxy = false;  // before all else, with a PROXY header
};

// What all connections share; outlives them.
struct ConnectionServices {
    ConnectionLimits limits;
    ConversationFactory factory;
    TlsContexts* tls = nullptr;
    // Whether the host of this address may speak for others; any thread. Empty: none may.
    std::function<bool(const std::string& host)> isTrustedProxy;
    Poco::Logger* logger = nullptr;
};

class Connection final : public Task {
public:
    using Clock = std::chrono::steady_clock;
    using TimePoint = Clock::time_point;

    // What a turn ended with: whether to wait (for what, until when), to have another turn after the others, or Gone.
    struct Turn {
        enum class Next { Wait, Again, Gone } next = Next::Wait;
        std::uint32_t events = 0;  // of epoll
        TimePoint deadline = TimePoint::max();
        bool goesOn = false;  // the next turn goes on with what this one did not finish
    };

    Connection(std::shared_ptr<ReadyQueue> queue, std::uint64_t id, const Poco::Net::StreamSocket& socket,
               Entrance entrance, const ConnectionServices& services);
    ~Connection() override;

    [[nodiscard]] std::uint64_t id() const { return _id; }
    [[nodiscard]] int descriptor() const { return _descriptor; }

    // One turn; `scratch` is the worker's to lend. Throws nothing. After Gone the conversation has ended.
    Turn run(char* scratch, std::size_t scratchOctets) noexcept;
    // The conversation is told and let go; no turn may follow. For the owner of the turn.
    void end() noexcept;
    // Closes the socket, after Gone or end().
    void close() noexcept { _socket.close(); }

    // Any thread: the socket is dead (EPOLLERR, EPOLLHUP); the next turn finds out what that means.
    void noteHangup() noexcept { _isHungUp.store(true, std::memory_order_release); }
    // Any thread, followed by call(): say good-bye and be gone by `deadline`. Once.
    void requestStop(TimePoint deadline) noexcept;

private:
    enum class Phase { Announced, Fresh, Handshaking, Open, StartingTls, Closing, Lingering, Over };
    enum class Step { Continue, Wait, Gone };

    Turn turn(char* scratch, std::size_t scratchOctets);
    Step step(char* scratch, std::size_t scratchOctets);
    Step stepAnnounced();
    Step stepFresh();
    Step stepHandshake();
    Step stepOpen(char* scratch, std::size_t scratchOctets);
    Step stepStartTls();
    Step stepClosing();
    Step stepLingering();
    Step stop();

    Step flush();
    Step beginTls();
    Step beginConversation();
    void accept(const Wants& wants);
    void beginClosing(TimePoint deadline);
    Step waitFor(Transport::Status status);
    [[nodiscard]] TimePoint nextDeadline() const;
    [[nodiscard]] std::string name() const;

    const ConnectionServices& _services;
    const std::uint64_t _id;
    Poco::Net::StreamSocket _socket;  // keeps the descriptor open; accepted by a Poco TCPServer, which may be gone
    const int _descriptor;
    Transport _transport;
    Output _output;
    std::unique_ptr<Conversation> _conversation;
    Wants _wants;
    Phase _phase;
    const bool _isTlsFromStart;
    std::unique_ptr<ProxyHeader> _proxyHeader;  // if there is one; kept for what it says
    bool _isEof = false;                        // the client has closed its side
    bool _isDrained = false;                    // in this turn: the socket is known to hold nothing to read
    bool _isStopping = false;                   // stop() is done
    std::uint8_t _lingerTurns = 0;
    std::uint32_t _events = 0;                    // to wait for at the end of this turn
    TimePoint _phaseDeadline = TimePoint::max();  // of Handshaking, Closing, Lingering
    TimePoint _stallDeadline = TimePoint::max();  // while output waits for the socket

    std::atomic<bool> _isHungUp = false;      // any thread
    std::atomic<TimePoint::rep> _stopAt = 0;  // any thread; 0: not asked to
};

}  // namespace imapd
