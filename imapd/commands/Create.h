// CREATE (RFC 3501 6.3.3): missing superiors are made as real mailboxes.
#pragma once

#include <memory>

#include "imapd/parser/Command.h"
#include "imapd/session/Execution.h"

namespace imapd {

class Session;

std::unique_ptr<Execution> startCreate(Session& session, Arguments&& arguments);

}  // namespace imapd
