// Asks the token server what a token is (RFC 7662). Immutable; any thread may ask.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "plugins/auth-oauth2/Claims.h"
#include "plugins/auth-oauth2/HttpsClient.h"

namespace maildock::oauth2 {

class Introspection {
public:
    // The server's answer is no answer: it refuses us, or sends something else. The text is for the log.
    class Refused : public std::runtime_error {
    public:
        using std::runtime_error::runtime_error;
    };

    // clientId, clientSecret: as the token server knows Maildock; empty: it asks for none.
    Introspection(std::shared_ptr<const HttpsClient> client, HttpsAddress address, const std::string& clientId,
                  const std::string& clientSecret);

    // The claims of a token that is active; null for one that is not. Throws Unreachable or Refused.
    [[nodiscard]] JsonObject ask(const std::string& token) const;

private:
    const std::shared_ptr<const HttpsClient> _client;
    const HttpsAddress _address;
    std::string _authorization;
};

}  // namespace maildock::oauth2
