// Writes one header field from words of 7-bit text and encoded-words, folded at white space before a line grows past 76
// columns (RFC 2047 2, RFC 5322 2.2.3).
#pragma once

#include <string>
#include <string_view>

namespace maildir {

class FieldWriter {
public:
    explicit FieldWriter(std::string_view name);
    FieldWriter() = default;  // a line that is no field

    // A word after this white space (blanks); it may be empty only where two words are one.
    void word(std::string_view blanks, std::string_view text);
    // UTF-8 as encoded-words, each of whole characters (RFC 2047 5); before and after: stand beside the first and the
    // last of them, such as the parentheses of a comment.
    void encoded(std::string_view blanks, std::string_view utf8, std::string_view before = {},
                 std::string_view after = {});
    // The field, without the line end at its end.
    std::string finish() { return std::move(_out); }

private:
    std::string _out;
    std::size_t _column = 0;
};

}  // namespace maildir
