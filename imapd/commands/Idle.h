// IDLE (RFC 2177).
#pragma once

#include <memory>

#include "imapd/parser/Command.h"
#include "imapd/session/Execution.h"

namespace imapd {

class Session;

std::unique_ptr<Execution> startIdle(Session& session, Arguments&& arguments);

}  // namespace imapd
