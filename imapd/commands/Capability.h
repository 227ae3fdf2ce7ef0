// CAPABILITY (RFC 3501 6.1.1), and the one list of capabilities with their RFCs.
#pragma once

#include <memory>
#include <string>

#include "imapd/parser/Command.h"
#include "imapd/session/Execution.h"
#include "imapd/session/Policy.h"

namespace imapd {

class Session;

// What the session may use at this moment, separated by spaces: without TLS, before log-in and after it lists differ.
std::string capabilityText(const Session& session);

// The admin lets it be offered (imap.capabilities, imap.sevenBit).
bool mayOffer(const Policy& policy, const std::string& capability);

std::unique_ptr<Execution> startCapability(Session& session, Arguments&& arguments);

}  // namespace imapd
