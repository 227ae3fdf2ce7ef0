// Asks a server over HTTPS. Each question has a connection of its own and one deadline for all of it: connecting, the
// handshake, every octet of the answer. The server's certificate has to be right; there is no way to do without. Any
// thread may ask. Names are resolved by the system's resolver, which alone may take longer than the deadline: who must
// not wait asks on a thread of its own.
#pragma once

#include <openssl/ssl.h>

#include <chrono>
#include <cstddef>
#include <memory>
#include <stdexcept>
#include <string>

#include "plugins/auth-oauth2/HttpAnswer.h"

namespace maildock::oauth2 {

// No answer could be had; the text is for the log.
class Unreachable : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

// https://host[:port]/path.
struct HttpsAddress {
    std::string host, target;  // the target has the path and the query
    std::uint16_t port = 443;
    std::string text;  // as the admin wrote it

    // Throws std::invalid_argument with what is wrong.
    [[nodiscard]] static HttpsAddress parse(const std::string& text);
};

class HttpsClient {
public:
    // caFile: PEM; empty: the system's authorities. Throws std::runtime_error if they can't be read.
    HttpsClient(const std::string& caFile, std::chrono::seconds timeout);

    // Throw Unreachable. Whatever the status is, an answer is an answer; redirections are not followed.
    [[nodiscard]] HttpAnswer get(const HttpsAddress& address, std::size_t maxOctets) const;
    // body: application/x-www-form-urlencoded; authorization: the field's value, or empty.
    [[nodiscard]] HttpAnswer post(const HttpsAddress& address, const std::string& authorization,
                                  const std::string& body, std::size_t maxOctets) const;

private:
    [[nodiscard]] HttpAnswer exchange(const HttpsAddress& address, const std::string& request,
                                      std::size_t maxOctets) const;

    const std::chrono::seconds _timeout;
    std::shared_ptr<SSL_CTX> _context;
};

}  // namespace maildock::oauth2
