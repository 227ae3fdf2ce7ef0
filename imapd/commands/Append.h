// APPEND: makes the message that was received a message of its mailbox. RFC 3501 6.3.11, RFC 4315 3 (APPENDUID).
#pragma once

#include <memory>

#include "imapd/parser/Command.h"
#include "imapd/session/Execution.h"

namespace imapd {

// CommandSet::appendRefusal: flags, date and UTF8.
std::optional<Reply> appendRefusal(Session& session, const Append& arguments);
std::unique_ptr<Execution> startAppend(Session& session, Arguments&& arguments);

}  // namespace imapd
