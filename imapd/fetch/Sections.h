// Finds what a section of FETCH BODY[section] means in a message's structure. Pure. RFC 3501 6.4.5, RFC 9051 6.4.5.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "imapd/parser/Command.h"
#include "maildir/message/Structure.h"

namespace imapd {

// The octets of a section. For HEADER.FIELDS and HEADER.FIELDS.NOT: of the header that they choose from. Nothing if the
// message has no such part, or the part is no message where HEADER or TEXT asks for one.
std::optional<maildir::Extent> resolveSection(const maildir::Structure& structure, const Section& section);

// The stored header block cut down to the fields asked for, as sent: lines end in CRLF, an empty line at the end where
// the block has one.
std::string chosenFields(std::string_view storedHeader, const std::vector<std::string>& names, bool isNot);

// What names a section in a response: "BODY[1.2.HEADER.FIELDS (From To)]". item: BODY, BINARY or BINARY.SIZE.
std::string sectionName(const Section& section, bool utf8, std::string_view item = "BODY");

// The Content-Transfer-Encoding that is to be undone where a section is asked for decoded. The message itself has none,
// and multiparts and messages may have none (RFC 2045 6.4): their parts were found in their octets as they are.
std::string_view encodingOf(const maildir::Structure& structure, const std::vector<std::uint32_t>& numbers);

}  // namespace imapd
