// The signature algorithms of JSON Web Tokens (RFC 7518 3, RFC 8037 3.1), by OpenSSL. Which key may serve which
// algorithm is decided here by the key's own kind, never by what a token says of itself: an RSA key is no HMAC secret.
#pragma once

#include <openssl/evp.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "plugins/auth-oauth2/Json.h"

namespace maildock::oauth2 {

struct Algorithm {
    enum class Family { Hmac, Rsa, RsaPss, Ecdsa, Eddsa };
    const char* name;
    Family family;
    const char* digest;         // OpenSSL's name; null: the key decides
    const char* group;          // of Ecdsa: OpenSSL's name of the curve
    std::size_t integerOctets;  // of Ecdsa: of each of the signature's two numbers
};

// Null for what is not known. There is no "none".
[[nodiscard]] const Algorithm* algorithmNamed(const std::string& name);
[[nodiscard]] std::vector<std::string> algorithmNames(bool withHmac);

// RFC 4648 5, without padding, as RFC 7515 2 has it.
[[nodiscard]] std::optional<std::string> fromBase64Url(std::string_view text);

// A public key; immutable, any thread may verify with it.
class PublicKey {
public:
    // Throws JsonError with what is wrong with the key (RFC 7517 4, RFC 7518 6, RFC 8037 2). RSA keys below 2048 bits
    // are refused (RFC 7518 3.3).
    [[nodiscard]] static PublicKey fromJwk(const JsonObject& jwk);

    [[nodiscard]] bool fits(const Algorithm& algorithm) const;
    // The algorithm has to fit.
    [[nodiscard]] bool verifies(const Algorithm& algorithm, std::string_view text, std::string_view signature) const;

private:
    struct Free {
        void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
    };
    std::shared_ptr<EVP_PKEY> _key;
    std::string _group;  // of an elliptic curve
};

// Whether an HMAC is right, in a time that tells nothing of where it is not.
[[nodiscard]] bool verifiesHmac(const Algorithm& algorithm, const std::string& secret, std::string_view text,
                                std::string_view signature);

}  // namespace maildock::oauth2
