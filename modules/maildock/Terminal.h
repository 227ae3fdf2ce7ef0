// Asks whoever sits at the terminal.
#pragma once

#include <stdexcept>
#include <string>

namespace maildock {

class TerminalError : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

// A line that is not shown while it is typed. From the terminal, whatever standard input is; where there is no
// terminal, the next line of standard input. Throws TerminalError if there is none.
[[nodiscard]] std::string askSecret(const std::string& prompt);

// Likewise, but from standard input unless that is a terminal: for what is pasted or comes from a file, and may be
// longer than a line of a terminal (4095 octets).
[[nodiscard]] std::string askLongSecret(const std::string& prompt);

}  // namespace maildock
