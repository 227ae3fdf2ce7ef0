#include "imapd/commands/ListPattern.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

namespace imapd {

namespace {

char upper(char c) {
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
}

bool isWildcard(char c) {
    return c == '*' || c == '%';
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

// Positions of a pattern, a bit each.
class Positions {
public:
    explicit Positions(std::size_t count) : _words((count + 63) / 64) {}
    void set(std::size_t position) { _words[position / 64] |= std::uint64_t(1) << (position % 64); }
    [[nodiscard]] bool has(std::size_t position) const { return (_words[position / 64] >> (position % 64) & 1) != 0; }
    // Those that follow one that is in both.
    void addAfter(const Positions& from, const Positions& mask) {
        std::uint64_t carry = 0;
        for (std::size_t i = 0; i < _words.size(); ++i) {
            const std::uint64_t both = from._words[i] & mask._words[i];
            _words[i] |= (both << 1) | carry;
            carry = both >> 63;
        }
    }
    void addCommon(const Positions& from, const Positions& mask) {
        for (std::size_t i = 0; i < _words.size(); ++i) _words[i] |= from._words[i] & mask._words[i];
    }

private:
    std::vector<std::uint64_t> _words;
};

}  // namespace

ListPattern::ListPattern(const std::string& pattern, char delimiter)
    : _pattern(simplified(pattern)), _delimiter(delimiter) {
    if (isInboxPrefix(_pattern, delimiter)) _pattern.replace(0, 5, "INBOX");
    _letters = _pattern.size() - static_cast<std::size_t>(std::count_if(_pattern.begin(), _pattern.end(), isWildcard));
}

bool ListPattern::matches(std::string_view wireName) const {
    if (_letters > wireName.size()) return false;
    if (_pattern == "*") return true;
    std::string name(wireName);
    if (isInboxPrefix(name, _delimiter)) {
        for (std::size_t i = 0; i < 5; ++i) name[i] = upper(name[i]);
    }
    // All ways through the pattern are gone at once, a position is where one of them has come to.
    const std::size_t end = _pattern.size();
    const Positions none(end + 1);
    Positions anything = none, withinLevel = none, wildcards = none;
    std::array<std::optional<Positions>, 256> letters;
    for (std::size_t i = 0; i < end; ++i) {
        if (isWildcard(_pattern[i])) {
            wildcards.set(i);
            withinLevel.set(i);
            if (_pattern[i] == '*') anything.set(i);
        } else {
            std::optional<Positions>& same = letters[static_cast<unsigned char>(_pattern[i])];
            if (!same) same = none;
            same->set(i);
        }
    }
    Positions at = none;
    at.set(0);
    at.addAfter(Positions(at), wildcards);  // no two wildcards stand side by side
    for (const char c : name) {
        Positions next = none;
        next.addCommon(at, c == _delimiter ? anything : withinLevel);
        if (const auto& same = letters[static_cast<unsigned char>(c)]) next.addAfter(at, *same);
        next.addAfter(Positions(next), wildcards);
        at = std::move(next);
    }
    return at.has(end);
}

}  // namespace imapd
