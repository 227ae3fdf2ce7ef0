#include "plugins/auth-oauth2/Introspection.h"

#include <openssl/evp.h>

namespace maildock::oauth2 {

namespace {

constexpr std::size_t maxAnswerOctets = 65536;

// application/x-www-form-urlencoded, which RFC 6749 2.3.1 wants of the id and the secret too, before base64.
std::string formEncoded(const std::string& text) {
    static constexpr char digits[] = "0123456789ABCDEF";
    std::string encoded;
    for (const char c : text) {
        const auto octet = static_cast<unsigned char>(c);
        const bool isPlain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '-' ||
                             c == '.' || c == '_' || c == '~';
        if (isPlain) {
            encoded += c;
        } else {
            encoded += '%';
            encoded += digits[octet >> 4];
            encoded += digits[octet & 0x0F];
        }
    }
    return encoded;
}

std::string base64(const std::string& octets) {
    std::string text(4 * ((octets.size() + 2) / 3) + 1, '\0');
    const int length =
        EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                        reinterpret_cast<const unsigned char*>(octets.data()), static_cast<int>(octets.size()));
    text.resize(static_cast<std::size_t>(length));
    return text;
}

}  // namespace

Introspection::Introspection(std::shared_ptr<const HttpsClient> client, HttpsAddress address,
                             const std::string& clientId, const std::string& clientSecret)
    : _client(std::move(client)), _address(std::move(address)) {
    if (!clientId.empty()) _authorization = "Basic " + base64(formEncoded(clientId) + ":" + formEncoded(clientSecret));
}

JsonObject Introspection::ask(const std::string& token) const {
    const HttpAnswer answer = _client->post(
        _address, _authorization, "token=" + formEncoded(token) + "&token_type_hint=access_token", maxAnswerOctets);
    if (answer.status == 401 || answer.status == 403) {
        throw Refused("refuses us (status " + std::to_string(answer.status) +
                      "): are auth.oauth2.clientId and auth.oauth2.clientSecret right?");
    }
    if (answer.status != 200) throw Refused("answers with status " + std::to_string(answer.status));
    try {
        JsonObject claims = parseObject(answer.body, maxAnswerOctets);
        const auto isActive = booleanMember(claims, "active");
        if (!isActive) throw JsonError("does not say whether the token is active");
        return *isActive ? claims : JsonObject();
    } catch (const JsonError& e) {
        throw Refused(std::string("sends an answer that ") + e.what());
    }
}

}  // namespace maildock::oauth2
