// The one place that turns a storage error into a reply (RFC 5530 codes). Clients never see paths or errno texts.
#pragma once

#include "imapd/response/Reply.h"
#include "maildir/Error.h"

namespace imapd {

Reply replyTo(const maildir::Error& error);
// For APPEND, COPY and MOVE: a target that does not exist gives [TRYCREATE] (RFC 3501 6.3.11, 6.4.7).
Reply replyToTarget(const maildir::Error& error);

}  // namespace imapd
