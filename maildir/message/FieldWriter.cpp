#include "maildir/message/FieldWriter.h"

#include <algorithm>

#include "maildir/message/TransferEncoder.h"

namespace maildir {

namespace {

constexpr std::size_t maxColumn = 76;
constexpr std::string_view prefix = "=?utf-8?B?", suffix = "?=";

bool isContinuation(char c) {
    return (static_cast<unsigned char>(c) & 0xC0u) == 0x80u;
}

// The longest start of at most `octets` octets that splits no character; one character at least.
std::size_t wholeCharacters(std::string_view utf8, std::size_t octets) {
    std::size_t end = std::min(octets, utf8.size());
    while (end > 0 && end < utf8.size() && isContinuation(utf8[end])) --end;
    if (end > 0) return end;
    for (end = 1; end < utf8.size() && isContinuation(utf8[end]);) ++end;
    return end;
}

}  // namespace

FieldWriter::FieldWriter(std::string_view name) : _out(name) {
    _out += ':';
    _column = _out.size();
}

void FieldWriter::word(std::string_view blanks, std::string_view text) {
    if (!blanks.empty() && _column > 1 && _column + blanks.size() + text.size() > maxColumn) {
        _out += "\r\n";
        _column = 0;
    }
    _out += blanks;
    _out += text;
    _column += blanks.size() + text.size();
}

void FieldWriter::encoded(std::string_view blanks, std::string_view utf8, std::string_view before,
                          std::string_view after) {
    constexpr std::size_t fewest = 9, most = 45;  // octets in a word: most fills 72 columns
    while (!utf8.empty()) {
        const std::size_t used = _column + blanks.size() + before.size() + prefix.size() + suffix.size() + 1;
        const std::size_t room = used < maxColumn ? (maxColumn - used) / 4 * 3 : 0;
        const std::size_t size =
            wholeCharacters(utf8, room < std::min(fewest, utf8.size()) ? most : std::min(room, most));
        std::string text(before);
        text += prefix;
        Base64Encoder encoder;
        std::string digits;  // at most 60: one line
        encoder.encode(utf8.substr(0, size), digits);
        encoder.finish(digits);
        text += digits;
        text += suffix;
        utf8.remove_prefix(size);
        if (utf8.empty()) text += after;
        word(blanks, text);
        blanks = " ";
        before = {};
    }
}

}  // namespace maildir
