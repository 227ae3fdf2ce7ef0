// The signals that the program acts on, taken by its main thread alone: they are blocked before any thread is made, so
// no handler ever runs and no other thread is interrupted.
#pragma once

namespace maildock {

enum class Signal { Stop, Reload };

class Signals {
public:
    // Blocks SIGTERM, SIGINT and SIGHUP in the calling thread and all that it makes from now on; ignores SIGPIPE.
    static void block();
    // Waits for the next of them.
    [[nodiscard]] static Signal wait();
    // Lets a further SIGINT end the program at once, and SIGALRM after so many seconds: a stop that hangs ends too.
    static void limitStop(unsigned seconds);
};

}  // namespace maildock
