// SELECT and EXAMINE (RFC 3501 6.3.1, 6.3.2).
#pragma once

#include <memory>

#include "imapd/parser/Command.h"
#include "imapd/session/Execution.h"

namespace imapd {

class Session;

std::unique_ptr<Execution> startSelect(Session& session, Arguments&& arguments);

}  // namespace imapd
