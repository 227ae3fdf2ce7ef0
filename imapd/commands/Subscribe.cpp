#include "imapd/commands/Subscribe.h"

#include "imapd/session/Session.h"
#include "imapd/session/UserMail.h"

namespace imapd {

namespace {

Reply subscribe(Session& session, const Subscribe& command) {
    const UserMail& mail = session.mail();
    mail.tree().subscribe(mail.resolvedNameOf(command.mailbox));
    return Reply::ok("SUBSCRIBE completed");
}

Reply unsubscribe(Session& session, const Unsubscribe& command) {
    const UserMail& mail = session.mail();
    const maildir::MailboxName name = mail.existingNameOf(command.mailbox);
    mail.tree().unsubscribe(name);
    if (session.policy().caseSensitiveNames) return Reply::ok("UNSUBSCRIBE completed");
    for (const maildir::MailboxName& subscribed : mail.tree().subscriptions()) {
        if (mail.isSameName(subscribed, name)) mail.tree().unsubscribe(subscribed);
    }
    return Reply::ok("UNSUBSCRIBE completed");
}

}  // namespace

std::unique_ptr<Execution> startSubscribe(Session&, Arguments&& arguments) {
    return inOneStep(std::get<Subscribe>(std::move(arguments)), subscribe);
}

std::unique_ptr<Execution> startUnsubscribe(Session&, Arguments&& arguments) {
    return inOneStep(std::get<Unsubscribe>(std::move(arguments)), unsubscribe);
}

}  // namespace imapd
