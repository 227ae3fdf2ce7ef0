// An answer of HTTP/1.1 (RFC 9112), taken from all the octets that a server sent until it closed the connection. Pure.
#pragma once

#include <cstddef>
#include <stdexcept>
#include <string>

namespace maildock::oauth2 {

// The text is for the log.
class HttpError : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

struct HttpAnswer {
    int status = 0;
    std::string body;
};

// Throws HttpError if it is none, or not whole.
[[nodiscard]] HttpAnswer parseHttpAnswer(const std::string& octets);

}  // namespace maildock::oauth2
