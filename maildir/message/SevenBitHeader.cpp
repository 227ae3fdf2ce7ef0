#include "maildir/message/SevenBitHeader.h"

#include <algorithm>
#include <array>
#include <unordered_map>

#include "maildir/message/Ascii.h"
#include "maildir/message/Charset.h"
#include "maildir/message/ContentFields.h"
#include "maildir/message/FieldWriter.h"
#include "maildir/message/MessageFile.h"
#include "maildir/message/SevenBitFields.h"
#include "maildir/message/TextSearch.h"

namespace maildir {

namespace {

bool isForbidden(char c) {
    return static_cast<unsigned char>(c) >= 0x80 || c == '\0';
}

// For what nobody reads: names of fields, remains of what is damaged.
std::string masked(std::string_view octets, char mask) {
    std::string text(octets);
    std::replace_if(text.begin(), text.end(), isForbidden, mask);
    return text;
}

bool startsWithIgnoringCase(std::string_view text, std::string_view start) {
    return text.size() >= start.size() && ascii::equalIgnoringCase(text.substr(0, start.size()), start);
}

bool isAmong(std::string_view name, const auto& names) {
    return std::any_of(names.begin(), names.end(), [&](auto each) { return ascii::equalIgnoringCase(each, name); });
}

bool hasAddresses(std::string_view name) {
    constexpr std::array<std::string_view, 14> names = {"from",
                                                        "sender",
                                                        "reply-to",
                                                        "to",
                                                        "cc",
                                                        "bcc",
                                                        "resent-from",
                                                        "resent-to",
                                                        "resent-sender",
                                                        "resent-cc",
                                                        "resent-bcc",
                                                        "return-path",
                                                        "resent-reply-to",
                                                        "disposition-notification-to"};
    return isAmong(name, names);
}

bool hasComments(std::string_view name) {
    constexpr std::array<std::string_view, 9> names = {"date",         "resent-date", "received",
                                                       "mime-version", "message-id",  "references",
                                                       "in-reply-to",  "content-id",  "resent-message-id"};
    return isAmong(name, names);
}

}  // namespace

bool hasForbidden(std::string_view octets) {
    return std::any_of(octets.begin(), octets.end(), isForbidden);
}

bool mayBeOfHeaderText(const std::string& charset) {
    constexpr std::size_t maxNameOctets = 40;
    constexpr std::array<std::string_view, 3> ascii = {"us-ascii", "ascii", "utf-8"};
    constexpr std::array<std::string_view, 5> notExtended = {"utf", "ucs", "iso-2022", "hz", "iso-10646"};
    if (charset.empty() || charset.size() > maxNameOctets || isAmong(charset, ascii)) return false;
    if (std::any_of(notExtended.begin(), notExtended.end(),
                    [&](auto start) { return startsWithIgnoringCase(charset, start); })) {
        return false;
    }
    return isKnownCharset(charset);
}

std::string headerTextToUtf8(std::string_view octets, const std::string& charset) {
    constexpr std::string_view replacement = "\xEF\xBF\xBD";
    std::string utf8;
    appendLenient(octets, utf8);
    if (utf8 != octets && mayBeOfHeaderText(charset)) {
        std::optional<std::string> converted = toUtf8(octets, charset);
        if (converted && converted->find(replacement) == std::string::npos) utf8 = std::move(*converted);
    }
    for (std::size_t at = utf8.find('\0'); at != std::string::npos; at = utf8.find('\0', at + replacement.size())) {
        utf8.replace(at, 1, replacement);
    }
    return utf8;
}

namespace {

bool isToken(std::string_view text) {
    return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
        return c > ' ' && c < 127 && std::string_view("()<>@,;:\\\"/[]?=").find(c) == std::string_view::npos;
    });
}

std::string quotedOrToken(std::string_view text) {
    if (isToken(text)) return std::string(text);
    std::string quoted = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') quoted += '\\';
        quoted += c;
    }
    return quoted + '"';
}

// RFC 2231 7: attribute-char stands for itself. keepsPercent: the text is percent-encoded as far as it is 7-bit.
std::string percentEncoded(std::string_view octets, bool keepsPercent) {
    constexpr char digits[] = "0123456789ABCDEF";
    std::string text;
    for (const char c : octets) {
        const bool stays = ascii::isLetter(c) || ascii::isDigit(c) || (keepsPercent && !isForbidden(c)) ||
                           (c != '\0' && std::string_view("!#$&+-.^_`{|}~").find(c) != std::string_view::npos);
        if (stays) {
            text += c;
            continue;
        }
        const auto octet = static_cast<unsigned char>(c);
        text += '%';
        text += digits[octet >> 4];
        text += digits[octet & 15];
    }
    return text;
}

// The parameters of a field, written anew.
class ParameterWriter {
public:
    ParameterWriter(const Parameters& parameters, const std::string& charset, FieldWriter& writer)
        : _charset(&charset), _writer(&writer) {
        for (const auto& [name, value] : parameters) {
            const std::string base = name.substr(0, name.find('*'));
            const auto [known, isNew] = _byName.try_emplace(lowerCase(base), _values.size());
            if (isNew) _values.push_back({base, {}, false});
            Value& whole = _values[known->second];
            whole.forms.emplace_back(name, value);
            // In "name*" what is not percent-encoded yet only has to be.
            if (hasForbidden(value) && name.size() != base.size() + 1) whole.needsOneForm = true;
        }
    }

    void write(const std::string& newBoundary) {
        for (const Value& value : _values) {
            if (!newBoundary.empty() && ascii::equalIgnoringCase(value.name, "boundary")) continue;
            if (value.needsOneForm) {
                oneForm(value);
            } else {
                for (const auto& [name, text] : value.forms) asGiven(name, text);
            }
        }
        if (!newBoundary.empty()) one("boundary", quotedOrToken(newBoundary));
    }

private:
    // A parameter with all its forms and pieces: name, name*, name*0, name*1* (RFC 2231).
    struct Value {
        std::string name;
        Parameters forms;
        bool needsOneForm = false;  // one of them has octets in it that it must not have
    };

    static std::string lowerCase(std::string text) {
        std::transform(text.begin(), text.end(), text.begin(), ascii::lower);
        return text;
    }

    void oneForm(const Value& value) {
        Parameters forms;
        for (const auto& [name, text] : value.forms) {
            // RFC 2231 4: the one with a charset is preferred, so the plain one is not missed.
            if (name.size() == value.name.size() + 1) return asGiven(name, text);
            const bool isEncoded = name.ends_with('*');
            forms.emplace_back(name, isEncoded ? percentEncoded(text, true) : headerTextToUtf8(text, *_charset));
        }
        extended(masked(value.name, '_'), decodedParameter(forms, value.name).value_or(std::string()));
    }

    void asGiven(const std::string& name, const std::string& value) {
        one(masked(name, '_'), quotedOrToken(hasForbidden(value) ? percentEncoded(value, true) : value));
    }

    void extended(const std::string& base, const std::string& utf8) {
        constexpr std::size_t mostInOne = 800, mostInPiece = 600;  // a line has at most 998 octets
        const std::string text = percentEncoded(utf8, false);
        if (text.size() <= mostInOne) return one(base + '*', "utf-8''" + text);
        std::size_t number = 0;
        for (std::size_t at = 0; at < text.size(); ++number) {
            std::size_t end = std::min(at + mostInPiece, text.size());
            for (std::size_t i = 1; i <= 2 && end < text.size(); ++i) {
                if (text[end - i] == '%') {
                    end -= i;
                    break;
                }
            }
            one(base + '*' + std::to_string(number) + '*', (at == 0 ? "utf-8''" : "") + text.substr(at, end - at));
            at = end;
        }
    }

    void one(const std::string& name, const std::string& value) {
        _writer->word("", ";");
        _writer->word(" ", name + '=' + value);
    }

    const std::string* _charset;
    FieldWriter* _writer;
    std::vector<Value> _values;                            // in the order of their first form
    std::unordered_map<std::string, std::size_t> _byName;  // lower case
};

std::string nameOf(std::string_view raw) {
    return std::string(ascii::trim(raw.substr(0, raw.find(':'))));
}

}  // namespace

SevenBitHeader::SevenBitHeader(Changes changes, std::string charset)
    : _changes(std::move(changes)), _charset(std::move(charset)) {}

void SevenBitHeader::field(std::string_view raw, std::string& out) {
    const std::vector<HeaderField> fields = headerFields(raw);
    if (fields.size() != 1 || fields.front().name.empty()) {
        noField(raw, out);
        return;
    }
    const HeaderField& field = fields.front();
    const std::string_view lineEnd = raw.ends_with('\n') ? "\r\n" : "";
    const KnownField known = knownField(field.name);
    if (ascii::equalIgnoringCase(field.name, "mime-version")) _hasMimeVersion = true;
    if (known == KnownField::ContentTransferEncoding && !_changes.transferEncoding.empty()) {
        if (_hasTransferEncoding) return;  // the first counts, here; others may look at the last
        _hasTransferEncoding = true;
        out += nameOf(raw) + ": " + _changes.transferEncoding;
        out += lineEnd;
        return;
    }
    const bool isType = known == KnownField::ContentType;
    const bool isFirstType = isType && !_hasType;
    _hasType = _hasType || isType;
    if (isFirstType && !_changes.type.empty()) {
        out += nameOf(raw) + ": " + _changes.type;
        out += lineEnd;
        return;
    }
    const bool hasNewBoundary = isFirstType && !_changes.boundary.empty();
    if (!hasForbidden(raw) && !hasNewBoundary) {
        out += toWire(raw);
        return;
    }
    const std::string name = masked(field.name, '?');
    if (isType || known == KnownField::ContentDisposition) {
        HeaderField renamed = field;
        renamed.name = name;
        parameterField(renamed, isType, out);
    } else if (known == KnownField::ContentTransferEncoding || known == KnownField::ContentLanguage) {
        out += toWire(masked(name + ":" + std::string(field.value), '?'));
    } else {
        const std::string utf8 = headerTextToUtf8(unfold(field.value), _charset);
        const std::string spaced = ' ' + utf8;
        if (hasAddresses(name)) {
            out += addressField(name, spaced);
        } else {
            out += hasComments(name) ? commentedField(name, spaced) : unstructuredField(name, spaced);
        }
    }
    out += lineEnd;
}

// Line by line, so that none of them becomes a field by being joined with another.
void SevenBitHeader::noField(std::string_view raw, std::string& out) const {
    while (!raw.empty()) {
        const std::size_t lineEnd = std::min(raw.find('\n'), raw.size());
        std::string_view line = raw.substr(0, lineEnd);
        const bool isWhole = lineEnd < raw.size();
        raw.remove_prefix(isWhole ? lineEnd + 1 : lineEnd);
        if (isWhole && line.ends_with('\r')) line.remove_suffix(1);
        if (hasForbidden(line)) {
            FieldWriter writer;
            const std::string utf8 = headerTextToUtf8(line, _charset);
            writeUnstructured(utf8, writer);
            out += writer.finish();
        } else {
            out += line;
        }
        if (isWhole) out += "\r\n";
    }
}

void SevenBitHeader::parameterField(const HeaderField& field, bool isType, std::string& out) {
    Part part;
    part.type.clear();
    FieldBudget budget{field.value.size() + 1};
    ContentFields reader;
    reader.take(isType ? KnownField::ContentType : KnownField::ContentDisposition, field.value, part, budget);
    const bool isDamaged = isType ? part.type.empty() : part.disposition.empty();
    if (isDamaged) {
        out += toWire(masked(std::string(field.name) + ":" + std::string(field.value), '?'));
        return;
    }
    FieldWriter writer(field.name);
    const std::string boundary = isType ? std::exchange(_changes.boundary, {}) : std::string();
    writer.word(" ", masked(isType ? part.type + '/' + part.subtype : part.disposition, '_'));
    ParameterWriter(isType ? part.parameters : part.dispositionParameters, _charset, writer).write(boundary);
    out += writer.finish();
}

void SevenBitHeader::finish(std::string& out) {
    if (!_changes.needsTransferEncoding || _changes.transferEncoding.empty()) return;
    if (_changes.isMessage && !_hasMimeVersion) out += "MIME-Version: 1.0\r\n";
    if (!_hasTransferEncoding) out += "Content-Transfer-Encoding: " + _changes.transferEncoding + "\r\n";
}

}  // namespace maildir
