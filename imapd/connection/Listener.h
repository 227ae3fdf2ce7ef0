// Accepts connections at some addresses and hands them to the scheduler, by a Poco TCPServer an address.
//
// TCPServer closes connections silently when its queue is full; here the queue has no limit of its own: each entry
// holds a descriptor, so the process's limit bounds it, and running into that is AcceptSocket's matter. Its
// connection object hands the socket over and returns, so one thread of a small pool keeps the queue empty.
// For one thread at a time.
#pragma once

#include <Poco/Net/SocketAddress.h>
#include <Poco/Net/TCPServer.h>
#include <Poco/ThreadPool.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "imapd/connection/AcceptSocket.h"
#include "imapd/connection/Connection.h"

namespace imapd {

class Scheduler;

// A text for the admin: which address, and why.
class ListenError : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

class Listener {
public:
    // Binds all of `addresses`: "host:port[, host:port]..." with "[::1]:143" for IPv6 and port 0 for any; may be empty.
    // "systemd:NAME" stands for the sockets of that name that the service manager has bound. Throws ListenError. The
    // logger outlives the listener.
    Listener(const std::string& addresses, Entrance entrance, Poco::Logger& logger);
    ~Listener();
    Listener(const Listener&) = delete;
    Listener& operator=(const Listener&) = delete;

    // Accepts from now on; before, clients wait in the backlog. The scheduler outlives the listener.
    void start(Scheduler& scheduler);
    // Nothing is accepted any more, and the sockets are closed. Connections that were handed over live on.
    void stop();
    // As bound: the port is never 0.
    [[nodiscard]] std::vector<Poco::Net::SocketAddress> addresses() const;

    // What the constructor binds of `addresses`, for checking settings. Throws ListenError.
    static std::vector<Poco::Net::SocketAddress> parse(const std::string& addresses);
    // This port on all addresses of the machine, as the constructor takes it; without IPv6 where the kernel has none.
    static std::string allAddresses(int port);

private:
    void take(const std::string& name);

    struct Door {
        AcceptSocket socket;
        Poco::Net::SocketAddress address;
        std::unique_ptr<Poco::Net::TCPServer> server;
    };

    const Entrance _entrance;
    Poco::Logger& _logger;
    std::vector<Door> _doors;
    std::unique_ptr<Poco::ThreadPool> _pool;
};

}  // namespace imapd
