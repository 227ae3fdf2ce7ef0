#include "imapd/connection/Listener.h"

#include <Poco/Exception.h>
#include <Poco/Logger.h>
#include <Poco/Net/TCPServerConnection.h>
#include <Poco/Net/TCPServerConnectionFactory.h>
#include <Poco/Net/TCPServerParams.h>
#include <Poco/StringTokenizer.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <exception>
#include <limits>

#include "imapd/connection/PassedSockets.h"
#include "imapd/connection/Scheduler.h"

namespace imapd {

namespace {

constexpr int backlog = 1024;
constexpr int threadIdleSeconds = 1;  // TCPServer's thread may sleep that long before it notices the stop

class HandOver : public Poco::Net::TCPServerConnection {
public:
    HandOver(const Poco::Net::StreamSocket& socket, Scheduler& scheduler, Entrance entrance, Poco::Logger& logger)
        : TCPServerConnection(socket), _scheduler(scheduler), _entrance(entrance), _logger(logger) {}

    void run() override {
        try {
            _scheduler.adopt(socket(), _entrance);
        } catch (const Poco::Exception& error) {
            _logger.warning("A connection could not be taken over: " + error.displayText());
        } catch (const std::exception& error) {
            _logger.warning(std::string("A connection could not be taken over: ") + error.what());
        }
    }

private:
    Scheduler& _scheduler;
    const Entrance _entrance;
    Poco::Logger& _logger;
};

class HandOverFactory : public Poco::Net::TCPServerConnectionFactory {
public:
    HandOverFactory(Scheduler& scheduler, Entrance entrance, Poco::Logger& logger)
        : _scheduler(scheduler), _entrance(entrance), _logger(logger) {}

    Poco::Net::TCPServerConnection* createConnection(const Poco::Net::StreamSocket& socket) override {
        return new HandOver(socket, _scheduler, _entrance, _logger);
    }

private:
    Scheduler& _scheduler;
    const Entrance _entrance;
    Poco::Logger& _logger;
};

Poco::Net::TCPServerParams::Ptr serverParams() {
    Poco::Net::TCPServerParams::Ptr params = new Poco::Net::TCPServerParams;
    params->setMaxThreads(1);
    params->setMaxQueued(std::numeric_limits<int>::max());
    params->setThreadIdleTime(Poco::Timespan(threadIdleSeconds, 0));
    return params;
}

// Poco would take a bare "143" for a path of a local socket or a port on any address.
bool hasHostAndPort(const std::string& text) {
    const std::size_t colon = text.rfind(':');
    if (colon == std::string::npos || colon == 0 || colon + 1 == text.size()) return false;
    if (text.find_first_not_of("0123456789", colon + 1) != std::string::npos) return false;
    const std::string host = text.substr(0, colon);
    const bool isBracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
    return isBracketed || host.find_first_of(":[]/") == std::string::npos;
}

Poco::StringTokenizer itemsOf(const std::string& addresses) {
    return {addresses, ",", Poco::StringTokenizer::TOK_TRIM | Poco::StringTokenizer::TOK_IGNORE_EMPTY};
}

std::string allAddressesOf(const std::string& port) {
    return "0.0.0.0:" + port + ", [::]:" + port;
}

// Why an address can't be bound, and what helps.
std::string reasonOf(const Poco::Exception& error, const Poco::Net::SocketAddress& address) {
    const std::string port = std::to_string(address.port());
    switch (error.code()) {
        case EADDRINUSE:
            return "the port is already in use by another program, perhaps by the server from before; "
                   "`ss -ltnp sport = :" +
                   port + "` names it";
        case EACCES:
            return "ports below 1024 are for root, or need CAP_NET_BIND_SERVICE as etc/maildock.service gives it; or "
                   "let "
                   "systemd bind it (systemd:NAME)";
        case EADDRNOTAVAIL:
            return "this machine has no such address; for all that it has write " + allAddressesOf(port);
        default:
            return error.displayText();
    }
}

constexpr std::string_view passedPrefix = "systemd:";

bool isPassed(const std::string& item) {
    return item.starts_with(passedPrefix) && item.size() > passedPrefix.size();
}

}  // namespace

std::string Listener::allAddresses(int port) {
    const std::string text = std::to_string(port);
    const int probe = ::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (probe < 0) return "0.0.0.0:" + text;
    ::close(probe);
    return "0.0.0.0:" + text + ", [::]:" + text;
}

std::vector<Poco::Net::SocketAddress> Listener::parse(const std::string& addresses) {
    std::vector<Poco::Net::SocketAddress> result;
    for (const std::string& item : itemsOf(addresses)) {
        if (isPassed(item)) continue;
        if (!hasHostAndPort(item)) {
            throw ListenError("Cannot listen on \"" + item + "\": expected host:port or [IPv6 address]:port, as in " +
                              allAddressesOf("143"));
        }
        if (item.starts_with("*:")) {
            throw ListenError("Cannot listen on \"" + item + "\": for all addresses write " +
                              allAddressesOf(item.substr(2)));
        }
        try {
            result.emplace_back(item);
        } catch (const Poco::Exception& error) {
            throw ListenError("Cannot listen on \"" + item + "\": " + error.displayText());
        }
    }
    return result;
}

Listener::Listener(const std::string& addresses, Entrance entrance, Poco::Logger& logger)
    : _entrance(entrance), _logger(logger) {
    for (const Poco::Net::SocketAddress& address : parse(addresses)) {
        try {
            AcceptSocket socket(address, backlog, logger);
            const Poco::Net::SocketAddress bound = socket.address();
            _doors.push_back({socket, bound, nullptr});
        } catch (const Poco::Exception& error) {
            throw ListenError("Cannot listen on " + address.toString() + ": " + reasonOf(error, address));
        }
    }
    for (const std::string& item : itemsOf(addresses)) {
        if (isPassed(item)) take(item.substr(passedPrefix.size()));
    }
}

void Listener::take(const std::string& name) {
    const std::vector<int> sockets = passedSockets(name);
    if (sockets.empty()) {
        throw ListenError("Cannot listen on the service manager's sockets called " + name + ": it has passed none");
    }
    for (const int descriptor : sockets) {
        try {
            AcceptSocket socket(descriptor, _logger);
            const Poco::Net::SocketAddress bound = socket.address();
            _doors.push_back({socket, bound, nullptr});
        } catch (const Poco::Exception& error) {
            throw ListenError("Cannot listen on the service manager's socket called " + name + ": " +
                              error.displayText());
        }
    }
}

Listener::~Listener() {
    stop();
}

void Listener::start(Scheduler& scheduler) {
    if (_doors.empty() || _pool) return;
    const int threads = static_cast<int>(_doors.size());
    _pool = std::make_unique<Poco::ThreadPool>("imap-accept", threads, threads);
    for (Door& door : _doors) {
        door.server = std::make_unique<Poco::Net::TCPServer>(new HandOverFactory(scheduler, _entrance, _logger), *_pool,
                                                             door.socket, serverParams());
        door.server->start();
    }
}

void Listener::stop() {
    for (Door& door : _doors) door.socket.interrupt();
    for (Door& door : _doors) {
        if (door.server) door.server->stop();
        door.server.reset();
    }
    _doors.clear();
    _pool.reset();
}

std::vector<Poco::Net::SocketAddress> Listener::addresses() const {
    std::vector<Poco::Net::SocketAddress> result;
    for (const Door& door : _doors) result.push_back(door.address);
    return result;
}

}  // namespace imapd
