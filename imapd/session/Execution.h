// A command being carried out. It runs in steps, each short (about 50 ms at most), so that a long command neither holds
// a worker for long nor piles up output: a step ends when the output is full.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string_view>

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
    // Writes untagged responses by session.writer(). May throw maildir::Error: the session turns it into a NO.
    virtual Progress step(Session& session) = 0;
    // Valid once step() gave Done.
    virtual Reply reply() = 0;
    // Of one that gives no response before its end, so that a response may stand between two steps; else nothing.
    [[nodiscard]] virtual std::optional<Advance> advance() const { return std::nullopt; }
    // A line from the client while this waits (AUTHENTICATE, IDLE), without its CRLF. Only called if wantsLines().
    [[nodiscard]] virtual bool wantsLines() const { return false; }
    virtual void line(std::string_view, bool /*isTooLong*/) {}
};

// One that is done at once.
std::unique_ptr<Execution> finished(Reply reply);

}  // namespace imapd
