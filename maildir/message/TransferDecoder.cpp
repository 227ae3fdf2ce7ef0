#include "maildir/message/TransferDecoder.h"

#include <algorithm>
#include <array>

#include "maildir/message/Ascii.h"

namespace maildir {

namespace {

constexpr std::uint8_t notBase64 = 255;

constexpr std::array<std::uint8_t, 256> makeBase64Values() {
    std::array<std::uint8_t, 256> values{};
    for (std::uint8_t& value : values) value = notBase64;
    constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (std::size_t i = 0; i < alphabet.size(); ++i) {
        values[static_cast<unsigned char>(alphabet[i])] = static_cast<std::uint8_t>(i);
    }
    return values;
}

constexpr auto base64Values = makeBase64Values();

// What needs a second look in quoted-printable.
constexpr std::array<bool, 256> makeSpecial() {
    std::array<bool, 256> special{};
    for (const char c : {'=', ' ', '\t'}) special[static_cast<unsigned char>(c)] = true;
    return special;
}

constexpr auto isSpecial = makeSpecial();

// Blanks at a line's end that are kept in mind; longer runs are text. Bounds memory.
constexpr std::size_t maxBlanks = 1000;

}  // namespace

TransferDecoder::TransferDecoder(std::string_view encoding) {
    if (ascii::equalIgnoringCase(encoding, "base64")) _kind = Kind::Base64;
    if (ascii::equalIgnoringCase(encoding, "quoted-printable")) _kind = Kind::QuotedPrintable;
}

bool TransferDecoder::isKnown(std::string_view encoding) {
    constexpr std::array<std::string_view, 5> names = {"7bit", "8bit", "binary", "base64", "quoted-printable"};
    return std::any_of(names.begin(), names.end(), [&](auto name) { return ascii::equalIgnoringCase(name, encoding); });
}

void TransferDecoder::decode(std::string_view encoded, std::string& decoded, bool isLast) {
    switch (_kind) {
        case Kind::Identity:
            decoded += encoded;
            break;
        case Kind::Base64:
            decodeBase64(encoded, decoded);
            break;
        case Kind::QuotedPrintable:
            decodeQuotedPrintable(encoded, decoded, isLast);
            break;
    }
}

void TransferDecoder::decodeBase64(std::string_view encoded, std::string& decoded) {
    if (_isPadded) return;
    std::size_t length = decoded.size();
    decoded.resize(length + encoded.size() / 4 * 3 + 3);
    const auto valueAt = [encoded](std::size_t at) { return base64Values[static_cast<unsigned char>(encoded[at])]; };
    for (std::size_t at = 0; at < encoded.size();) {
        // Four characters at once where all are of the alphabet: values are below 64.
        for (; _bitCount == 0 && at + 4 <= encoded.size(); at += 4) {
            const std::uint32_t a = valueAt(at), b = valueAt(at + 1), c = valueAt(at + 2), d = valueAt(at + 3);
            if ((a | b | c | d) >= 64) break;
            const std::uint32_t bits = a << 18 | b << 12 | c << 6 | d;
            decoded[length++] = static_cast<char>(bits >> 16);
            decoded[length++] = static_cast<char>(bits >> 8 & 0xFF);
            decoded[length++] = static_cast<char>(bits & 0xFF);
        }
        if (at == encoded.size()) break;
        const std::uint8_t value = valueAt(at);
        const char character = encoded[at++];
        if (value == notBase64) {
            // Padding fills up a group that has begun (two or three of its characters); another '=' is no base64.
            _isPadded = character == '=' && (_bitCount == 2 || _bitCount == 4);
            if (_isPadded) break;
            continue;
        }
        _bits = (_bits << 6) | value;
        _bitCount += 6;
        if (_bitCount >= 8) {
            _bitCount -= 8;
            decoded[length++] = static_cast<char>((_bits >> _bitCount) & 0xFF);
        }
    }
    decoded.resize(length);
}

void TransferDecoder::decodeQuotedPrintable(std::string_view encoded, std::string& decoded, bool isLast) {
    std::string joined;
    if (!_incomplete.empty()) {
        joined = std::move(_incomplete);
        joined += encoded;
        encoded = joined;
        _incomplete.clear();
    }
    std::size_t at = 0;
    while (at < encoded.size()) {
        std::size_t special = at;
        while (special < encoded.size() && !isSpecial[static_cast<unsigned char>(encoded[special])]) ++special;
        decoded += encoded.substr(at, special - at);
        at = special;
        if (at == encoded.size()) break;
        // Blanks before a line end are none (RFC 2045 6.7 (3)); after a '=' they make it a soft line break.
        const bool isEscape = encoded[at] == '=';
        std::size_t next = at + (isEscape ? 1 : 0);
        while (next < encoded.size() && ascii::isBlank(encoded[next]) && next - at < maxBlanks) ++next;
        const bool isCr = next < encoded.size() && encoded[next] == '\r';
        const std::size_t lineEnd = isCr ? next + 1 : next;
        const bool mayGoOn = lineEnd >= encoded.size() || (isEscape && next == at + 1 && next + 1 >= encoded.size());
        if (mayGoOn && !isLast && encoded.size() - at <= maxBlanks) {
            _incomplete = encoded.substr(at);
            return;
        }
        if (lineEnd < encoded.size() ? encoded[lineEnd] == '\n' : isLast) {
            at = isEscape ? std::min(lineEnd + 1, encoded.size()) : next;
            continue;
        }
        if (!isEscape) {
            decoded += encoded.substr(at, next - at);
            at = next;
            continue;
        }
        const int high = at + 1 < encoded.size() ? ascii::hexValue(encoded[at + 1]) : -1;
        const int low = at + 2 < encoded.size() ? ascii::hexValue(encoded[at + 2]) : -1;
        if (high >= 0 && low >= 0) {
            decoded += static_cast<char>(high * 16 + low);
            at += 3;
        } else {
            decoded += '=';
            ++at;
        }
    }
}

}  // namespace maildir
