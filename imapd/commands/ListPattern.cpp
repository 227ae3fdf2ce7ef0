#include "imapd/commands/ListPattern.h"

#include <utility>
#include <vector>

namespace imapd {

namespace {

char upper(char c) {
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
}

bool isInboxPrefix(std::string_view text, char delimiter) {
    constexpr std::string_view inbox = "INBOX";
    if (text.size() < inbox.size()) return false;
    for (std::size_t i = 0; i < inbox.size(); ++i) {
        if (upper(text[i]) != inbox[i]) return false;
    }
    return text.size() == inbox.size() || text[inbox.size()] == delimiter;
}

// "**" is "*", and "%" beside it adds nothing.
std::string simplified(const std::string& pattern) {
    std::string result;
    for (const char c : pattern) {
        if (!result.empty() && result.back() == '*' && (c == '*' || c == '%')) continue;
        if (c == '%' && !result.empty() && result.back() == '%') continue;
        if (c == '*') {
            while (!result.empty() && result.back() == '%') result.pop_back();
        }
        result += c;
    }
    return result;
}

}  // namespace

ListPattern::ListPattern(std::string pattern, char delimiter)
    : _pattern(simplified(pattern)), _delimiter(delimiter), _startsWithInbox(isInboxPrefix(_pattern, delimiter)) {
    if (_startsWithInbox) _pattern.replace(0, 5, "INBOX");
}

bool ListPattern::matches(std::string_view wireName) const {
    std::string name(wireName);
    if (isInboxPrefix(name, _delimiter)) {
        for (std::size_t i = 0; i < 5; ++i) name[i] = upper(name[i]);
    }
    // Positions of the pattern that the octets so far can have led to.
    std::vector<char> at(_pattern.size() + 1), next;
    const auto close = [this](std::vector<char>& states) {
        for (std::size_t i = 0; i < _pattern.size(); ++i) {
            if (states[i] != 0 && (_pattern[i] == '*' || _pattern[i] == '%')) states[i + 1] = 1;
        }
    };
    at[0] = 1;
    close(at);
    for (const char c : name) {
        next.assign(at.size(), 0);
        for (std::size_t i = 0; i < _pattern.size(); ++i) {
            if (at[i] == 0) continue;
            if (_pattern[i] == '*' || (_pattern[i] == '%' && c != _delimiter))
                next[i] = 1;
            else if (_pattern[i] == c && _pattern[i] != '%')
                next[i + 1] = 1;
        }
        close(next);
        std::swap(at, next);
    }
    return at.back() != 0;
}

}  // namespace imapd
