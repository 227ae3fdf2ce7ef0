#include "modules/host/Values.h"

#include <Poco/Ascii.h>
#include <Poco/String.h>

#include <algorithm>
#include <charconv>

namespace maildock::host::values {

namespace {

std::optional<std::int64_t> toScaled(const std::string& text, std::int64_t (*scaleOf)(char)) {
    std::string digits = text;
    std::int64_t scale = 1;
    if (!digits.empty() && !Poco::Ascii::isDigit(static_cast<unsigned char>(digits.back()))) {
        scale = scaleOf(static_cast<char>(Poco::Ascii::toLower(static_cast<unsigned char>(digits.back()))));
        if (scale == 0) return std::nullopt;
        digits.pop_back();
        Poco::trimRightInPlace(digits);
    }
    std::int64_t number = 0;
    const char* end = digits.data() + digits.size();
    const auto [stop, error] = std::from_chars(digits.data(), end, number);
    if (error != std::errc() || stop != end) return std::nullopt;
    std::int64_t scaled = 0;
    if (__builtin_mul_overflow(number, scale, &scaled)) return std::nullopt;
    return scaled;
}

std::string joined(const std::vector<std::string>& items) {
    std::string out;
    for (const std::string& item : items) out += (out.empty() ? "" : ", ") + item;
    return out;
}

std::optional<std::string> faultOfRange(const KeySpec& spec, std::int64_t value) {
    if (spec.least && value < *spec.least) return "must be at least " + std::to_string(*spec.least);
    if (spec.most && value > *spec.most) return "must be at most " + std::to_string(*spec.most);
    return std::nullopt;
}

std::optional<std::string> faultOfAddresses(const std::string& text) {
    for (const std::string& address : toList(text)) {
        if (!isAddress(address)) return "`" + address + "` is not an address; write host:port";
    }
    return std::nullopt;
}

}  // namespace

std::optional<bool> toBoolean(const std::string& text) {
    const std::string lower = Poco::toLower(text);
    if (lower == "true" || lower == "yes" || lower == "on" || lower == "1") return true;
    if (lower == "false" || lower == "no" || lower == "off" || lower == "0") return false;
    return std::nullopt;
}

std::optional<std::int64_t> toNumber(const std::string& text) {
    return toScaled(text, [](char unit) -> std::int64_t {
        switch (unit) {
            case 'k':
                return 1024;
            case 'm':
                return 1024 * 1024;
            case 'g':
                return 1024 * 1024 * 1024;
            default:
                return 0;
        }
    });
}

std::optional<std::int64_t> toSeconds(const std::string& text) {
    return toScaled(text, [](char unit) -> std::int64_t {
        switch (unit) {
            case 's':
                return 1;
            case 'm':
                return 60;
            case 'h':
                return 3600;
            case 'd':
                return 86400;
            default:
                return 0;
        }
    });
}

std::vector<std::string> toList(const std::string& text) {
    std::vector<std::string> items;
    std::size_t begin = 0;
    while (begin <= text.size()) {
        const std::size_t comma = std::min(text.find(',', begin), text.size());
        std::string item = Poco::trim(text.substr(begin, comma - begin));
        if (!item.empty()) items.push_back(std::move(item));
        begin = comma + 1;
    }
    return items;
}

bool isAddress(const std::string& text) {
    const std::size_t colon = text.rfind(':');
    if (colon == std::string::npos || colon == 0) return false;
    const std::string host = text.substr(0, colon);
    const std::string port = text.substr(colon + 1);
    if (host == "systemd") return !port.empty();  // sockets that it has bound, by their name
    unsigned number = 0;
    const auto [stop, error] = std::from_chars(port.data(), port.data() + port.size(), number);
    if (port.empty() || error != std::errc() || stop != port.data() + port.size() || number > 65535) return false;
    const bool isBracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
    return std::all_of(host.begin(), host.end(), [isBracketed](char c) {
        const auto octet = static_cast<unsigned char>(c);
        if (Poco::Ascii::isAlphaNumeric(octet) || c == '.' || c == '-' || c == '_' || c == '*') return true;
        return isBracketed && (c == ':' || c == '[' || c == ']' || c == '%');
    });
}

std::optional<std::string> faultOf(const KeySpec& spec, const std::string& text) {
    switch (spec.kind) {
        case KeyKind::Boolean:
            if (!toBoolean(text)) return "`" + text + "` is neither true nor false";
            return std::nullopt;
        case KeyKind::Number: {
            const auto number = toNumber(text);
            if (!number) return "`" + text + "` is not a number (such as 20, 64k or 2m)";
            return faultOfRange(spec, *number);
        }
        case KeyKind::Seconds: {
            const auto number = toSeconds(text);
            if (!number) return "`" + text + "` is not a time (such as 90, 30m or 2h)";
            return faultOfRange(spec, *number);
        }
        case KeyKind::Choice:
            if (std::find(spec.choices.begin(), spec.choices.end(), text) != spec.choices.end()) return std::nullopt;
            return "`" + text + "` is not one of " + joined(spec.choices);
        case KeyKind::Address:
            return faultOfAddresses(text);
        case KeyKind::Text:
        case KeyKind::List:
        case KeyKind::Path:
            return std::nullopt;
    }
    return std::nullopt;
}

}  // namespace maildock::host::values
