#include "imapd/response/Text.h"

#include <algorithm>
#include <cstdint>

namespace imapd {

namespace {

bool is8Bit(char c) {
    return static_cast<unsigned char>(c) >= 0x80;
}

// Octets of the character that starts at `at`; 0 if it is not well formed (RFC 3629 section 4).
std::size_t utf8Length(std::string_view octets, std::size_t at) {
    const auto octet = [&](std::size_t i) -> unsigned {
        return at + i < octets.size() ? static_cast<unsigned char>(octets[at + i]) : 0u;
    };
    const auto isTail = [&](std::size_t i) { return (octet(i) & 0xC0u) == 0x80u; };
    const unsigned lead = octet(0);
    if (lead < 0x80) return 1;
    if (lead >= 0xC2 && lead <= 0xDF) return isTail(1) ? 2 : 0;
    if (lead >= 0xE0 && lead <= 0xEF) {
        const unsigned low = lead == 0xE0 ? 0xA0u : 0x80u, high = lead == 0xED ? 0x9Fu : 0xBFu;
        return octet(1) >= low && octet(1) <= high && isTail(2) ? 3 : 0;
    }
    if (lead >= 0xF0 && lead <= 0xF4) {
        const unsigned low = lead == 0xF0 ? 0x90u : 0x80u, high = lead == 0xF4 ? 0x8Fu : 0xBFu;
        return octet(1) >= low && octet(1) <= high && isTail(2) && isTail(3) ? 4 : 0;
    }
    return 0;
}

std::string base64(std::string_view octets) {
    static constexpr char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string out;
    for (std::size_t i = 0; i < octets.size(); i += 3) {
        std::uint32_t bits = 0;
        const std::size_t count = std::min<std::size_t>(3, octets.size() - i);
        for (std::size_t k = 0; k < 3; ++k) {
            bits = (bits << 8) | (k < count ? static_cast<unsigned char>(octets[i + k]) : 0u);
        }
        for (std::size_t k = 0; k < 4; ++k) out += k <= count ? digits[(bits >> (18 - 6 * k)) & 63] : '=';
    }
    return out;
}

}  // namespace

bool isUtf8(std::string_view octets) {
    for (std::size_t at = 0; at < octets.size();) {
        const std::size_t length = utf8Length(octets, at);
        if (length == 0) return false;
        at += length;
    }
    return true;
}

std::string withoutNuls(std::string_view octets) {
    std::string out;
    for (const char c : octets) {
        if (c == '\0') {
            out += "\xEF\xBF\xBD";
        } else {
            out += c;
        }
    }
    return out;
}

std::string asEncodedWords(std::string_view octets) {
    constexpr std::size_t maxChunk = 42;  // 56 digits, with charset and delimiters below the 75 of RFC 2047 section 2
    const auto first = std::find_if(octets.begin(), octets.end(), is8Bit);
    if (first == octets.end()) return std::string(octets);
    const bool isText = isUtf8(octets);
    const std::string_view charset = isText ? "utf-8" : "unknown-8bit";
    // Whole words are encoded, from the first with an 8-bit octet to the last: what stands around them stays readable.
    std::size_t begin = static_cast<std::size_t>(first - octets.begin());
    while (begin > 0 && octets[begin - 1] != ' ') --begin;
    std::size_t end = octets.size();
    while (!is8Bit(octets[end - 1])) --end;
    while (end < octets.size() && octets[end] != ' ') ++end;

    std::string out(octets.substr(0, begin));
    for (std::size_t at = begin; at < end;) {
        std::size_t stop = std::min(end, at + maxChunk);
        // A character is not split between words (RFC 2047 section 5).
        while (isText && stop < end && (static_cast<unsigned char>(octets[stop]) & 0xC0u) == 0x80u) --stop;
        if (at != begin) out += ' ';
        out += "=?";
        out += charset;
        out += "?B?";
        out += base64(octets.substr(at, stop - at));
        out += "?=";
        at = stop;
    }
    out += octets.substr(end);
    return out;
}

}  // namespace imapd
