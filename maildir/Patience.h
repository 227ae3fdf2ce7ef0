// How long a thread may wait for what others hold: a lock file, a mailbox that is being changed. A thread that serves
// many must not wait at all: it is told at once (ErrorKind::WouldWait), before anything was changed, and its caller
// tries the same again a little later. Without a Scope a thread waits as long as the lock's time-out allows.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "maildir/Error.h"

namespace maildir {

class Patience {
public:
    enum class Kind {
        Waits,    // the lock's own time-out counts; then ErrorKind::Busy
        Returns,  // ErrorKind::WouldWait at once: the caller will try again
        GivesUp   // ErrorKind::Busy at once: the caller has tried long enough
    };

    // The patience of this thread.
    static Kind current();
    // How long the thread may be held up by another thread of the process that is at work, not waiting itself, on the
    // same mailbox: short, but worth not to be given up at once. Nothing: until it is done.
    static std::optional<std::chrono::milliseconds> forWork();
    // What a thread that may not wait (any more) is told.
    static Error error(const std::string& text, const std::string& path);

    // From here to the end of the block. Scopes of one thread nest.
    class Scope {
    public:
        explicit Scope(Kind kind);
        ~Scope();
        Scope(const Scope&) = delete;
        Scope& operator=(const Scope&) = delete;

    private:
        Kind _before;
    };
};

}  // namespace maildir
