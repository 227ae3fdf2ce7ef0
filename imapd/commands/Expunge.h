// EXPUNGE and UID EXPUNGE. RFC 3501 6.4.3, RFC 4315 2.1.
#pragma once

#include <memory>

#include "imapd/parser/Command.h"
#include "imapd/session/Execution.h"

namespace imapd {

std::unique_ptr<Execution> startExpunge(Session& session, Arguments&& arguments);

}  // namespace imapd
