#include "imapd/commands/Noop.h"

namespace imapd {

std::unique_ptr<Execution> startNoop(Session&, Arguments&&) {
    return finished(Reply::ok("NOOP completed"));
}

}  // namespace imapd
