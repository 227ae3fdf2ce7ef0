// STARTTLS (RFC 3501 6.2.1).
#pragma once

#include <memory>

#include "imapd/parser/Command.h"
#include "imapd/session/Execution.h"

namespace imapd {

class Session;

std::unique_ptr<Execution> startStartTls(Session& session, Arguments&& arguments);

}  // namespace imapd
