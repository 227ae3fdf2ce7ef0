#include "imapd/commands/Subscribe.h"

#include "imapd/session/Session.h"
#include "imapd/session/UserMail.h"

namespace imapd {

std::unique_ptr<Execution> startSubscribe(Session& session, Arguments&& arguments) {
    const UserMail& mail = session.mail();
    mail.tree().subscribe(mail.resolvedNameOf(std::get<Subscribe>(arguments).mailbox));
    return finished(Reply::ok("SUBSCRIBE completed"));
}

std::unique_ptr<Execution> startUnsubscribe(Session& session, Arguments&& arguments) {
    const UserMail& mail = session.mail();
    const maildir::MailboxName name = mail.existingNameOf(std::get<Unsubscribe>(arguments).mailbox);
    mail.tree().unsubscribe(name);
    if (session.policy().caseSensitiveNames) return finished(Reply::ok("UNSUBSCRIBE completed"));
    for (const maildir::MailboxName& subscribed : mail.tree().subscriptions()) {
        if (mail.isSameName(subscribed, name)) mail.tree().unsubscribe(subscribed);
    }
    return finished(Reply::ok("UNSUBSCRIBE completed"));
}

}  // namespace imapd
