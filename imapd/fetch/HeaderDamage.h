// What a client is told of headers that could not be read, with the code PARSE (RFC 3501 7.1): the message is shown all
// the same, by what could be read.
#pragma once

#include <string>

#include "maildir/message/Structure.h"

namespace imapd {

// The first damage found, as the end of a sentence; empty: none. Of the message's own header and those of its parts:
// a Date that is none, a multipart without a boundary, an unknown Content-Transfer-Encoding.
std::string damageOf(const maildir::Structure& structure);

}  // namespace imapd
