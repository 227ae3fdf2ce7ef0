#include "imapd/commands/StartTls.h"

#include "imapd/session/Session.h"

namespace imapd {

std::unique_ptr<Execution> startStartTls(Session& session, Arguments&&) {
    if (session.tls().isActive) return finished(Reply::bad("TLS is active already"));
    if (!session.offersTls()) return finished(Reply::no("TLS is not configured on this server", "UNAVAILABLE"));
    session.startTls();
    return finished(Reply::ok("Begin the TLS negotiation now"));
}

}  // namespace imapd
