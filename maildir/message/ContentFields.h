// Takes the header fields of one part, as the parser meets them, over into its Part: content fields and, for messages,
// the envelope. RFC 2045 5 to 8, RFC 2183, RFC 3282, RFC 1864, RFC 2557; RFC 5322 3.6.
//
// As Dovecot does: of repeated content fields the first counts, of repeated addresses all (a mail program that looks
// at another From than the one checked is deceived), of other repeated envelope fields the last.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "maildir/message/Structure.h"

namespace maildir {

// What the fields of a whole message may still take up: a hostile one is cut short, not refused.
struct FieldBudget {
    std::uint64_t octets = 0;
    std::uint32_t parameters = 20000;
};

// The fields that a Part keeps.
enum class KnownField : std::uint8_t {
    // in the order of EnvelopeFields::Field
    Date,
    Subject,
    From,
    Sender,
    ReplyTo,
    To,
    Cc,
    Bcc,
    InReplyTo,
    MessageId,
    ContentType,
    ContentTransferEncoding,
    ContentId,
    ContentDescription,
    ContentMd5,
    ContentDisposition,
    ContentLanguage,
    ContentLocation,
    Other
};

KnownField knownField(std::string_view name);

class ContentFields {
public:
    // value: after the colon, folds may still be in it. Envelope fields are kept if the part has an envelope.
    void take(KnownField field, std::string_view value, Part& part, FieldBudget& budget);

    // After the last field: gives what RFC 2045 5.2 and RFC 2046 5.1.5 say of absent fields.
    void finish(Part& part, bool isInDigest) const;

private:
    bool takeFirst(KnownField field);

    std::uint32_t _seen = 0;
};

// The value of the parameter, case-insensitively; of a boundary also one in RFC 2231 continuations. Null: absent.
const std::string* findParameter(const Parameters& parameters, std::string_view name);
// The boundary of a multipart. False: it has none.
bool boundaryOf(const Parameters& parameters, std::string& boundary);

}  // namespace maildir
