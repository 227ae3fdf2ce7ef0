// MOVE and UID MOVE, message by message: each is in one of the two mailboxes at any moment. RFC 6851.
#pragma once

#include <memory>

#include "imapd/parser/Command.h"
#include "imapd/session/Execution.h"

namespace imapd {

std::unique_ptr<Execution> startMove(Session& session, Arguments&& arguments);

}  // namespace imapd
