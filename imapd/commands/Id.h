// ID (RFC 2971).
#pragma once

#include <memory>

#include "imapd/parser/Command.h"
#include "imapd/session/Execution.h"

namespace imapd {

class Session;

std::unique_ptr<Execution> startId(Session& session, Arguments&& arguments);

}  // namespace imapd
