#include "imapd/session/Base64.h"

#include <cstdint>

namespace imapd {

namespace {

constexpr std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

}  // namespace

std::optional<maildock::Secret> decodeBase64(std::string_view text) {
    if (text.size() % 4 != 0) return std::nullopt;
    maildock::Secret octets;
    octets.reserve(text.size() / 4 * 3);
    for (std::size_t at = 0; at < text.size(); at += 4) {
        std::uint32_t group = 0;
        std::size_t padding = 0;
        for (std::size_t i = 0; i < 4; ++i) {
            const char c = text[at + i];
            group <<= 6;
            if (c == '=' && at + 4 == text.size() && i >= 2) {
                ++padding;
                continue;
            }
            const std::size_t value = digits.find(c);
            if (value == std::string_view::npos || padding > 0) return std::nullopt;
            group |= static_cast<std::uint32_t>(value);
        }
        octets += static_cast<char>(group >> 16);
        if (padding < 2) octets += static_cast<char>((group >> 8) & 0xff);
        if (padding < 1) octets += static_cast<char>(group & 0xff);
    }
    return octets;
}

std::string encodeBase64(std::string_view octets) {
    std::string text;
    for (std::size_t at = 0; at < octets.size(); at += 3) {
        std::uint32_t group = 0;
        for (std::size_t i = 0; i < 3; ++i) {
            group = (group << 8) | (at + i < octets.size() ? static_cast<unsigned char>(octets[at + i]) : 0u);
        }
        for (std::size_t i = 0; i < 4; ++i) {
            text += at + i <= octets.size() ? digits[(group >> (18 - 6 * i)) & 63] : '=';
        }
    }
    return text;
}

}  // namespace imapd
