// Substring search in message text as RFC 3501 6.4.4 asks: case-insensitive (Unicode case folding), in decoded text:
// encoded-words of headers, and bodies after their transfer encoding and charset. No index: it reads the message.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "maildir/message/MessageFile.h"
#include "maildir/message/Structure.h"

namespace maildir {

// Converts text to UTF-8 by ICU; nothing if the charset is unknown. Malformed octets become U+FFFD.
std::optional<std::string> toUtf8(std::string_view text, const std::string& charset);
bool isKnownCharset(const std::string& charset);

// One string to look for, prepared once and used on many messages; immutable, any thread may use it.
class SearchPattern {
public:
    explicit SearchPattern(std::string_view utf8);  // the empty pattern is found everywhere
    [[nodiscard]] bool foundIn(std::string_view utf8) const;
    // lines: folded by foldFieldText(), each ended by LF, in one of which it is looked for.
    [[nodiscard]] bool foundInFoldedLines(std::string_view lines) const;
    [[nodiscard]] bool foundInHeaderValue(std::string_view rawValue) const;  // in its fieldText()

private:
    [[nodiscard]] bool isIn(std::string_view folded, bool isAscii) const;
    [[nodiscard]] bool isInField(std::string_view folded, bool isAscii) const;

    std::string _folded;
    std::string _foldedField;  // as fields are folded
    bool _isAscii = true;
    friend class MessageSearch;
};

// Looks for every pattern in the text parts of a message: all leaf parts of type text, those of type message, such as
// delivery reports (RFC 3464), and headers of enclosed messages. withHeaders: in the message's own header fields and
// the MIME headers of its parts too (SEARCH TEXT), else in its body only (SEARCH BODY). Works in blocks: neither memory
// nor the time of a step grows with the message. One thread at a time; file, structure and each pattern outlive it.
class MessageSearch {
public:
    MessageSearch(const MessageFile& file, const Structure& structure,
                  const std::vector<const SearchPattern*>& patterns, bool withHeaders);
    ~MessageSearch();
    MessageSearch(const MessageSearch&) = delete;
    MessageSearch& operator=(const MessageSearch&) = delete;
    // Looks through the next block; true once nothing is left to be looked at or for.
    bool step();
    // One bool a pattern, in order: whether it was found so far.
    [[nodiscard]] const std::vector<bool>& found() const;

private:
    class State;
    std::unique_ptr<State> _state;
};

// Searches in one go.
std::vector<bool> searchMessage(const MessageFile& file, const Structure& structure,
                                const std::vector<const SearchPattern*>& patterns, bool withHeaders);

}  // namespace maildir
