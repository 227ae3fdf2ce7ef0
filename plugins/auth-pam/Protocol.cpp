#include "plugins/auth-pam/Protocol.h"

#include <algorithm>
#include <cctype>
#include <cstring>

namespace maildock::pam {

namespace {

constexpr std::size_t prefixOctets = 4;
constexpr std::size_t fieldPrefixOctets = 2;
constexpr std::size_t maxNameOctets = 255;
constexpr std::size_t maxAddressOctets = 64;

void addNumber(std::string& out, std::size_t number, std::size_t octets) {
    while (octets-- > 0) out += static_cast<char>(number >> (8 * octets) & 0xFF);
}

std::size_t numberAt(std::string_view text, std::size_t octets) {
    std::size_t number = 0;
    for (std::size_t i = 0; i < octets; ++i) number = number << 8 | static_cast<unsigned char>(text[i]);
    return number;
}

bool isName(const std::string& text) {
    return !text.empty() && text.size() <= maxNameOctets && std::all_of(text.begin(), text.end(), [](char c) {
        return static_cast<unsigned char>(c) >= 0x20 && c != 0x7F && c != '/';
    });
}

bool isAddress(const std::string& text) {
    return text.size() <= maxAddressOctets && std::all_of(text.begin(), text.end(), [](char c) {
               return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '.' || c == ':' || c == '%' || c == '-';
           });
}

}  // namespace

std::string encode(const std::vector<std::string>& fields) {
    std::string body;
    for (const std::string& field : fields) {
        const std::string_view kept = std::string_view(field).substr(0, maxFieldOctets);
        addNumber(body, kept.size(), fieldPrefixOctets);
        body += kept;
    }
    std::string message;
    addNumber(message, body.size(), prefixOctets);
    return message + body;
}

std::string messageOf(const Request& request) {
    return encode({request.isLookup ? "lookup" : "verify", request.user, request.password, request.clientAddress});
}

std::optional<Request> requestFrom(std::string_view message) {
    auto fields = decode(message, 4);
    if (!fields) return std::nullopt;
    Request request{(*fields)[0] == "lookup", (*fields)[1], (*fields)[2], (*fields)[3]};
    const bool isKind = request.isLookup || (*fields)[0] == "verify";
    const bool isWhole = isKind && isName(request.user) && request.password.find('\0') == std::string::npos &&
                         (request.isLookup ? request.password.empty() : !request.password.empty()) &&
                         isAddress(request.clientAddress);
    std::string& password = (*fields)[2];
    ::explicit_bzero(password.data(), password.size());
    if (isWhole) return request;
    ::explicit_bzero(request.password.data(), request.password.size());
    return std::nullopt;
}

std::optional<std::size_t> lengthOf(std::string_view begin) {
    if (begin.size() < prefixOctets) return std::nullopt;
    const std::size_t length = numberAt(begin, prefixOctets);
    return length > maxMessageOctets ? 0 : length + prefixOctets;
}

std::optional<std::vector<std::string>> decode(std::string_view message, std::size_t count) {
    if (lengthOf(message).value_or(0) != message.size() || message.empty()) return std::nullopt;
    message.remove_prefix(prefixOctets);
    std::vector<std::string> fields;
    while (!message.empty()) {
        if (message.size() < fieldPrefixOctets) return std::nullopt;
        const std::size_t length = numberAt(message, fieldPrefixOctets);
        message.remove_prefix(fieldPrefixOctets);
        if (length > maxFieldOctets || length > message.size() || fields.size() == count) return std::nullopt;
        fields.emplace_back(message.substr(0, length));
        message.remove_prefix(length);
    }
    if (fields.size() != count) return std::nullopt;
    return fields;
}

}  // namespace maildock::pam
