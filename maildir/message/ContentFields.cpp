#include "maildir/message/ContentFields.h"

#include <algorithm>
#include <array>

#include "maildir/message/Ascii.h"
#include "maildir/message/Header.h"

namespace maildir {

namespace {

struct NamedField {
    std::string_view name;
    KnownField field;
};

constexpr std::array<NamedField, 18> namedFields = {{
    {"date", KnownField::Date},
    {"subject", KnownField::Subject},
    {"from", KnownField::From},
    {"sender", KnownField::Sender},
    {"reply-to", KnownField::ReplyTo},
    {"to", KnownField::To},
    {"cc", KnownField::Cc},
    {"bcc", KnownField::Bcc},
    {"in-reply-to", KnownField::InReplyTo},
    {"message-id", KnownField::MessageId},
    {"content-type", KnownField::ContentType},
    {"content-transfer-encoding", KnownField::ContentTransferEncoding},
    {"content-id", KnownField::ContentId},
    {"content-description", KnownField::ContentDescription},
    {"content-md5", KnownField::ContentMd5},
    {"content-disposition", KnownField::ContentDisposition},
    {"content-language", KnownField::ContentLanguage},
    {"content-location", KnownField::ContentLocation},
}};

constexpr bool isAddressField(KnownField field) {
    return field >= KnownField::From && field <= KnownField::Bcc;
}

// A token of RFC 2045 5.1, 8-bit octets allowed.
constexpr bool isTokenOctet(char c) {
    return static_cast<unsigned char>(c) > ' ' && c != 127 &&
           std::string_view("()<>@,;:\\\"/[]?=").find(c) == std::string_view::npos;
}

// Reads the value of one content field from left to right.
class FieldReader {
public:
    explicit FieldReader(std::string_view text) : _text(text) { skipCfws(); }

    [[nodiscard]] bool atEnd() const { return _at >= _text.size(); }

    bool accept(char c) {
        if (atEnd() || _text[_at] != c) return false;
        ++_at;
        skipCfws();
        return true;
    }

    // Empty: there is none here.
    std::string_view token() {
        const std::size_t start = _at;
        while (!atEnd() && isTokenOctet(_text[_at])) ++_at;
        const std::string_view found = _text.substr(start, _at - start);
        skipCfws();
        return found;
    }

    // What stands after "name=": a quoted string, or all up to white space, comment or semicolon, since senders leave
    // the quotes off values such as boundaries with '=' or '/'.
    std::string value() {
        if (!atEnd() && _text[_at] == '"') return quoted();
        const std::size_t start = _at;
        while (!atEnd() && !ascii::isSpace(_text[_at]) &&
               std::string_view(";(\"").find(_text[_at]) == std::string_view::npos) {
            ++_at;
        }
        std::string found(_text.substr(start, _at - start));
        skipCfws();
        return found;
    }

    void skipPast(char c) {
        while (!atEnd() && _text[_at] != c) {
            if (_text[_at] == '"') {
                quoted();
            } else {
                ++_at;
            }
        }
        accept(c);
    }

    Parameters parameters(FieldBudget& budget) {
        Parameters found;
        for (skipPast(';'); !atEnd() && budget.parameters > 0; skipPast(';')) {
            const std::string_view name = token();
            if (!accept('=') || name.empty()) continue;
            found.emplace_back(std::string(name), value());
            --budget.parameters;
        }
        return found;
    }

private:
    void skipCfws() { _at = ascii::afterCfws(_text, _at); }

    std::string quoted() {
        std::string found;
        for (++_at; !atEnd() && _text[_at] != '"'; ++_at) {
            if (_text[_at] == '\\' && _at + 1 < _text.size()) ++_at;
            found += _text[_at];
        }
        if (!atEnd()) ++_at;
        skipCfws();
        return found;
    }

    std::string_view _text;
    std::size_t _at = 0;
};

void readType(std::string_view value, Part& part, FieldBudget& budget) {
    FieldReader reader(value);
    const std::string_view type = reader.token();
    if (type.empty() || !reader.accept('/')) return;  // RFC 2045 5.2: damaged is as good as absent
    const std::string_view subtype = reader.token();
    if (subtype.empty()) return;
    part.type = type;
    part.subtype = subtype;
    part.parameters = reader.parameters(budget);
}

void readDisposition(std::string_view value, Part& part, FieldBudget& budget) {
    FieldReader reader(value);
    part.disposition = reader.token();
    part.dispositionParameters = reader.parameters(budget);
    // RFC 2183 2.8: what is not understood is an attachment.
    if (part.disposition.empty() && !part.dispositionParameters.empty()) part.disposition = "attachment";
}

void readLanguages(std::string_view value, Part& part, FieldBudget& budget) {
    FieldReader reader(value);
    for (; !reader.atEnd() && budget.parameters > 0; reader.skipPast(',')) {
        const std::string_view language = reader.token();
        if (language.empty()) continue;
        part.languages.emplace_back(language);
        --budget.parameters;
    }
}

// RFC 2045 6.1: one token, around which comments may stand; a semicolon behind it changes nothing. Anything else is an
// encoding that nobody knows, and is kept as it is written: what has it can't be decoded, and must not look as if it
// needed no decoding.
void readTransferEncoding(std::string_view value, Part& part) {
    constexpr std::size_t maxShownOctets = 100;
    FieldReader reader(value);
    if (reader.atEnd()) return;
    const std::string_view token = reader.token();
    const bool isOne = !token.empty() && (reader.atEnd() || reader.accept(';'));
    part.transferEncoding = isOne ? token : value.substr(0, maxShownOctets);
}

}  // namespace

KnownField knownField(std::string_view name) {
    for (const NamedField& known : namedFields) {
        if (ascii::equalIgnoringCase(known.name, name)) return known.field;
    }
    return KnownField::Other;
}

bool ContentFields::takeFirst(KnownField field) {
    const std::uint32_t bit = std::uint32_t(1) << static_cast<unsigned>(field);
    const bool isFirst = (_seen & bit) == 0;
    _seen |= bit;
    return isFirst;
}

void ContentFields::take(KnownField field, std::string_view raw, Part& part, FieldBudget& budget) {
    const std::string value = unfold(raw.substr(0, std::min<std::uint64_t>(raw.size(), budget.octets)));
    if (field < KnownField::ContentType) {
        if (!part.envelope) return;
        const auto index = static_cast<std::size_t>(field);
        std::string& kept = part.envelope->values[index];
        if (isAddressField(field) && !kept.empty()) {
            if (!value.empty()) kept += ", " + value;
        } else {
            kept = value;
        }
        part.envelope->present[index] = true;
        budget.octets -= value.size();
        return;
    }
    if (field == KnownField::Other || !takeFirst(field)) return;
    budget.octets -= value.size();
    switch (field) {
        case KnownField::ContentType:
            readType(value, part, budget);
            break;
        case KnownField::ContentTransferEncoding:
            readTransferEncoding(value, part);
            break;
        case KnownField::ContentId:
            part.contentId = value;
            break;
        case KnownField::ContentDescription:
            part.description = value;
            break;
        case KnownField::ContentMd5:
            part.md5 = value;
            break;
        case KnownField::ContentDisposition:
            readDisposition(value, part, budget);
            break;
        case KnownField::ContentLanguage:
            readLanguages(value, part, budget);
            break;
        case KnownField::ContentLocation:
            part.location = value;
            break;
        default:
            break;
    }
}

void ContentFields::finish(Part& part, bool isInDigest) const {
    const bool hasType = (_seen & (std::uint32_t(1) << static_cast<unsigned>(KnownField::ContentType))) != 0;
    if (!hasType && isInDigest) {
        part.type = "message";
        part.subtype = "rfc822";
    }
    if (ascii::equalIgnoringCase(part.type, "text") && findParameter(part.parameters, "charset") == nullptr) {
        part.parameters.emplace_back("charset", "us-ascii");
    }
}

const std::string* findParameter(const Parameters& parameters, std::string_view name) {
    for (const auto& [parameter, value] : parameters) {
        if (ascii::equalIgnoringCase(parameter, name)) return &value;
    }
    return nullptr;
}

bool boundaryOf(const Parameters& parameters, std::string& boundary) {
    if (const std::string* plain = findParameter(parameters, "boundary")) {
        boundary = *plain;
        return true;
    }
    if (std::optional<std::string> decoded = decodedParameter(parameters, "boundary")) {
        boundary = std::move(*decoded);
        return true;
    }
    return false;
}

}  // namespace maildir
