// CHECK, which is NOOP by another name (row V0036). RFC 3501 6.4.1.
#pragma once

#include <memory>

#include "imapd/parser/Command.h"
#include "imapd/session/Execution.h"

namespace imapd {

std::unique_ptr<Execution> startCheck(Session& session, Arguments&& arguments);

}  // namespace imapd
