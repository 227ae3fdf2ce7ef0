// Extensions that imap.capabilities hides answer as if they did not exist: what the client uses of them is BAD.
#pragma once

#include <optional>

#include "imapd/parser/Command.h"
#include "imapd/response/Reply.h"
#include "imapd/session/Policy.h"

namespace imapd {

// What is said to a command that is, or uses, a hidden extension. IMAP4rev2 has most of them in it (RFC 9051 appendix
// E): where it is offered they are there.
std::optional<Reply> refusalOfHidden(const Policy& policy, const Arguments& arguments);

}  // namespace imapd
