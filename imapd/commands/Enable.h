// ENABLE (RFC 5161).
#pragma once

#include <memory>

#include "imapd/parser/Command.h"
#include "imapd/session/Execution.h"

namespace imapd {

class Session;

std::unique_ptr<Execution> startEnable(Session& session, Arguments&& arguments);

}  // namespace imapd
