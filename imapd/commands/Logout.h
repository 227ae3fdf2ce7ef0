// LOGOUT (RFC 3501 6.1.3).
#pragma once

#include <memory>

#include "imapd/parser/Command.h"
#include "imapd/session/Execution.h"

namespace imapd {

class Session;

std::unique_ptr<Execution> startLogout(Session& session, Arguments&& arguments);

}  // namespace imapd
