// UNSELECT: leaves the mailbox and removes nothing. RFC 3691.
#pragma once

#include <memory>

#include "imapd/parser/Command.h"
#include "imapd/session/Execution.h"

namespace imapd {

std::unique_ptr<Execution> startUnselect(Session& session, Arguments&& arguments);

}  // namespace imapd
