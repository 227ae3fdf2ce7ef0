// STORE and UID STORE. RFC 3501 6.4.6, RFC 9051 6.4.6, RFC 2180 4.2 (messages that another session expunged).
#pragma once

#include <memory>

#include "imapd/parser/Command.h"
#include "imapd/session/Execution.h"

namespace imapd {

std::unique_ptr<Execution> startStore(Session& session, Arguments&& arguments);

}  // namespace imapd
