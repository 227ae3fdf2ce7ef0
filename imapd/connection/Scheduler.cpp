#include "imapd/connection/Scheduler.h"

#include <Poco/Logger.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <new>
#include <system_error>
#include <utility>

namespace imapd {

namespace {

constexpr std::size_t scratchOctets = 64 * 1024;
constexpr std::uint64_t readyMark = 0;  // connections have their id, from 1
constexpr std::uint64_t timersMark = std::numeric_limits<std::uint64_t>::max();
constexpr int keepAliveIdleSeconds = 600;

unsigned workersOrDefault(unsigned workers) {
    return workers != 0 ? workers : std::max(8U, 4 * std::thread::hardware_concurrency());
}

// Signals are the main thread's; SIGPIPE is nobody's: OpenSSL writes to sockets without MSG_NOSIGNAL.
void blockSignals() {
    sigset_t signals;
    sigemptyset(&signals);
    for (const int number : {SIGPIPE, SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGCHLD, SIGALRM}) {
        sigaddset(&signals, number);
    }
    pthread_sigmask(SIG_BLOCK, &signals, nullptr);
}

void prepare(Poco::Net::StreamSocket& socket) {
    socket.setBlocking(false);
    socket.setNoDelay(true);    // we write whole answers
    socket.setKeepAlive(true);  // finds clients that vanished during IDLE
    socket.setOption(IPPROTO_TCP, TCP_KEEPIDLE, keepAliveIdleSeconds);
}

}  // namespace

Scheduler::Scheduler(const SchedulerSettings& settings, ConversationFactory factory, TlsContexts& tls,
                     Poco::Logger& logger)
    : _services{settings.limits, std::move(factory), &tls, settings.isTrustedProxy, &logger},
      _ready(std::make_shared<ReadyQueue>(workersOrDefault(settings.workers))),
      _epoll(::epoll_create1(EPOLL_CLOEXEC)) {
    if (_epoll < 0) throw std::system_error(errno, std::generic_category(), "epoll_create1");
    try {
        watch(_ready->descriptor(), readyMark, EPOLLIN | EPOLLET);
        watch(_timers.descriptor(), timersMark, EPOLLIN | EPOLLET);
        for (unsigned i = workersOrDefault(settings.workers); i > 0; --i) {
            {
                const MutexLock lock(_mutex);
                ++_activeWorkers;
            }
            _workers.emplace_back([this, scratch = std::vector<char>(scratchOctets)]() mutable { work(scratch); });
        }
    } catch (...) {
        _isQuitting = true;
        join();
        ::close(_epoll);
        throw;
    }
}

Scheduler::~Scheduler() {
    stop(std::chrono::milliseconds(0));
    join();
    _ready->close();
    std::unordered_map<std::uint64_t, std::shared_ptr<Connection>> left;
    {
        const MutexLock lock(_mutex);
        left.swap(_connections);
    }
    for (const auto& entry : left) {
        entry.second->end();
        retire(*entry.second);
    }
    ::close(_epoll);
}

void Scheduler::watch(int descriptor, std::uint64_t mark, std::uint32_t events) {
    epoll_event event{};
    event.events = events;
    event.data.u64 = mark;
    if (::epoll_ctl(_epoll, EPOLL_CTL_ADD, descriptor, &event) != 0) {
        throw std::system_error(errno, std::generic_category(), "epoll_ctl");
    }
}

void Scheduler::adopt(Poco::Net::StreamSocket socket, Entrance entrance) {
    prepare(socket);
    const std::uint64_t id = ++_lastId;
    const auto connection = std::make_shared<Connection>(_ready, id, socket, entrance, _services);
    {
        const MutexLock lock(_mutex);
        if (_isStopping) {
            socket.close();
            return;
        }
        _connections.emplace(id, connection);
    }
    try {
        watch(connection->descriptor(), id, EPOLLONESHOT);  // disarmed until its first turn is over
    } catch (...) {
        const MutexLock lock(_mutex);
        _connections.erase(id);
        throw;
    }
    _ready->push(connection);
}

void Scheduler::work(std::vector<char>& scratch) {
    blockSignals();
    workLoop(scratch);
    _ready->signal();  // one signal wakes one worker: pass it on to the next that has to quit
    const MutexLock lock(_mutex);
    --_activeWorkers;
    _changed.notify_all();
}

void Scheduler::workLoop(std::vector<char>& scratch) {
    while (!_isQuitting) {
        // One of the queue, then one of the sockets: neither can starve the other.
        if (const std::shared_ptr<Task> task = _ready->pop()) {
            run(std::static_pointer_cast<Connection>(task), scratch);
        }
        const int timeout = _ready->beginWait();
        epoll_event event{};
        const int count = ::epoll_wait(_epoll, &event, 1, _isQuitting ? 0 : timeout);
        if (timeout != 0) _ready->endWait(timeout);
        if (count != 1 || event.data.u64 == readyMark) continue;
        if (event.data.u64 == timersMark) {
            _timers.fire();
            continue;
        }
        std::shared_ptr<Connection> connection;
        {
            const MutexLock lock(_mutex);
            const auto found = _connections.find(event.data.u64);
            if (found != _connections.end()) connection = found->second;
        }
        if (!connection) continue;
        if ((event.events & (EPOLLERR | EPOLLHUP)) != 0) connection->noteHangup();
        if (!connection->start()) continue;
        if (connection->isLong() && !_ready->beginLong(*connection)) {
            connection->requeue();
        } else {
            run(connection, scratch);
        }
    }
}

void Scheduler::run(const std::shared_ptr<Connection>& connection, std::vector<char>& scratch) {
    const bool isLong = connection->isLong();
    const Connection::Turn turn = connection->run(scratch.data(), scratch.size());
    if (isLong) _ready->endLong(*connection);
    connection->setLong(turn.goesOn);
    switch (turn.next) {
        case Connection::Turn::Next::Again:
            connection->requeue();
            return;
        case Connection::Turn::Next::Gone:
            break;
        case Connection::Turn::Next::Wait:
            if (await(*connection, turn)) {
                connection->park();  // an event that came meanwhile has called it
                return;
            }
            connection->end();
            break;
    }
    retire(*connection);
    const MutexLock lock(_mutex);
    _connections.erase(connection->id());
    _changed.notify_all();
}

// False if memory is short: a connection that nothing would wake again must not stay.
bool Scheduler::await(Connection& connection, const Connection::Turn& turn) noexcept {
    try {
        if (turn.deadline != Connection::TimePoint::max()) _timers.schedule(connection, turn.deadline);
    } catch (const std::bad_alloc&) {
        return false;
    }
    epoll_event event{};
    event.events = turn.events | EPOLLONESHOT;
    event.data.u64 = connection.id();
    return ::epoll_ctl(_epoll, EPOLL_CTL_MOD, connection.descriptor(), &event) == 0;
}

void Scheduler::retire(Connection& connection) noexcept {
    connection.retire();
    _timers.cancel(connection);
    ::epoll_ctl(_epoll, EPOLL_CTL_DEL, connection.descriptor(), nullptr);
    connection.close();
}

bool Scheduler::stop(std::chrono::milliseconds timeout) {
    const auto begin = Connection::Clock::now();
    std::vector<std::shared_ptr<Connection>> connections;
    {
        const MutexLock lock(_mutex);
        if (!_isStopping) {
            for (const auto& entry : _connections) connections.push_back(entry.second);
        }
        _isStopping = true;
    }
    for (const auto& connection : connections) {
        connection->requestStop(begin + timeout * 3 / 4);
        connection->call();
    }
    connections.clear();
    bool isDone = false;
    {
        const MutexLock lock(_mutex);
        while (!_connections.empty() && _changed.wait_until(_mutex, begin + timeout) == std::cv_status::no_timeout) {
            continue;
        }
        _isQuitting = true;
        _ready->signal();
        while (_activeWorkers > 0 && _changed.wait_until(_mutex, begin + timeout) == std::cv_status::no_timeout) {
            continue;
        }
        isDone = _connections.empty() && _activeWorkers == 0;
    }
    if (isDone) join();
    return isDone;
}

void Scheduler::join() {
    _ready->signal();
    for (std::thread& worker : _workers) {
        if (worker.joinable()) worker.join();
    }
}

std::size_t Scheduler::connectionCount() const {
    const MutexLock lock(_mutex);
    return _connections.size();
}

}  // namespace imapd
