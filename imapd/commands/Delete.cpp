#include "imapd/commands/Delete.h"

#include "imapd/commands/ListEntry.h"
#include "imapd/session/Session.h"
#include "imapd/session/UserMail.h"
#include "maildir/Patience.h"

namespace imapd {

namespace {

Reply remove(Session& session, const Delete& command) {
    const UserMail& mail = session.mail();
    const std::string& asSent = command.mailbox;
    const maildir::MailboxName name = mail.existingNameOf(asSent);
    if (name.isInbox()) return Reply::no("INBOX cannot be deleted", "CANNOT");
    if (!session.policy().deletesWithChildren && mail.tree().hasChildren(name)) {
        return Reply::no("There are mailboxes below this one: delete those first", "HASCHILDREN");
    }
    if (!mail.tree().exists(name) && mail.tree().hasChildren(name)) {
        return Reply::no("This is only a level above other mailboxes: delete those", "HASCHILDREN");  // RFC 3501 6.3.4
    }
    mail.tree().remove(name);
    mail.forget(name);
    session.unselectIfGone();
    try {
        const maildir::Patience::Scope patience(maildir::Patience::Kind::GivesUp);
        mail.tree().specialUses().remove(name);
    } catch (const maildir::Error& error) {
        // The mailbox is gone, and a mailbox that does not exist has no role: nothing for the client to hear of.
        session.logFailure("DELETE", error);
    }
    tellOtherName(session, name, asSent);
    return Reply::ok("DELETE completed");
}

}  // namespace

std::unique_ptr<Execution> startDelete(Session&, Arguments&& arguments) {
    return inOneStep(std::get<Delete>(std::move(arguments)), remove);
}

}  // namespace imapd
