// AUTHENTICATE (RFC 3501 6.2.2, RFC 4959), whatever the mechanism, and LOGIN (RFC 3501 6.2.3).
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "imapd/parser/Command.h"
#include "imapd/session/Execution.h"

namespace imapd {

class Session;

// Those that can be served on this connection and that the admin allows; the strongest first.
std::vector<std::string> offeredMechanisms(const Session& session);

std::unique_ptr<Execution> startAuthenticate(Session& session, Arguments&& arguments);
std::unique_ptr<Execution> startLogin(Session& session, Arguments&& arguments);

}  // namespace imapd
