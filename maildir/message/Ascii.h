// Small predicates on octets as the header grammars use them, without locale. RFC 5322 3.2, RFC 2045 5.1.
#pragma once

#include <cstddef>
#include <string_view>

namespace maildir::ascii {

constexpr bool isBlank(char c) {
    return c == ' ' || c == '\t';
}

// White space of a folded field: its line ends too.
constexpr bool isSpace(char c) {
    return isBlank(c) || c == '\r' || c == '\n';
}

constexpr bool isDigit(char c) {
    return c >= '0' && c <= '9';
}

constexpr char lower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}

constexpr bool isLetter(char c) {
    return lower(c) >= 'a' && lower(c) <= 'z';
}

constexpr bool equalIgnoringCase(std::string_view a, std::string_view b) {
    if (a.size() != b.size()) return false;
    for (std::size_t i = 0; i < a.size(); ++i) {
        if (lower(a[i]) != lower(b[i])) return false;
    }
    return true;
}

constexpr std::string_view trim(std::string_view text) {
    while (!text.empty() && isSpace(text.front())) text.remove_prefix(1);
    while (!text.empty() && isSpace(text.back())) text.remove_suffix(1);
    return text;
}

// The value of a hexadecimal digit, or -1.
constexpr int hexValue(char c) {
    if (isDigit(c)) return c - '0';
    if (lower(c) >= 'a' && lower(c) <= 'f') return lower(c) - 'a' + 10;
    return -1;
}

// Position after a comment (RFC 5322 3.2.2) that starts at `at` with '('; the end of the text if it never closes.
constexpr std::size_t afterComment(std::string_view text, std::size_t at) {
    std::size_t depth = 0;
    for (; at < text.size(); ++at) {
        if (text[at] == '\\') {
            ++at;
        } else if (text[at] == '(') {
            ++depth;
        } else if (text[at] == ')' && --depth == 0) {
            return at + 1;
        }
    }
    return text.size();
}

// Position of the first octet at or after `at` that is neither white space nor in a comment.
constexpr std::size_t afterCfws(std::string_view text, std::size_t at) {
    while (at < text.size() && (isSpace(text[at]) || text[at] == '(')) {
        at = text[at] == '(' ? afterComment(text, at) : at + 1;
    }
    return at;
}

}  // namespace maildir::ascii
