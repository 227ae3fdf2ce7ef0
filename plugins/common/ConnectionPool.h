// Connections to one back end (a database, a directory), opened when they are needed and kept. One that broke, since
// the back end was restarted, is opened again and used once more. While the back end is down one attempt a second is
// made to open one, and everybody else is told at once. Any thread may use it; how many do so at once bounds the
// connections.
//
// A Connection has open(), which throws Unreachable; close(); and isOpen(), which a failed use turns off if it is the
// connection that failed and not what was asked.
#pragma once

#include <algorithm>
#include <chrono>
#include <functional>
#include <iterator>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace maildock::common {

// The back end can't be reached; the text is for the log.
class Unreachable : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

template <class Connection>
class ConnectionPool {
public:
    using Clock = std::chrono::steady_clock;

    explicit ConnectionPool(std::function<std::unique_ptr<Connection>()> make) : _make(std::move(make)) {}

    // What `how` returns for an open connection. Throws Unreachable, or what `how` throws.
    template <class Use>
    auto use(Use&& how) {
        Lease lease(*this);
        Connection& connection = *lease.connection;
        for (;;) {
            const bool wasOpen = connection.isOpen();
            if (!wasOpen) open(connection);
            try {
                auto result = how(connection);
                noteSuccess();
                return result;
            } catch (const std::exception&) {
                // One that was open before may have broken since.
                if (!wasOpen || connection.isOpen()) throw;
            }
        }
    }

    // Closes what nobody used for so long.
    void closeIdle(std::chrono::seconds unused) {
        const auto isOld = [limit = Clock::now() - unused](const Idle& one) { return one.since <= limit; };
        std::vector<Idle> old;
        {
            const std::lock_guard lock(_mutex);
            const auto first = std::stable_partition(_idle.begin(), _idle.end(), isOld);
            old.assign(std::make_move_iterator(_idle.begin()), std::make_move_iterator(first));
            _idle.erase(_idle.begin(), first);
        }
        for (Idle& one : old) one.connection->close();
        const std::lock_guard lock(_mutex);
        _idle.insert(_idle.begin(), std::make_move_iterator(old.begin()), std::make_move_iterator(old.end()));
    }

private:
    struct Idle {
        std::unique_ptr<Connection> connection;
        Clock::time_point since;
    };

    // A connection for the time of its use.
    struct Lease {
        explicit Lease(ConnectionPool& from) : pool(from), connection(from.take()) {}
        ~Lease() { pool.give(std::move(connection)); }
        Lease(const Lease&) = delete;
        Lease& operator=(const Lease&) = delete;
        ConnectionPool& pool;
        std::unique_ptr<Connection> connection;
    };

    void open(Connection& connection) {
        const Clock::time_point begin = Clock::now();
        {
            const std::lock_guard lock(_mutex);
            if (_isDown && (_isTrying || begin < _tryAgainAt)) throw Unreachable(_fault);
            _isTrying = true;
        }
        try {
            connection.open();
            noteSuccess();
        } catch (const Unreachable& e) {
            const std::lock_guard lock(_mutex);
            _isTrying = false;
            // What began to fail before another one succeeded is old news.
            _isDown = begin >= _succeededAt;
            _fault = e.what();
            _tryAgainAt = Clock::now() + std::chrono::seconds(1);
            throw;
        }
    }

    void noteSuccess() {
        const std::lock_guard lock(_mutex);
        _isDown = _isTrying = false;
        _succeededAt = Clock::now();
    }

    // The one that was used last, so that those which are not needed rest.
    std::unique_ptr<Connection> take() {
        {
            const std::lock_guard lock(_mutex);
            if (!_idle.empty()) {
                std::unique_ptr<Connection> connection = std::move(_idle.back().connection);
                _idle.pop_back();
                return connection;
            }
        }
        return _make();
    }

    void give(std::unique_ptr<Connection> connection) {
        const std::lock_guard lock(_mutex);
        _idle.push_back({std::move(connection), Clock::now()});
    }

    const std::function<std::unique_ptr<Connection>()> _make;
    std::mutex _mutex;        // not held while a back end is asked
    std::vector<Idle> _idle;  // guarded by _mutex, as is what follows
    bool _isDown = false, _isTrying = false;
    std::string _fault;
    Clock::time_point _tryAgainAt, _succeededAt;
};

}  // namespace maildock::common
