#include "imapd/commands/Namespace.h"

#include "imapd/session/Session.h"
#include "imapd/session/UserMail.h"

namespace imapd {

std::unique_ptr<Execution> startNamespace(Session& session, Arguments&&) {
    ResponseWriter writer = session.writer();
    writer.raw("* NAMESPACE ((").string(session.mail().prefix()).raw(" ");
    writer.string(std::string(1, session.mail().delimiter())).raw(")) NIL NIL\r\n");
    return finished(Reply::ok("NAMESPACE completed"));
}

}  // namespace imapd
