#include "imapd/connection/AcceptSocket.h"

#include <Poco/Logger.h>
#include <Poco/Net/NetException.h>
#include <Poco/Net/SocketAddress.h>
#include <Poco/Net/StreamSocketImpl.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string>
#include <system_error>
#include <utility>

namespace imapd {

namespace {
constexpr int pauseMs = 100;  // where even the reserve is gone
constexpr std::chrono::seconds logInterval{60};
}  // namespace

// Used by the TCPServer's thread only, but for interrupt().
class AcceptSocket::Impl : public Poco::Net::ServerSocketImpl {
public:
    explicit Impl(Poco::Logger& logger)
        : _logger(logger), _event(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)), _reserve(openReserve()) {
        if (_event < 0) throw Poco::Net::NetException("eventfd", errno);
    }

    // Owns the descriptor from now on.
    void adopt(int descriptor) {
        reset(descriptor);
        const auto option = [this](int name) {
            int value = 0;
            socklen_t length = sizeof value;
            return ::getsockopt(sockfd(), SOL_SOCKET, name, &value, &length) == 0 ? value : -1;
        };
        const int domain = option(SO_DOMAIN);
        const bool isTcp = (domain == AF_INET || domain == AF_INET6) && option(SO_TYPE) == SOCK_STREAM;
        if (!isTcp || option(SO_ACCEPTCONN) != 1) throw Poco::Net::NetException("no listening socket of TCP");
    }

    bool poll(const Poco::Timespan& timeout, int) override {
        if (_accepted >= 0) return true;
        std::array<pollfd, 2> wanted{{{static_cast<int>(sockfd()), POLLIN, 0}, {_event, POLLIN, 0}}};
        if (::poll(wanted.data(), wanted.size(), static_cast<int>(timeout.totalMilliseconds())) <= 0) return false;
        if (wanted[1].revents != 0) return false;
        _accepted = acceptOne();
        if (_accepted >= 0) return true;
        if (errno == EMFILE || errno == ENFILE) {
            shed();
        } else if (errno == ENOBUFS || errno == ENOMEM) {
            pause();
        }
        return false;  // else the client has gone again, or something else passing
    }

    Poco::Net::SocketImpl* acceptConnection(Poco::Net::SocketAddress& client) override {
        if (_accepted < 0) throw Poco::Net::ConnectionAbortedException("No connection is waiting");
        sockaddr_storage address{};
        socklen_t length = sizeof address;
        const bool isKnown = ::getpeername(_accepted, reinterpret_cast<sockaddr*>(&address), &length) == 0;
        const int descriptor = std::exchange(_accepted, -1);
        Poco::Net::SocketImpl* result = nullptr;
        try {
            if (isKnown) client = Poco::Net::SocketAddress(reinterpret_cast<sockaddr*>(&address), length);
            result = new Poco::Net::StreamSocketImpl(descriptor);
        } catch (...) {
            ::close(descriptor);
            throw;
        }
        return result;
    }

    void interrupt() {
        const std::uint64_t one = 1;
        [[maybe_unused]] const ssize_t written = ::write(_event, &one, sizeof one);
    }

protected:
    ~Impl() override {
        for (const int descriptor : {_accepted, _reserve, _event}) {
            if (descriptor >= 0) ::close(descriptor);
        }
    }

private:
    static int openReserve() { return ::open("/dev/null", O_RDONLY | O_CLOEXEC); }

    int acceptOne() { return ::accept4(static_cast<int>(sockfd()), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC); }

    // Out of descriptors: without this the backlog would fill with clients that wait for nothing.
    void shed() {
        if (_reserve < 0) _reserve = openReserve();
        if (_reserve < 0) {
            log();
            pause();
            return;
        }
        ::close(_reserve);
        const int victim = acceptOne();
        if (victim >= 0) ::close(victim);
        _reserve = openReserve();
        ++_shed;
        log();
        if (victim < 0) pause();  // another thread took the descriptor
    }

    void pause() {
        pollfd wanted{_event, POLLIN, 0};
        ::poll(&wanted, 1, pauseMs);
    }

    void log() {
        const auto now = std::chrono::steady_clock::now();
        if (now < _nextLog) return;
        _nextLog = now + logInterval;
        _logger.error("Out of file descriptors: " + std::to_string(_shed) +
                      " connections were closed unanswered so far");
    }

    Poco::Logger& _logger;
    int _event;
    int _reserve;
    int _accepted = -1;  // by poll(), for acceptConnection()
    std::uint64_t _shed = 0;
    std::chrono::steady_clock::time_point _nextLog;
};

AcceptSocket::AcceptSocket(const Poco::Net::SocketAddress& address, int backlog, Poco::Logger& logger)
    : ServerSocket(new Impl(logger), true) {
    // Reuse of the address (a restart finds the old connections in TIME_WAIT), but not of the port: two servers must
    // not share it unnoticed. IPv6 alone, so that [::] and 0.0.0.0 can both be bound.
    if (address.family() == Poco::Net::SocketAddress::IPv6) {
        bind6(address, true, false, true);
    } else {
        bind(address, true, false);
    }
    ::fcntl(static_cast<int>(implementation().sockfd()), F_SETFD, FD_CLOEXEC);
    listen(backlog);
    setBlocking(false);
}

AcceptSocket::AcceptSocket(int descriptor, Poco::Logger& logger) : ServerSocket(new Impl(logger), true) {
    implementation().adopt(descriptor);
    setBlocking(false);
}

AcceptSocket::Impl& AcceptSocket::implementation() const {
    return static_cast<Impl&>(*impl());
}

void AcceptSocket::interrupt() {
    implementation().interrupt();
}

}  // namespace imapd
