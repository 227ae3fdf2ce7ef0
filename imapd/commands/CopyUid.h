// The response code that tells which UIDs copied messages have. RFC 4315 section 3.
#pragma once

#include <string>

#include "maildir/mailbox/Mailbox.h"

namespace imapd {

// "COPYUID validity source-set target-set"; empty if nothing was copied: then the code is not to be sent.
std::string copyUidCode(const maildir::CopyResult& result);

}  // namespace imapd
