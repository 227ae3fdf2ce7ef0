// NOOP (RFC 3501 6.1.2): news is told with the tagged response, as for every command.
#pragma once

#include <memory>

#include "imapd/parser/Command.h"
#include "imapd/session/Execution.h"

namespace imapd {

class Session;

std::unique_ptr<Execution> startNoop(Session& session, Arguments&& arguments);

}  // namespace imapd
