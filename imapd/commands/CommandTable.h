// The only registration of commands: name, states in which it is legal, whether EXPUNGE may be told while it runs, and
// what makes its execution. One .h/.cpp pair a command stands beside it; legality lives here, not in them.
#pragma once

#include "imapd/session/CommandRow.h"

namespace imapd {

const CommandRow& rowOf(const Arguments& arguments);

// All of this folder, for the session.
CommandSet commandSet();

}  // namespace imapd
