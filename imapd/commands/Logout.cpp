#include "imapd/commands/Logout.h"

#include "imapd/session/Session.h"

namespace imapd {

std::unique_ptr<Execution> startLogout(Session& session, Arguments&&) {
    session.log("logged out");
    session.logOut("Logging out");
    return finished(Reply::ok("LOGOUT completed"));
}

}  // namespace imapd
