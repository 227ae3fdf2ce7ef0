// Runs all connections on a few worker threads.
//
// The workers wait in one epoll (EPOLLONESHOT), together with the events of the ready queue and of the timers; whoever
// gets an event runs it, there is no dispatching thread. A connection is never run by two workers (see Task), holds no
// thread while it idles, and after a bounded slice of work lets the others have their turn.
// Thread-safe. Lock order: none of the mutexes here (_mutex, the queue's, the timers') is held while another is taken,
// while a conversation runs, or while one is destroyed.
#pragma once

#include <Poco/Net/StreamSocket.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <thread>
#include <unordered_map>
#include <vector>

#include "imapd/connection/Connection.h"
#include "imapd/connection/Conversation.h"
#include "imapd/connection/Mutex.h"
#include "imapd/connection/Task.h"
#include "imapd/connection/Timers.h"

namespace imapd {

struct SchedulerSettings {
    unsigned workers = 0;  // 0: four times the cores, at least 8
    ConnectionLimits limits;
    std::function<bool(const std::string& host)> isTrustedProxy;  // as in ConnectionServices
};

class Scheduler {
public:
    // Starts the workers. `tls` and `logger` outlive the scheduler. Throws std::system_error.
    Scheduler(const SchedulerSettings& settings, ConversationFactory factory, TlsContexts& tls, Poco::Logger& logger);
    // As stop() without time for good-byes, but waits for the workers, however long their calls take.
    ~Scheduler();
    Scheduler(const Scheduler&) = delete;
    Scheduler& operator=(const Scheduler&) = delete;

    // Takes a connected socket over: makes it non-blocking, and the conversation begins on a worker, as the
    // entrance says. The socket is closed at once if the scheduler stops. Throws Poco::Net::NetException and
    // std::exception; then the socket is the caller's still.
    void adopt(Poco::Net::StreamSocket socket, Entrance entrance);

    // Every conversation gets to say good-bye (Conversation::shutdown), and its output is sent, within three quarters
    // of `timeout`; then it is closed, and the threads end. True if all that is done before `timeout`; otherwise some
    // conversation does not return from a call, and the destructor will wait for it. Call it once the listeners are
    // stopped; further calls do nothing but wait. By one thread.
    bool stop(std::chrono::milliseconds timeout);

    [[nodiscard]] std::size_t connectionCount() const;
    [[nodiscard]] std::size_t workerCount() const { return _workers.size(); }

private:
    void watch(int descriptor, std::uint64_t mark, std::uint32_t events);
    void work(std::vector<char>& scratch);
    void workLoop(std::vector<char>& scratch);
    void run(const std::shared_ptr<Connection>& connection, std::vector<char>& scratch);
    bool await(Connection& connection, const Connection::Turn& turn) noexcept;
    void retire(Connection& connection) noexcept;
    void join();

    ConnectionServices _services;
    std::shared_ptr<ReadyQueue> _ready;
    Timers _timers;
    int _epoll = -1;
    std::atomic<bool> _isQuitting = false;
    std::atomic<std::uint64_t> _lastId = 0;

    mutable Mutex _mutex;
    std::unordered_map<std::uint64_t, std::shared_ptr<Connection>> _connections GUARDED_BY(_mutex);
    bool _isStopping GUARDED_BY(_mutex) = false;
    std::size_t _activeWorkers GUARDED_BY(_mutex) = 0;
    std::condition_variable_any _changed;  // a connection or a worker is gone

    std::vector<std::thread> _workers;
};

}  // namespace imapd
