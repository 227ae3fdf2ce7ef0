// LIST's patterns (RFC 3501 6.3.8): '*' matches anything, '%' anything but the delimiter. The time to match is bounded
// by the length of the name, whatever the pattern: one with more letters than the name has can't match, and of
// wildcards in a row one counts.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace imapd {

class ListPattern {
public:
    ListPattern(const std::string& pattern, char delimiter);
    // wireName: as the client would see it. INBOX, as a whole name or as its first level, matches in any case.
    [[nodiscard]] bool matches(std::string_view wireName) const;
    [[nodiscard]] const std::string& text() const { return _pattern; }

private:
    std::string _pattern;
    char _delimiter;
    std::size_t _letters;  // that are no wildcards
};

// Those of one command. One thread.
class ListPatterns {
public:
    void add(ListPattern pattern) { _patterns.push_back(std::move(pattern)); }
    // Whether one of them matches the name; nothing if isOver() came first: then the same name is to be asked again.
    template <class IsOver>
    std::optional<bool> match(std::string_view wireName, const IsOver& isOver) {
        bool isMatch = false;
        while (!isMatch && _next < _patterns.size()) {
            isMatch = _patterns[_next++].matches(wireName);
            if (!isMatch && _next < _patterns.size() && isOver()) return std::nullopt;
        }
        _next = 0;
        return isMatch;
    }

private:
    std::vector<ListPattern> _patterns;
    std::size_t _next = 0;  // to be asked
};

}  // namespace imapd
