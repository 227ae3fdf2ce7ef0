// The server's side of one SASL exchange (RFC 4422 3), as a plugin brings it for a mechanism of its own. One object an
// exchange, made by the plugin; it is used by one thread at a time, of the pool for plugins that may block, and never
// outlives the plugin that made it. Octets are what the protocol carries: without base64.
#pragma once

#include <string>

#include "modules/api/Account.h"

namespace maildock {

// A mechanism that a plugin serves.
struct Mechanism {
    std::string name;            // RFC 4422 3.1: capitals, digits, '-' and '_', 20 at most
    bool isServerFirst = false;  // begins with a challenge; step() is then called with no octets first
    bool revealsSecret = false;  // what the client sends could be used by whoever reads it: only under TLS
};

// What is known of the connection.
struct ExchangeFacts {
    std::string service;        // "imap", as GSSAPI names it (RFC 4752)
    std::string hostName;       // the name that the client asked for by TLS, or empty
    std::string clientAddress;  // in numbers, without the port
    bool isTls = false;
    std::string exporterBinding;  // channel binding data, empty where there is none: "tls-exporter" (RFC 9266)
    std::string uniqueBinding;    // "tls-unique" (RFC 5929 3)
};

struct ExchangeStep {
    enum class Kind {
        Challenge,  // `octets` go to the client, and its answer to the next step()
        Success,    // with `octets`, if any, as the last thing that the client has to be told
        Failure     // `verdict` says why; `octets`, if any, are told before, and what the client answers is ignored
    };
    Kind kind = Kind::Failure;
    std::string octets;
    Verdict verdict;            // of Success and Failure; on Success with the account of who proved to be who he is
    std::string authorization;  // of Success: whom the client wants to act for; empty: himself
};

class Exchange {
public:
    virtual ~Exchange() = default;
    // Never called again after Success or Failure. An exception counts as TemporaryFailure.
    [[nodiscard]] virtual ExchangeStep step(const std::string& octets) = 0;
};

}  // namespace maildock
