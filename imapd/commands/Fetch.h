// FETCH and UID FETCH. RFC 3501 6.4.5, RFC 9051 6.4.5, RFC 2180 4.1 (messages that another session expunged).
#pragma once

#include <memory>

#include "imapd/parser/Command.h"
#include "imapd/session/Execution.h"

namespace imapd {

std::unique_ptr<Execution> startFetch(Session& session, Arguments&& arguments);

}  // namespace imapd
