// LIST with RFC 5258, RFC 5819 and RFC 6154 options, LSUB, and XLIST, Gmail's forerunner of SPECIAL-USE that old
// Outlooks send.
#pragma once

#include <memory>

#include "imapd/parser/Command.h"
#include "imapd/session/Execution.h"

namespace imapd {

class Session;

std::unique_ptr<Execution> startList(Session& session, Arguments&& arguments);
std::unique_ptr<Execution> startLsub(Session& session, Arguments&& arguments);
std::unique_ptr<Execution> startXList(Session& session, Arguments&& arguments);

}  // namespace imapd
