#include "plugins/auth-pam/Protocol.h"

#include <algorithm>
#include <cctype>

namespace maildock::pam {

namespace {

constexpr std::size_t prefixOctets = 4;
constexpr std::size_t fieldPrefixOctets = 2;
constexpr std::size_t maxNameOctets = 255;
constexpr std::size_t maxAddressOctets = 64;

// Text: std::string or Secret.
template <typename Text>
void addNumber(Text& out, std::size_t number, std::size_t octets) {
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

template <typename Text>
Text encoded(const std::vector<std::string_view>& fields) {
    const auto kept = [](std::string_view field) { return field.substr(0, maxFieldOctets); };
    std::size_t length = 0;
    for (const std::string_view field : fields) length += fieldPrefixOctets + kept(field).size();
    Text message;
    message.reserve(prefixOctets + length);
    addNumber(message, length, prefixOctets);
    for (const std::string_view field : fields) {
        addNumber(message, kept(field).size(), fieldPrefixOctets);
        message += kept(field);
    }
    return message;
}

// The fields of a whole message; they point into it.
std::optional<std::vector<std::string_view>> fieldsOf(std::string_view message, std::size_t count) {
    if (lengthOf(message).value_or(0) != message.size() || message.empty()) return std::nullopt;
    message.remove_prefix(prefixOctets);
    std::vector<std::string_view> fields;
    while (!message.empty()) {
        if (message.size() < fieldPrefixOctets) return std::nullopt;
        const std::size_t length = numberAt(message, fieldPrefixOctets);
        message.remove_prefix(fieldPrefixOctets);
        if (length > maxFieldOctets || length > message.size() || fields.size() == count) return std::nullopt;
        fields.push_back(message.substr(0, length));
        message.remove_prefix(length);
    }
    if (fields.size() != count) return std::nullopt;
    return fields;
}

}  // namespace

std::string encode(const std::vector<std::string>& fields) {
    return encoded<std::string>(std::vector<std::string_view>(fields.begin(), fields.end()));
}

Secret messageOf(const Request& request) {
    return encoded<Secret>(
        {request.isLookup ? "lookup" : "verify", request.user, request.password, request.clientAddress});
}

std::optional<Request> requestFrom(std::string_view message) {
    const auto fields = fieldsOf(message, 4);
    if (!fields) return std::nullopt;
    const std::string_view kind = (*fields)[0], password = (*fields)[2];
    Request request{kind == "lookup", std::string((*fields)[1]), Secret(password), std::string((*fields)[3])};
    const bool isWhole = (request.isLookup || kind == "verify") && isName(request.user) &&
                         password.find('\0') == std::string::npos && request.isLookup == password.empty() &&
                         isAddress(request.clientAddress);
    if (!isWhole) return std::nullopt;
    return request;
}

std::optional<std::size_t> lengthOf(std::string_view begin) {
    if (begin.size() < prefixOctets) return std::nullopt;
    const std::size_t length = numberAt(begin, prefixOctets);
    return length > maxMessageOctets ? 0 : length + prefixOctets;
}

std::optional<std::vector<std::string>> decode(std::string_view message, std::size_t count) {
    const auto fields = fieldsOf(message, count);
    if (!fields) return std::nullopt;
    return std::vector<std::string>(fields->begin(), fields->end());
}

}  // namespace maildock::pam
