// Reads the lexical rules of RFC 3501 section 9 (atoms, strings, numbers, sets, lists) from one gathered command.
//
// Each function reads its rule at the current position or throws SyntaxFailure with the position of the offending
// octet; parse() is the one place that catches it. A Cursor never copies the command: it must outlive the Cursor.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/Secret.h"
#include "imapd/parser/Command.h"
#include "imapd/parser/Parser.h"

namespace imapd {

// Leaves the grammar rules on the first error; never leaves the parser.
struct SyntaxFailure {
    std::size_t position = 0;
    std::string text;
    bool isLimit = false;
};

// Leaves the grammar rules where the literal that an unfinished command ends in is taken.
struct LiteralTaken {};

bool isAtomChar(char c);     // ATOM-CHAR
bool isAstringChar(char c);  // ASTRING-CHAR: ATOM-CHAR / "]"
bool isListChar(char c);     // list-char: ATOM-CHAR / list-wildcards / "]"
bool isDigit(char c);
std::string upperCase(std::string_view text);  // ASCII letters only
std::string shown(const std::string& name);    // an atom of the client's inside an error text: cut if long

// What is taken beyond the grammar, unless imap.parser.strict: forms that clients send and that have one plain meaning.
// docs/protocol.md shows each, with its transcript.
enum class Leniency {
    ExtraSpaces,      // further ones beside one that is due, inside brackets, around the command; by a key of its own
    NoSpaceBefore,    // HEADER.FIELDS(From)
    PlainBackslash,   // "a\b" in a quoted string is a backslash and a "b", as its sender has it
    EightBit,         // in a quoted string or an atom: the octets that a literal would hold
    Utf8Name,         // a mailbox name with such octets, as UTF-8 and without "&": modified UTF-7 has neither
    LooseAtom,        // "%", "*" and "\\" in an atom where a string may stand too
    AtomForString,    // ID (name x)
    StringForAtom,    // a quoted flag, keyword or mechanism
    LooseDate,        // what parseDateTime() lists; a date of SEARCH as a literal, or with blanks inside its quotes
    EmptyParameters,  // SELECT x (), CREATE x ()
    BareItems,        // FETCH 1 FLAGS UID, STATUS x MESSAGES
    MacroInList,      // FETCH 1 (ALL)
};

class Cursor {
public:
    // isUnfinished: the last literal was announced and has not come. The rule that takes it throws LiteralTaken.
    Cursor(const RawCommand& command, const ParserOptions& options, bool isUnfinished = false);

    [[nodiscard]] bool takes(Leniency leniency) const {
        return !_options.isStrict && (leniency != Leniency::ExtraSpaces || _options.acceptsExtraSpaces);
    }

    const ParserOptions& options() const { return _options; }
    std::size_t position() const { return _position; }
    void moveTo(std::size_t position) { _position = position; }
    std::string_view text() const { return _command.text; }
    bool atEnd() const { return _position == _command.text.size(); }

    // The octet here; NUL at the end, which no rule accepts.
    char peek() const { return atEnd() ? '\0' : _command.text[_position]; }
    // True, and past it, if c is here.
    bool skip(char c);
    // Does the same for an ASCII word, in any letter case, that no further ATOM-CHAR follows.
    bool skipWord(std::string_view upperWord);

    void expect(char c, const char* expected);
    void sp();                                          // SP; 1*SP where extra spaces are taken
    void acceptTabHere() { _tabPosition = _position; }  // an SP read here may be a TAB
    void optionalSp();                                  // nothing; *SP where extra spaces are taken
    void end();                                         // the end of the command

    // "(" [item *(SP item)] ")"; item reads one. Without mayBeEmpty at least one is expected.
    template <typename Item>
    void list(const char* expected, bool mayBeEmpty, Item item);
    // True if SP and something follow: for "*(SP x)" up to the end of the command.
    bool nextArgument();

    std::string_view atom(const char* expected = "an atom");
    std::string word(const char* expected);          // an atom, in upper case
    std::string atomOrString(const char* expected);  // an atom; leniently also as a string
    std::string astring(const char* expected = "a string");
    maildock::Secret secretAstring(const char* expected);  // nothing of it is left anywhere else
    std::string string(const char* expected = "a string");
    std::optional<std::string> nstring();
    std::string mailbox() { return nameOf(astring("a mailbox name")); }
    std::string listMailbox();
    std::string flag();
    std::uint32_t nzNumber(const char* expected);
    std::uint32_t number(const char* expected);
    std::uint64_t number64(const char* expected);
    SequenceSet sequenceSet();
    bool sequenceSetFollows() const;

    // The literal that was announced here, or null.
    const RawCommand::Literal* literalHere() const;
    void skipLiteral();

    // Counts a list entry against maxEntries, so that no command grows into far more memory than its own octets.
    void countEntry();

    [[noreturn]] void fail(std::string text) const { failAt(_position, std::move(text)); }
    [[noreturn]] void failAt(std::size_t position, std::string text) const;
    [[noreturn]] void failLimit(std::string text) const;
    [[noreturn]] void failExpected(const char* expected) const;

private:
    bool nextInList();
    bool startsString() const;
    std::string_view looseAtom(bool (*belongs)(char), const char* expected);
    std::string nameOf(std::string wireName) const;
    // Each puts what it read at the end of `result`, a std::string or a Secret.
    template <typename Text>
    void string(Text& result, const char* expected);
    template <typename Text>
    void quoted(Text& result);
    template <typename Text>
    void quotedChar(Text& result);
    std::string_view utf8Char();
    std::string_view literal();
    std::string_view charsWhile(bool (*belongs)(char));
    std::uint32_t seqNumber();
    std::uint64_t digits(std::uint64_t most, const char* expected);

    const RawCommand& _command;
    const ParserOptions& _options;
    const bool _isUnfinished;
    std::size_t _position = 0;
    std::size_t _literal = 0;  // index of the next literal not yet read
    std::size_t _entries = 0;
    std::size_t _tabPosition = std::string::npos;
};

template <typename Item>
void Cursor::list(const char* expected, bool mayBeEmpty, Item item) {
    expect('(', expected);
    optionalSp();
    if (mayBeEmpty && skip(')')) return;
    do {
        countEntry();
        item();
    } while (nextInList());
}

}  // namespace imapd
