// COPY and UID COPY: all or nothing. RFC 3501 6.4.7, RFC 4315 3 (COPYUID), RFC 2180 4.4.
#pragma once

#include <memory>

#include "imapd/parser/Command.h"
#include "imapd/session/Execution.h"

namespace imapd {

std::unique_ptr<Execution> startCopy(Session& session, Arguments&& arguments);

}  // namespace imapd
