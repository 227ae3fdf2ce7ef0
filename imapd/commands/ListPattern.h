// LIST's patterns (RFC 3501 6.3.8): '*' matches anything, '%' anything but the delimiter. The time to match is bounded
// by the product of both lengths, whatever the pattern.
#pragma once

#include <string>
#include <string_view>

namespace imapd {

class ListPattern {
public:
    ListPattern(std::string pattern, char delimiter);
    // wireName: as the client would see it. INBOX, as a whole name or as its first level, matches in any case.
    [[nodiscard]] bool matches(std::string_view wireName) const;
    [[nodiscard]] const std::string& text() const { return _pattern; }

private:
    std::string _pattern;
    char _delimiter;
    bool _startsWithInbox;
};

}  // namespace imapd
