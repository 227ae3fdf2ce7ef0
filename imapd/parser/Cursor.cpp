#include "imapd/parser/Cursor.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace imapd {

namespace {

// number64 of RFC 9051: 63 bits.
constexpr std::uint64_t number64Max = std::numeric_limits<std::int64_t>::max();

bool isControl(char c) {
    const auto octet = static_cast<unsigned char>(c);
    return octet < 0x20 || octet == 0x7f;
}

bool isEightBit(char c) {
    return static_cast<unsigned char>(c) >= 0x80;
}

char upper(char c) {
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
}

// Length of the well-formed UTF-8 sequence of more than one octet at the front of text; 0 if there is none (RFC 3629).
std::size_t utf8Length(std::string_view text) {
    const auto octet = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const auto continues = [&](std::size_t i) { return i < text.size() && (octet(i) & 0xc0) == 0x80; };
    const unsigned char lead = octet(0);
    if (lead >= 0xc2 && lead <= 0xdf) return continues(1) ? 2 : 0;
    if (lead >= 0xe0 && lead <= 0xef) {
        if (!continues(1) || !continues(2)) return 0;
        if (lead == 0xe0 && octet(1) < 0xa0) return 0;  // overlong
        if (lead == 0xed && octet(1) > 0x9f) return 0;  // surrogate
        return 3;
    }
    if (lead >= 0xf0 && lead <= 0xf4) {
        if (!continues(1) || !continues(2) || !continues(3)) return 0;
        if (lead == 0xf0 && octet(1) < 0x90) return 0;  // overlong
        if (lead == 0xf4 && octet(1) > 0x8f) return 0;  // past U+10FFFF
        return 4;
    }
    return 0;
}

}  // namespace

bool isDigit(char c) {
    return c >= '0' && c <= '9';
}

bool isAtomChar(char c) {
    if (isControl(c) || isEightBit(c)) return false;
    constexpr std::string_view specials = "(){ %*\"\\]";
    return specials.find(c) == std::string_view::npos;
}

bool isAstringChar(char c) {
    return isAtomChar(c) || c == ']';
}

bool isListChar(char c) {
    return isAstringChar(c) || c == '%' || c == '*';
}

namespace {

// Leniency::LooseAtom and EightBit: what neither ends an argument nor begins a string.
bool isLooseChar(char c) {
    return isListChar(c) || c == '\\' || isEightBit(c);
}

}  // namespace

std::string upperCase(std::string_view text) {
    std::string result(text);
    std::transform(result.begin(), result.end(), result.begin(), upper);
    return result;
}

std::string shown(const std::string& name) {
    constexpr std::size_t longest = 64;
    return name.size() <= longest ? name : name.substr(0, longest) + "...";
}

Cursor::Cursor(const RawCommand& command, const ParserOptions& options, bool isUnfinished)
    : _command(command), _options(options), _isUnfinished(isUnfinished) {}

void Cursor::failAt(std::size_t position, std::string text) const {
    throw SyntaxFailure{position, std::move(text), false};
}

void Cursor::failLimit(std::string text) const {
    throw SyntaxFailure{_position, std::move(text), true};
}

void Cursor::failExpected(const char* expected) const {
    fail(std::string("Expected ") + expected);
}

bool Cursor::skip(char c) {
    if (atEnd() || _command.text[_position] != c) return false;
    ++_position;
    return true;
}

bool Cursor::skipWord(std::string_view upperWord) {
    const std::string_view rest = text().substr(_position);
    if (rest.size() < upperWord.size()) return false;
    for (std::size_t i = 0; i < upperWord.size(); ++i) {
        if (upper(rest[i]) != upperWord[i]) return false;
    }
    if (rest.size() > upperWord.size() && isAtomChar(rest[upperWord.size()])) return false;
    _position += upperWord.size();
    return true;
}

void Cursor::expect(char c, const char* expected) {
    if (!skip(c)) failExpected(expected);
}

void Cursor::sp() {
    // RFC 3501 section 9, note 2: SP is exactly one space.
    if (_position != _tabPosition || !skip('\t')) expect(' ', "SP");
    optionalSp();
}

void Cursor::optionalSp() {
    if (!takes(Leniency::ExtraSpaces)) return;
    while (skip(' ')) {
    }
}

void Cursor::end() {
    optionalSp();
    if (!atEnd()) failExpected("the end of the command");
    // A literal that no rule read stood where its announcement was taken for something else.
    if (_literal != _command.literals.size())
        failAt(_command.literals[_literal].position, "A literal is not allowed here");
}

// True if more of a parenthesised list follows (its SP is read), false past its ")".
bool Cursor::nextInList() {
    const bool isSpaceHere = peek() == ' ';
    optionalSp();
    if (skip(')')) return false;
    if (!takes(Leniency::ExtraSpaces) || !isSpaceHere) expect(' ', "SP or \")\"");
    return true;
}

bool Cursor::nextArgument() {
    if (!takes(Leniency::ExtraSpaces)) {
        if (atEnd()) return false;
        sp();
        return true;
    }
    if (!atEnd()) sp();
    return !atEnd();
}

std::string_view Cursor::charsWhile(bool (*belongs)(char)) {
    const std::size_t begin = _position;
    while (!atEnd() && belongs(_command.text[_position])) ++_position;
    return text().substr(begin, _position - begin);
}

std::string_view Cursor::atom(const char* expected) {
    const std::string_view result = charsWhile(isAtomChar);
    if (result.empty()) failExpected(expected);
    return result;
}

std::string Cursor::word(const char* expected) {
    return upperCase(atom(expected));
}

bool Cursor::startsString() const {
    return peek() == '"' || literalHere() != nullptr;
}

std::string_view Cursor::looseAtom(bool (*belongs)(char), const char* expected) {
    const std::size_t begin = _position;
    const std::string_view result = charsWhile(takes(Leniency::LooseAtom) ? isLooseChar : belongs);
    if (result.empty()) failExpected(expected);
    for (std::size_t i = 0; _options.utf8Enabled && i < result.size(); ++i) {
        if (!isEightBit(result[i])) continue;
        const std::size_t length = utf8Length(result.substr(i));
        if (length == 0) failAt(begin + i, "Malformed UTF-8");
        i += length - 1;
    }
    return result;
}

std::string Cursor::atomOrString(const char* expected) {
    if (!takes(Leniency::StringForAtom) || !startsString()) return std::string(atom(expected));
    const std::size_t begin = _position;
    std::string result = string(expected);
    if (result.empty() || !std::all_of(result.begin(), result.end(), isAtomChar)) {
        failAt(begin, std::string("Expected ") + expected);
    }
    return result;
}

std::string Cursor::astring(const char* expected) {
    return startsString() ? string(expected) : std::string(looseAtom(isAstringChar, expected));
}

maildock::Secret Cursor::secretAstring(const char* expected) {
    maildock::Secret result;
    if (startsString())
        string(result, expected);
    else
        result += looseAtom(isAstringChar, expected);
    return result;
}

std::string Cursor::listMailbox() {
    constexpr const char* expected = "a mailbox name or pattern";
    return nameOf(startsString() ? string(expected) : std::string(looseAtom(isListChar, expected)));
}

// Leniency::Utf8Name. With a "&" it could be either, and what is not UTF-8 has no meaning at all: such a name stays as
// it is, and is refused where it is looked for.
std::string Cursor::nameOf(std::string wireName) const {
    const bool isSevenBit = std::none_of(wireName.begin(), wireName.end(), isEightBit);
    if (isSevenBit || _options.utf8Enabled || _options.nameOfUtf8 == nullptr || !takes(Leniency::Utf8Name) ||
        wireName.find('&') != std::string::npos) {
        return wireName;
    }
    return _options.nameOfUtf8(wireName).value_or(std::move(wireName));
}

std::string Cursor::string(const char* expected) {
    std::string result;
    string(result, expected);
    return result;
}

template <typename Text>
void Cursor::string(Text& result, const char* expected) {
    if (peek() == '"')
        quoted(result);
    else if (literalHere() != nullptr)
        result += literal();
    else if (takes(Leniency::AtomForString))
        result += looseAtom(isAstringChar, expected);
    else
        failExpected(expected);
}

std::optional<std::string> Cursor::nstring() {
    if (!startsString() && skipWord("NIL")) return std::nullopt;
    return string("a string or NIL");
}

template <typename Text>
void Cursor::quoted(Text& result) {
    const std::size_t begin = _position++;
    while (!skip('"')) {
        if (atEnd()) failAt(begin, "Quoted string without its closing quote");
        quotedChar(result);
    }
}

template <typename Text>
void Cursor::quotedChar(Text& result) {
    const char c = _command.text[_position];
    if (literalHere() != nullptr) fail("A literal is not allowed in a quoted string");
    if (c == '\0' || c == '\r' || c == '\n') fail("NUL, CR and LF are not allowed in a quoted string");
    if (isEightBit(c)) {
        result += utf8Char();
        return;
    }
    if (c == '\\') {
        const char next = _position + 1 < text().size() ? text()[_position + 1] : '\0';
        if (next == '"' || next == '\\') {
            result += next;
            _position += 2;
            return;
        }
        if (!takes(Leniency::PlainBackslash))
            fail("Only \\\" and \\\\ are allowed after a backslash in a quoted string");
    }
    result += c;
    ++_position;
}

std::string_view Cursor::utf8Char() {
    std::size_t length = 1;
    if (_options.utf8Enabled) {
        length = utf8Length(text().substr(_position));
        if (length == 0) fail("Malformed UTF-8 in a quoted string");
    } else if (!takes(Leniency::EightBit)) {
        // RFC 3501 4.3: 8-bit octets are for literals.
        fail("8-bit octets are not allowed in a quoted string (a literal may hold them)");
    }
    _position += length;
    return text().substr(_position - length, length);
}

const RawCommand::Literal* Cursor::literalHere() const {
    if (_literal >= _command.literals.size()) return nullptr;
    const RawCommand::Literal& next = _command.literals[_literal];
    return next.position == _position ? &next : nullptr;
}

void Cursor::skipLiteral() {
    if (_isUnfinished && _literal + 1 == _command.literals.size()) throw LiteralTaken();
    _position += _command.literals[_literal].length;
    ++_literal;
}

std::string_view Cursor::literal() {
    const RawCommand::Literal& here = _command.literals[_literal];
    if (peek() == '~') fail("A literal8 is not allowed here");
    if (here.content.view().find('\0') != std::string::npos) fail("NUL is not allowed in a literal");
    skipLiteral();
    return here.content;
}

std::string Cursor::flag() {
    if (takes(Leniency::StringForAtom) && startsString()) {
        const std::size_t begin = _position;
        std::string text = string();
        const std::size_t name = text.starts_with('\\') ? 1 : 0;
        if (text.size() == name ||
            !std::all_of(text.begin() + static_cast<std::ptrdiff_t>(name), text.end(), isAtomChar)) {
            failAt(begin, "Expected a flag");
        }
        return text;
    }
    // A keyword is an atom; a system flag (or flag-extension) a backslash and an atom.
    const bool isSystem = skip('\\');
    const std::string_view name = atom("a flag");
    return isSystem ? "\\" + std::string(name) : std::string(name);
}

std::uint64_t Cursor::digits(std::uint64_t most, const char* expected) {
    const std::size_t begin = _position;
    if (!isDigit(peek())) failExpected(expected);
    std::uint64_t value = 0;
    for (; isDigit(peek()); ++_position) {
        const auto digit = static_cast<std::uint64_t>(peek() - '0');
        if (value > (most - digit) / 10) failAt(begin, "Number too large");
        value = value * 10 + digit;
    }
    return value;
}

std::uint32_t Cursor::nzNumber(const char* expected) {
    const std::size_t begin = _position;
    const std::uint64_t value = digits(std::numeric_limits<std::uint32_t>::max(), expected);
    if (value == 0) failAt(begin, std::string("Expected ") + expected + ", not 0");
    return static_cast<std::uint32_t>(value);
}

std::uint32_t Cursor::number(const char* expected) {
    return static_cast<std::uint32_t>(digits(std::numeric_limits<std::uint32_t>::max(), expected));
}

std::uint64_t Cursor::number64(const char* expected) {
    return digits(number64Max, expected);
}

bool Cursor::sequenceSetFollows() const {
    return isDigit(peek()) || peek() == '*' || peek() == '$';
}

std::uint32_t Cursor::seqNumber() {
    if (skip('*')) return 0;
    return nzNumber("a message number or \"*\"");
}

SequenceSet Cursor::sequenceSet() {
    SequenceSet set;
    if (skip('$')) {  // RFC 5182
        set.isSavedResult = true;
        return set;
    }
    if (!sequenceSetFollows()) failExpected("a sequence set");
    do {
        SequenceSet::Range range;
        range.first = seqNumber();
        range.last = skip(':') ? seqNumber() : range.first;
        set.ranges.push_back(range);
    } while (skip(','));
    set.ranges.shrink_to_fit();
    return set;
}

void Cursor::countEntry() {
    if (++_entries > _options.maxEntries) {
        failLimit("Too many list entries in a command (" + std::to_string(_options.maxEntries) + " at most)");
    }
}

}  // namespace imapd
