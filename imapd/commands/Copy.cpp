#include "imapd/commands/Copy.h"

#include "imapd/commands/CopyUid.h"
#include "imapd/response/ErrorReply.h"
#include "imapd/session/Session.h"
#include "imapd/session/UserMail.h"

namespace imapd {

namespace {

// One step however many messages there are: RFC 3501 6.4.7 wants all or nothing, and a copy is a link for each.
Reply copy(Session& session, const Copy& arguments) {
    const std::optional<std::vector<Uid>> uids = session.view().resolve(arguments.set, arguments.isUid);
    if (!uids) return Reply::bad("No message has this number");
    try {
        const std::shared_ptr<maildir::Mailbox> target = session.mail().open(arguments.mailbox);
        if (uids->empty()) return Reply::ok("No messages to copy");  // RFC 3501 6.4.8
        const maildir::CopyResult result = target->copyFrom(session.view().mailbox(), *uids);
        if (result.someExpunged) {
            // RFC 2180 4.4.2
            return Reply::no("Some of the messages no longer exist, nothing was copied", "EXPUNGEISSUED");
        }
        return Reply::ok("Copy completed", copyUidCode(result));
    } catch (const maildir::Error& error) {
        if (error.kind() != maildir::ErrorKind::NotFound) session.logFailure("COPY", error);
        return replyToTarget(error);
    }
}

}  // namespace

std::unique_ptr<Execution> startCopy(Session& session, Arguments&& arguments) {
    return finished(copy(session, std::get<Copy>(arguments)));
}

}  // namespace imapd
