#include "imapd/response/StructureWriter.h"

#include <algorithm>
#include <cctype>

#include "imapd/response/Continuations.h"
#include "maildir/message/Header.h"

namespace imapd {

using maildir::Address;
using maildir::EnvelopeFields;
using maildir::Parameters;
using maildir::Part;

namespace {

bool equalsIgnoringCase(std::string_view left, std::string_view right) {
    return std::equal(left.begin(), left.end(), right.begin(), right.end(), [](char a, char b) {
        return std::tolower(static_cast<unsigned char>(a)) == std::tolower(static_cast<unsigned char>(b));
    });
}

class StructureWriter {
public:
    StructureWriter(const WireFeatures& features, bool emptyHeaderIsNil)
        : _writer(_out, features), _emptyHeaderIsNil(emptyHeaderIsNil) {}

    void envelope(const EnvelopeFields& fields) {
        raw("(");
        field(fields, EnvelopeFields::Date).raw(" ");
        field(fields, EnvelopeFields::Subject).raw(" ");
        addresses(fields);
        raw(" ");
        field(fields, EnvelopeFields::InReplyTo).raw(" ");
        field(fields, EnvelopeFields::MessageId).raw(")");
    }

    // Part trees are at most StructureLimits::depth deep, so recursion is bounded.
    void part(const Part& part, bool withExtensions) {
        raw("(");
        if (part.isMultipart()) {
            multipart(part, withExtensions);
        } else {
            single(part, withExtensions);
        }
        raw(")");
    }

    std::string finish() { return std::move(_out); }

private:
    StructureWriter& raw(std::string_view octets) {
        _writer.raw(octets);
        return *this;
    }

    StructureWriter& number(std::uint64_t value) {
        _writer.number(value);
        return *this;
    }

    StructureWriter& text(std::string_view octets) {
        _writer.string(octets);
        return *this;
    }

    StructureWriter& textOrNil(std::string_view octets) { return octets.empty() ? raw("NIL") : text(octets); }

    StructureWriter& field(const EnvelopeFields& fields, EnvelopeFields::Field which) {
        // RFC 3501 7.4.2: an absent field is NIL, a present but empty one the empty string (row V0057: NIL too).
        if (!fields.present[which] || (_emptyHeaderIsNil && fields.values[which].empty())) return raw("NIL");
        return text(fields.values[which]);
    }

    void addresses(const EnvelopeFields& fields) {
        const std::vector<Address> from = addressesOf(fields, EnvelopeFields::From);
        list(from).raw(" ");
        // RFC 3501 7.4.2: absent or empty Sender and Reply-To are what From is.
        for (const auto which : {EnvelopeFields::Sender, EnvelopeFields::ReplyTo}) {
            const std::vector<Address> own = addressesOf(fields, which);
            list(own.empty() ? from : own).raw(" ");
        }
        list(addressesOf(fields, EnvelopeFields::To)).raw(" ");
        list(addressesOf(fields, EnvelopeFields::Cc)).raw(" ");
        list(addressesOf(fields, EnvelopeFields::Bcc));
    }

    static std::vector<Address> addressesOf(const EnvelopeFields& fields, EnvelopeFields::Field which) {
        if (!fields.present[which]) return {};
        return maildir::parseAddresses(fields.values[which]);
    }

    StructureWriter& list(const std::vector<Address>& addresses) {
        if (addresses.empty()) return raw("NIL");
        raw("(");
        for (const Address& address : addresses) {
            raw("(");
            optional(address.name).raw(" ");
            optional(address.route).raw(" ");
            optional(address.mailbox).raw(" ");
            optional(address.host).raw(")");
        }
        return raw(")");
    }

    StructureWriter& optional(const std::optional<std::string>& octets) { return octets ? text(*octets) : raw("NIL"); }

    void multipart(const Part& part, bool withExtensions) {
        for (const Part& child : part.children) this->part(child, withExtensions);
        // The grammar asks for at least one part (RFC 3501 section 9, body-type-mpart): an empty text stands for none.
        if (part.children.empty()) this->part(Part(), withExtensions);
        raw(" ").text(part.subtype);
        if (!withExtensions) return;
        raw(" ");
        parameters(part.parameters, false).raw(" ");
        disposition(part).raw(" ");
        languages(part).raw(" ");
        textOrNil(part.location);
    }

    void single(const Part& part, bool withExtensions) {
        const bool isText = equalsIgnoringCase(part.type, "text");
        text(part.type).raw(" ").text(part.subtype).raw(" ");
        parameters(part.parameters, isText).raw(" ");
        textOrNil(part.contentId).raw(" ");
        textOrNil(part.description).raw(" ");
        text(part.transferEncoding).raw(" ").number(part.body.wireOctets);
        if (part.isMessage()) {
            const Part& enclosed = part.children.front();
            raw(" ");
            envelope(enclosed.envelope ? *enclosed.envelope : EnvelopeFields());
            raw(" ");
            this->part(enclosed, withExtensions);
        }
        if (isText || part.isMessage()) raw(" ").number(part.bodyLines);
        if (!withExtensions) return;
        raw(" ");
        textOrNil(part.md5).raw(" ");
        disposition(part).raw(" ");
        languages(part).raw(" ");
        textOrNil(part.location);
    }

    // RFC 2045 5.2: text without a charset is US-ASCII.
    StructureWriter& parameters(const Parameters& stored, bool charsetHasDefault) {
        const Parameters parameters = withoutContinuations(stored);
        const bool needsCharset = charsetHasDefault && std::none_of(parameters.begin(), parameters.end(), [](auto& p) {
                                      return equalsIgnoringCase(p.first, "charset");
                                  });
        if (parameters.empty() && !needsCharset) return raw("NIL");
        raw("(");
        bool isFirst = true;
        for (const auto& [name, value] : parameters) {
            if (!isFirst) raw(" ");
            isFirst = false;
            text(name).raw(" ").text(value);
        }
        if (needsCharset) raw(isFirst ? "" : " ").raw("\"charset\" \"us-ascii\"");
        return raw(")");
    }

    StructureWriter& disposition(const Part& part) {
        if (part.disposition.empty()) return raw("NIL");
        raw("(").text(part.disposition).raw(" ");
        return parameters(part.dispositionParameters, false).raw(")");
    }

    StructureWriter& languages(const Part& part) {
        if (part.languages.empty()) return raw("NIL");
        raw("(");
        for (std::size_t i = 0; i < part.languages.size(); ++i) raw(i > 0 ? " " : "").text(part.languages[i]);
        return raw(")");
    }

    std::string _out;
    ResponseWriter _writer;
    bool _emptyHeaderIsNil;
};

}  // namespace

std::string envelope(const EnvelopeFields& fields, const WireFeatures& features, bool emptyHeaderIsNil) {
    StructureWriter writer(features, emptyHeaderIsNil);
    writer.envelope(fields);
    return writer.finish();
}

std::string bodyStructure(const Part& root, const WireFeatures& features, bool withExtensions, bool emptyHeaderIsNil) {
    StructureWriter writer(features, emptyHeaderIsNil);
    writer.part(root, withExtensions);
    return writer.finish();
}

}  // namespace imapd
