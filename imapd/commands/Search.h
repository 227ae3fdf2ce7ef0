// SEARCH and UID SEARCH. RFC 3501 6.4.4, RFC 9051 6.4.4, RFC 4731 (ESEARCH), RFC 5182 (SEARCHRES).
#pragma once

#include <memory>

#include "imapd/parser/Command.h"
#include "imapd/session/Execution.h"

namespace imapd {

std::unique_ptr<Execution> startSearch(Session& session, Arguments&& arguments);

}  // namespace imapd
