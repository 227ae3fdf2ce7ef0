#include "imapd/commands/Unselect.h"

#include "imapd/session/Session.h"

namespace imapd {

std::unique_ptr<Execution> startUnselect(Session& session, Arguments&&) {
    session.unselect();
    return finished(Reply::ok("Unselect completed"));
}

}  // namespace imapd
