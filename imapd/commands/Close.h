// CLOSE: removes what is marked \Deleted without telling, then leaves the mailbox. RFC 3501 6.4.2.
#pragma once

#include <memory>

#include "imapd/parser/Command.h"
#include "imapd/session/Execution.h"

namespace imapd {

std::unique_ptr<Execution> startClose(Session& session, Arguments&& arguments);

}  // namespace imapd
