#include "modules/maildock/Terminal.h"

#include <fcntl.h>
#include <signal.h>
#include <termios.h>
#include <unistd.h>

#include <iostream>

namespace maildock {

namespace {

constexpr std::size_t maxLineOctets = 4096;
constexpr std::size_t maxLongLineOctets = 65536;

// The terminal without echo, for as long as this lives; signals of the keyboard wait until it is as it was.
class Silence {
public:
    explicit Silence(int terminal) : _terminal(terminal) {
        sigset_t keyboard;
        sigemptyset(&keyboard);
        for (const int number : {SIGINT, SIGQUIT, SIGTSTP, SIGTERM, SIGHUP}) sigaddset(&keyboard, number);
        ::sigprocmask(SIG_BLOCK, &keyboard, &_signals);
        if (::tcgetattr(_terminal, &_before) != 0) return;
        termios silent = _before;
        silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
        // Ctrl-C is a character then, so that the echo comes back on.
        silent.c_lflag &= ~static_cast<tcflag_t>(ISIG);
        _isSilent = ::tcsetattr(_terminal, TCSAFLUSH, &silent) == 0;
    }
    ~Silence() {
        if (_isSilent) ::tcsetattr(_terminal, TCSAFLUSH, &_before);
        ::sigprocmask(SIG_SETMASK, &_signals, nullptr);
    }
    Silence(const Silence&) = delete;
    Silence& operator=(const Silence&) = delete;

private:
    const int _terminal;
    termios _before{};
    sigset_t _signals{};
    bool _isSilent = false;
};

std::string readLine(int from, std::size_t maxOctets) {
    std::string line;
    char c = 0;
    for (;;) {
        const ssize_t got = ::read(from, &c, 1);
        if (got < 0 || (got == 0 && line.empty())) throw TerminalError("nothing was given");
        if (got == 0 || c == '\n') break;
        if (c == '\x03' || (c == '\x04' && line.empty())) throw TerminalError("cancelled");
        line += c;
        if (line.size() > maxOctets) throw TerminalError("the line is too long");
    }
    if (!line.empty() && line.back() == '\r') line.pop_back();
    return line;
}

}  // namespace

std::string askSecret(const std::string& prompt) {
    const int terminal = ::open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
    if (terminal < 0) return readLine(STDIN_FILENO, maxLineOctets);
    std::string line;
    try {
        const Silence silence(terminal);
        if (::write(terminal, prompt.data(), prompt.size()) < 0)
            throw TerminalError("the terminal can't be written to");
        line = readLine(terminal, maxLineOctets);
        static_cast<void>(!::write(terminal, "\n", 1));
    } catch (...) {
        static_cast<void>(!::write(terminal, "\n", 1));
        ::close(terminal);
        throw;
    }
    ::close(terminal);
    return line;
}

std::string askLongSecret(const std::string& prompt) {
    return ::isatty(STDIN_FILENO) == 1 ? askSecret(prompt) : readLine(STDIN_FILENO, maxLongLineOctets);
}

}  // namespace maildock
