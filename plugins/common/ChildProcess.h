// A program that is run for one question: with no descriptor of ours but those that it is given, and no longer than it
// is allowed. Owned by one thread. Its destructor ends the program and all that it started.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace maildock::common {

using Deadline = std::chrono::steady_clock::time_point;

// Closes what it holds.
class Descriptor {
public:
    Descriptor() = default;
    explicit Descriptor(int number) : _number(number) {}
    ~Descriptor() { reset(); }
    Descriptor(Descriptor&& other) noexcept : _number(std::exchange(other._number, -1)) {}
    Descriptor& operator=(Descriptor&& other) noexcept {
        if (this != &other) {
            reset();
            _number = std::exchange(other._number, -1);
        }
        return *this;
    }
    [[nodiscard]] int number() const { return _number; }
    void reset();

private:
    int _number = -1;
};

// Reading and writing end of a pipe. Throws std::system_error.
[[nodiscard]] std::pair<Descriptor, Descriptor> makePipe();

// Waits until the descriptor can be read (or its other side was closed). False: not until the deadline.
[[nodiscard]] bool waitReadable(int descriptor, Deadline deadline);

class ChildProcess {
public:
    struct Start {
        std::string program;                 // a path
        std::vector<std::string> arguments;  // without the program's name
        std::vector<std::string> environment;
        std::vector<int> descriptors;  // become 3, 4, ... of the program; 0 and 1 are /dev/null, 2 is ours
    };

    // Throws std::system_error if the program can't be run.
    explicit ChildProcess(const Start& start);
    ~ChildProcess();
    ChildProcess(const ChildProcess&) = delete;
    ChildProcess& operator=(const ChildProcess&) = delete;

    // Becomes readable when the program has ended.
    [[nodiscard]] int endDescriptor() const { return _end.number(); }
    // Its status as of waitpid(2); nothing if it does not end until the deadline.
    [[nodiscard]] std::optional<int> wait(Deadline deadline);

private:
    pid_t _pid = -1;
    Descriptor _end;
    std::optional<int> _status;
};

// "status 1" or "signal 9", for the log.
[[nodiscard]] std::string nameOfStatus(int status);

}  // namespace maildock::common
