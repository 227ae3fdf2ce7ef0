#include "plugins/auth-oauth2/Jwt.h"

#include <Poco/String.h>

#include <algorithm>

#include "plugins/auth-oauth2/Signature.h"

namespace maildock::oauth2 {

namespace {

constexpr std::size_t maxHeaderOctets = 8192;
constexpr std::size_t maxClaimsOctets = 65536;
constexpr std::size_t maxKeyIdOctets = 255;

JsonObject partOf(std::string_view text, const char* name, std::size_t maxOctets) {
    const auto octets = fromBase64Url(text);
    if (!octets) throw JsonError(std::string("the token's ") + name + " is no base64url");
    try {
        return parseObject(*octets, maxOctets);
    } catch (const JsonError& e) {
        throw JsonError(std::string("the token's ") + name + " " + e.what());
    }
}

// RFC 8725 3.11: tokens of other kinds, signed by the same keys, are not for signing in (a log-out token, an event).
bool isAccessToken(const std::string& type) {
    const std::string lower = Poco::toLower(type);
    return lower.empty() || lower == "jwt" || lower == "at+jwt" || lower == "application/at+jwt";
}

}  // namespace

Jwt parseJwt(std::string_view token) {
    const std::size_t first = token.find('.');
    const std::size_t second = first == std::string_view::npos ? first : token.find('.', first + 1);
    if (second == std::string_view::npos) throw JsonError("the token is no JSON Web Token");
    if (token.find('.', second + 1) != std::string_view::npos) {
        const bool isEncrypted = std::count(token.begin(), token.end(), '.') == 4;  // RFC 7516 7.1
        throw JsonError(isEncrypted ? "the token is encrypted" : "the token is no JSON Web Token");
    }
    const JsonObject header = partOf(token.substr(0, first), "header", maxHeaderOctets);
    Jwt jwt;
    // RFC 7515 4.1.11: extensions that are not understood make the token invalid, and none are.
    if (header->has("crit")) throw JsonError("the token needs an extension (crit)");
    if (header->has("typ") && !isAccessToken(textMember(header, "typ").value_or("?"))) {
        throw JsonError("the token is of a type (typ) that is not for signing in");
    }
    const auto algorithm = textMember(header, "alg");
    if (!algorithm) throw JsonError("the token names no algorithm");
    jwt.algorithm = *algorithm;
    if (header->has("kid")) {
        const auto keyId = textMember(header, "kid");
        if (!keyId || keyId->size() > maxKeyIdOctets) throw JsonError("the token names no proper key");
        jwt.keyId = *keyId;
    }
    jwt.claims = partOf(token.substr(first + 1, second - first - 1), "claims", maxClaimsOctets);
    const auto signature = fromBase64Url(token.substr(second + 1));
    if (!signature) throw JsonError("the token's signature is no base64url");
    jwt.signature = *signature;
    jwt.signedText = token.substr(0, second);
    return jwt;
}

}  // namespace maildock::oauth2
