// RENAME (RFC 3501 6.3.5).
#pragma once

#include <memory>

#include "imapd/parser/Command.h"
#include "imapd/session/Execution.h"

namespace imapd {

class Session;

std::unique_ptr<Execution> startRename(Session& session, Arguments&& arguments);

}  // namespace imapd
