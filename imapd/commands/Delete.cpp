#include "imapd/commands/Delete.h"

#include <optional>
#include <utility>

#include "imapd/commands/ListEntry.h"
#include "imapd/session/Session.h"
#include "imapd/session/TimeSlice.h"
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
    mail.tree().takeOut(name);
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

// The mailbox is gone after the first step; its files, which may be many, are removed in further ones.
class DeleteExecution : public Execution {
public:
    explicit DeleteExecution(Delete command) : _command(std::move(command)) {}

    Progress step(Session& session) override {
        if (!_reply) {
            _reply = remove(session, _command);
            return _reply->status == Reply::Ok ? Progress::Again : Progress::Done;
        }
        const TimeSlice slice;
        try {
            if (!session.mail().tree().removeLeftovers([&slice] { return slice.isOver(); })) return Progress::Again;
        } catch (const maildir::Error& error) {
            // They are out of everybody's sight, and removed with those of the next mailbox.
            session.logFailure("DELETE", error);
        }
        return Progress::Done;
    }
    Reply reply() override { return std::move(*_reply); }

private:
    Delete _command;
    std::optional<Reply> _reply;
};

}  // namespace

std::unique_ptr<Execution> startDelete(Session&, Arguments&& arguments) {
    return std::make_unique<DeleteExecution>(std::get<Delete>(std::move(arguments)));
}

}  // namespace imapd
