#include "imapd/response/ResponseWriter.h"

#include <algorithm>
#include <charconv>

#include "imapd/response/Text.h"

namespace imapd {

namespace {

constexpr std::string_view crlf = "\r\n";

// A line's text is TEXT-CHARs: what may come from elsewhere (a tag, a keyword in an error) must not end the line.
void appendLineText(std::string& out, std::string_view text) {
    for (const char c : text) {
        const auto octet = static_cast<unsigned char>(c);
        out += octet < 0x20 || octet >= 0x7F ? '?' : c;
    }
}

template <class T>
void appendNumber(std::string& out, T value) {
    char digits[24];
    const auto [end, error] = std::to_chars(digits, digits + sizeof digits, value);
    static_cast<void>(error);  // 24 digits hold every 64-bit number
    out.append(digits, end);
}

void appendCode(std::string& out, std::string_view code) {
    if (code.empty()) return;
    out += '[';
    out += code;
    out += "] ";
}

std::string_view statusWord(Reply::Status status) {
    switch (status) {
        case Reply::Ok:
            return "OK";
        case Reply::No:
            return "NO";
        case Reply::Bad:
            break;
    }
    return "BAD";
}

// RFC 3501 section 9: ASTRING-CHAR = ATOM-CHAR / resp-specials ("]").
bool isAstringChar(char c) {
    return c > 0x20 && c < 0x7F && std::string_view("(){%*\"\\").find(c) == std::string_view::npos;
}

bool has8Bit(std::string_view octets) {
    return std::any_of(octets.begin(), octets.end(), [](char c) { return static_cast<unsigned char>(c) >= 0x80; });
}

// Whether a quoted string may hold it: no CR, LF, NUL; 8-bit only as UTF-8 and where that is enabled (RFC 6855 3).
bool fitsQuoted(std::string_view octets, bool utf8) {
    bool is8Bit = false;
    for (const char c : octets) {
        if (c == '\r' || c == '\n' || c == '\0') return false;
        if (static_cast<unsigned char>(c) >= 0x80) is8Bit = true;
    }
    return !is8Bit || (utf8 && isUtf8(octets));
}

void appendQuoted(std::string& out, std::string_view octets) {
    out += '"';
    for (const char c : octets) {
        if (c == '"' || c == '\\') out += '\\';
        out += c;
    }
    out += '"';
}

class SetWriter {
public:
    void add(std::uint32_t value) {
        if (_isOpen && _last != UINT32_MAX && value == _last + 1) {
            _last = value;
            return;
        }
        close();
        _isOpen = true;
        _first = _last = value;
    }
    std::string finish() {
        close();
        return std::move(_out);
    }

private:
    void close() {
        if (!_isOpen) return;
        if (!_out.empty()) _out += ',';
        appendNumber(_out, _first);
        if (_last != _first) {
            _out += ':';
            appendNumber(_out, _last);
        }
        _isOpen = false;
    }

    std::string _out;
    bool _isOpen = false;
    std::uint32_t _first = 0, _last = 0;
};

}  // namespace

void ResponseWriter::tagged(std::string_view tag, const Reply& reply) {
    appendLineText(*_out, tag);
    raw(" ").raw(statusWord(reply.status)).raw(" ");
    appendCode(*_out, reply.code);
    appendLineText(*_out, reply.text.empty() ? "Done" : std::string_view(reply.text));  // resp-text is never empty
    raw(crlf);
}

void ResponseWriter::untagged(std::string_view line) {
    raw("* ").raw(line).raw(crlf);
}

void ResponseWriter::status(std::string_view kind, std::string_view code, std::string_view text) {
    raw("* ").raw(kind).raw(" ");
    appendCode(*_out, code);
    appendLineText(*_out, text);
    raw(crlf);
}

void ResponseWriter::continuation(std::string_view text) {
    raw("+ ");
    appendLineText(*_out, text);
    raw(crlf);
}

void ResponseWriter::exists(std::size_t messages) {
    raw("* ").number(messages).raw(" EXISTS\r\n");
}

void ResponseWriter::recent(std::size_t messages) {
    if (_features->rev2) return;  // RFC 9051 appendix E: RECENT is gone
    raw("* ").number(messages).raw(" RECENT\r\n");
}

void ResponseWriter::expunge(SeqNum number_) {
    raw("* ").number(number_.value).raw(" EXPUNGE\r\n");
}

void ResponseWriter::flags(const std::vector<std::string>& names) {
    raw("* FLAGS ").flagList(names).raw(crlf);
}

void ResponseWriter::fetchFlags(SeqNum number_, const std::vector<std::string>& names, std::optional<Uid> uid) {
    raw("* ").number(number_.value).raw(" FETCH (");
    if (uid) raw("UID ").number(uid->value).raw(" ");
    raw("FLAGS ").flagList(names).raw(")\r\n");
}

ResponseWriter& ResponseWriter::raw(std::string_view octets) {
    _out->append(octets);
    return *this;
}

ResponseWriter& ResponseWriter::number(std::uint64_t value) {
    appendNumber(*_out, value);
    return *this;
}

ResponseWriter& ResponseWriter::string(std::string_view octets) {
    if (octets.find('\0') != std::string_view::npos) return string(withoutNuls(octets));
    if (_features->sevenBit && has8Bit(octets)) return string(asEncodedWords(octets));
    if (!fitsQuoted(octets, _features->utf8)) return literal(octets);
    appendQuoted(*_out, octets);
    return *this;
}

ResponseWriter& ResponseWriter::nstring(const std::optional<std::string>& octets) {
    return octets ? string(*octets) : raw("NIL");
}

ResponseWriter& ResponseWriter::literal(std::string_view octets) {
    raw("{").number(octets.size()).raw("}\r\n");
    const std::size_t begin = _out->size();
    raw(octets);
    if (_features->sevenBit) {
        // What is rendered has none of these; what a client named comes back to it.
        std::replace_if(
            _out->begin() + static_cast<std::ptrdiff_t>(begin), _out->end(),
            [](char c) { return c == '\0' || static_cast<unsigned char>(c) >= 0x80; }, '?');
    }
    replaceNuls(*_out, begin);
    return *this;
}

ResponseWriter& ResponseWriter::astring(std::string_view octets) {
    // "NIL" as an atom could be taken for the absence of a string.
    const bool isNil =
        octets.size() == 3 && (octets[0] | 0x20) == 'n' && (octets[1] | 0x20) == 'i' && (octets[2] | 0x20) == 'l';
    if (octets.empty() || isNil || !std::all_of(octets.begin(), octets.end(), isAstringChar)) return string(octets);
    return raw(octets);
}

ResponseWriter& ResponseWriter::mailbox(std::string_view wireName) {
    if (wireName.find_first_of("\\\"") != std::string_view::npos) return literal(wireName);
    return string(wireName);
}

ResponseWriter& ResponseWriter::flagList(const std::vector<std::string>& names) {
    raw("(");
    for (std::size_t i = 0; i < names.size(); ++i) {
        if (i > 0) raw(" ");
        raw(names[i]);
    }
    return raw(")");
}

std::vector<std::string> flagNames(const maildir::Record& record, const maildir::KeywordTable& keywords,
                                   bool isRecent) {
    static constexpr std::pair<maildir::Flag, std::string_view> systemFlags[] = {
        {maildir::Flag::Answered, "\\Answered"},
        {maildir::Flag::Flagged, "\\Flagged"},
        {maildir::Flag::Deleted, "\\Deleted"},
        {maildir::Flag::Seen, "\\Seen"},
        {maildir::Flag::Draft, "\\Draft"}};
    std::vector<std::string> names;
    if (isRecent) names.emplace_back("\\Recent");
    for (const auto& [flag, name] : systemFlags) {
        if (record.flags.has(flag)) names.emplace_back(name);
    }
    if (record.keywords.none()) return names;
    for (std::size_t i = 0; i < record.keywords.size() && i < keywords.size(); ++i) {
        if (!record.keywords.test(i)) continue;
        const std::string_view name = keywords.nameOf(i);
        if (!name.empty()) names.emplace_back(name);  // a letter of a file name that nothing explains is no keyword
    }
    return names;
}

void replaceNuls(std::string& octets, std::size_t from) {
    for (std::size_t at = octets.find('\0', from); at != std::string::npos; at = octets.find('\0', at + 1)) {
        octets[at] = static_cast<char>(0x80);
    }
}

std::string orderedSet(std::span<const Uid> uids) {
    SetWriter set;
    for (const Uid uid : uids) set.add(uid.value);
    return set.finish();
}

}  // namespace imapd
