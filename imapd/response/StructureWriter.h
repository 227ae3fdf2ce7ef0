// ENVELOPE, BODY and BODYSTRUCTURE of a parsed message, ready for the wire (RFC 3501 7.4.2, RFC 9051 7.5.2).
#pragma once

#include <string>

#include "imapd/response/ResponseWriter.h"
#include "maildir/message/Structure.h"

namespace imapd {

// emptyHeaderIsNil: row V0057. Every octet that a client may not be sent (NUL, bare 8-bit where not enabled) is made
// safe.
std::string envelope(const maildir::EnvelopeFields& fields, const WireFeatures& features, bool emptyHeaderIsNil);
// withExtensions: BODYSTRUCTURE, else BODY.
std::string bodyStructure(const maildir::Part& root, const WireFeatures& features, bool withExtensions,
                          bool emptyHeaderIsNil);

}  // namespace imapd
