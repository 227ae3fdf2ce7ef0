// SUBSCRIBE and UNSUBSCRIBE (RFC 3501 6.3.6, 6.3.7): names, whether mailboxes of these names exist or not.
#pragma once

#include <memory>

#include "imapd/parser/Command.h"
#include "imapd/session/Execution.h"

namespace imapd {

class Session;

std::unique_ptr<Execution> startSubscribe(Session& session, Arguments&& arguments);
std::unique_ptr<Execution> startUnsubscribe(Session& session, Arguments&& arguments);

}  // namespace imapd
