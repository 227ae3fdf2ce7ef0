// Puts a Content-Transfer-Encoding on content, in pieces of any size and in bounded memory. Every octet that comes out
// is below 128 and no NUL, lines end in CRLF and are at most 76 octets long; none begins with '-', so that what is
// encoded never looks like a boundary. RFC 2045 6.7, 6.8.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace maildir {

// The octets given, four digits for three.
class Base64Encoder {
public:
    // Appends what can be encoded of the octets so far.
    void encode(std::string_view octets, std::string& out);
    void finish(std::string& out);

private:
    void group(unsigned char a, unsigned char b, unsigned char c, std::string& out);

    unsigned char _pending[2] = {};
    std::size_t _pendingCount = 0;
    std::size_t _column = 0;
};

// Writes the lines of quoted-printable text: breaks them softly where they grow too long.
class QuotedLines {
public:
    // One octet as it is.
    void plain(char c, std::string& out) {
        if (_column >= maxColumn) softBreak(out);
        if (_column == 0 && c == '-') return quoted(c, out);
        out += c;
        ++_column;
    }
    // As many octets from the start of `text` as stand for themselves and fit on the line; returns how many.
    std::size_t run(std::string_view text, std::string& out);
    // One octet as "=XX".
    void quoted(char c, std::string& out);
    void hardBreak(std::string& out) {
        out += "\r\n";
        _column = 0;
    }
    void softBreak(std::string& out) {
        out += '=';
        hardBreak(out);
    }
    [[nodiscard]] std::size_t column() const { return _column; }

    static constexpr std::size_t maxColumn = 75;  // a '=' still fits

private:
    std::size_t _column = 0;
};

// Text: its line ends (LF or CRLF) become line ends, all else that is not safe "=XX".
class QuotedPrintableEncoder {
public:
    void encode(std::string_view text, std::string& out);
    void finish(std::string& out);

private:
    void flushBlank(bool isAtLineEnd, std::string& out);

    QuotedLines _lines;
    char _blank = 0;     // a blank whose place in the line is not known yet; 0: none
    bool _isCr = false;  // a CR that LF may follow
};

// What claims to be quoted-printable but has octets in it that it must not have: those become "=XX". What is decoded
// stays the same, damaged escapes included.
class QuotedPrintableMender {
public:
    void mend(std::string_view encoded, std::string& out) { step(encoded, out, false); }
    void finish(std::string& out) { step({}, out, true); }

private:
    void step(std::string_view encoded, std::string& out, bool isLast);
    // Takes what begins at `at` with '='; npos: more has to come first.
    std::size_t takeEscape(std::string_view encoded, std::size_t at, std::string& out, bool isLast);
    void put(char c, std::string& out);

    QuotedLines _lines;
    std::string _incomplete;  // an escape, or a CR, whose rest may follow
};

}  // namespace maildir
