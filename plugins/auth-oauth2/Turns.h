// Who may ask a server: anybody while it answers, and one at a time once it did not, so that one that hangs does not
// hold the threads of all log-ins. Any thread may use it.
#pragma once

#include <cstddef>
#include <mutex>

namespace maildock::oauth2 {

class Turns {
public:
    // One question, for as long as it lives.
    class Turn {
    public:
        explicit Turn(Turns& turns) : _turns(turns), _mayAsk(turns.begin()) {}
        ~Turn() {
            if (_mayAsk) _turns.end(_isAnswered);
        }
        Turn(const Turn&) = delete;
        Turn& operator=(const Turn&) = delete;

        // False: the server did not answer the last time, and somebody else is finding out whether it does again.
        [[nodiscard]] bool mayAsk() const { return _mayAsk; }
        void answered() { _isAnswered = true; }

    private:
        Turns& _turns;
        const bool _mayAsk;
        bool _isAnswered = false;
    };

private:
    bool begin() {
        const std::lock_guard lock(_mutex);
        if (_isDown && _asking > 0) return false;
        ++_asking;
        return true;
    }
    void end(bool isAnswered) {
        const std::lock_guard lock(_mutex);
        --_asking;
        _isDown = !isAnswered;
    }

    std::mutex _mutex;
    bool _isDown = false;     // guarded by _mutex
    std::size_t _asking = 0;  // guarded by _mutex
};

}  // namespace maildock::oauth2
