// A command being carried out. It runs in steps, each short (about 50 ms at most), so that a long command neither holds
// a worker for long nor piles up output: a step ends when the output is full.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "imapd/response/Reply.h"

namespace imapd {

class Session;

enum class Progress {
    Done,    // reply() is the tagged response
    Again,   // call step() again when the output has room
    Waiting  // something else is at work; session wakes up and step() is called again. Also for commands that wait for
             // a line (IDLE)
};

// How far a command has come: done of goal messages.
struct Advance {
    std::size_t done = 0, goal = 0;
};

class Execution {
public:
    virtual ~Execution() = default;
    // Writes untagged responses by session.writer(). May throw maildir::Error: the session turns it into a NO. But for
    // WouldWait, after which the same step is run again a little later: what it did before must bear that. After the
    // lock's time-out it is run a last time, and then gets Busy where it would have to wait.
    virtual Progress step(Session& session) = 0;
    // Valid once step() gave Done.
    virtual Reply reply() = 0;
    // How far it has come, if it gives no response before its end, so that one may stand between two steps; else
    // nothing.
    [[nodiscard]] virtual std::optional<Advance> advance() const { return std::nullopt; }
    // A line from the client while this waits (AUTHENTICATE, IDLE), without its CRLF. Only called if wantsLines().
    [[nodiscard]] virtual bool wantsLines() const { return false; }
    virtual void line(std::string_view, bool /*isTooLong*/) {}
};

// One that is done at once.
std::unique_ptr<Execution> finished(Reply reply);

// One that is done in a step, which may have to wait for a lock before it changed anything, and is then run again.
template <class Command>
class OneStep : public Execution {
public:
    using Run = Reply (*)(Session&, const Command&);
    OneStep(Command command, Run run) : _command(std::move(command)), _run(run) {}
    Progress step(Session& session) override {
        _reply = _run(session, _command);
        return Progress::Done;
    }
    Reply reply() override { return std::move(_reply); }

private:
    Command _command;
    Run _run;
    Reply _reply;
};

template <class Command>
std::unique_ptr<Execution> inOneStep(Command command, Reply (*run)(Session&, const Command&)) {
    return std::make_unique<OneStep<Command>>(std::move(command), run);
}

}  // namespace imapd
