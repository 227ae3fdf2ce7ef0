// A listening socket that Poco's TCPServer can accept from without spinning, losing or blocking.
//
// What Poco 1.11 does by itself: TCPServer::run() polls and accepts in a loop; out of descriptors (EMFILE), accept
// fails while the connection stays in the backlog, so the loop spins. Its poll makes an epoll of its own each time,
// which fails then too. And accept blocks if the client has gone again between the two. The cure: poll() of the
// implementation, which is virtual, does the accepting, and says true only when a connection is in hand for
// acceptConnection(). Out of descriptors it gives up a reserve descriptor, accepts, closes the connection, and takes
// the reserve back.
#pragma once

#include <Poco/Net/ServerSocket.h>
#include <Poco/Net/ServerSocketImpl.h>

#include <atomic>
#include <chrono>
#include <cstdint>

namespace Poco {
class Logger;
}

namespace imapd {

class AcceptSocket : public Poco::Net::ServerSocket {
public:
    // Binds and listens. Throws Poco::Exception.
    AcceptSocket(const Poco::Net::SocketAddress& address, int backlog, Poco::Logger& logger);
    // Takes a socket that somebody else has bound, and that listens already. Throws Poco::Exception.
    AcceptSocket(int descriptor, Poco::Logger& logger);

    // Any thread: poll() returns at once from now on, without a connection.
    void interrupt();

private:
    class Impl;
    Impl& implementation() const;
};

}  // namespace imapd
