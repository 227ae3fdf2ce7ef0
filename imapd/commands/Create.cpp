#include "imapd/commands/Create.h"

#include <optional>
#include <vector>

#include "imapd/commands/ListEntry.h"
#include "imapd/commands/NewName.h"
#include "imapd/session/Session.h"
#include "imapd/session/UserMail.h"
#include "maildir/Patience.h"

namespace imapd {

using maildir::ErrorKind;
using maildir::MailboxName;

namespace {

// RFC 6154 3: a mailbox whose special use cannot be had is not created.
std::optional<Reply> refusalOfUses(const UserMail& mail, const std::vector<std::string>& asked,
                                   std::vector<std::string>& uses) {
    for (const std::string& attribute : asked) {
        const std::optional<std::string> known = UserMail::knownSpecialUse(attribute);
        if (!known) return Reply::no("The special use " + attribute + " is not supported", "USEATTR");
        if (const auto holder = mail.holderOf(*known)) {
            return Reply::no("The mailbox " + mail.wireNameOf(*holder) + " has the special use " + *known, "USEATTR");
        }
        uses.push_back(*known);
    }
    return std::nullopt;
}

// The role is recorded first: one of a mailbox that a crash kept from being made means nothing.
std::optional<Reply> createWithUses(Session& session, const MailboxName& name, const std::vector<std::string>& uses) {
    const maildir::MailTree& tree = session.mail().tree();
    try {
        tree.specialUses().assign(uses, name, [&tree](const MailboxName& other) { return tree.exists(other); });
    } catch (const maildir::Error& error) {
        if (error.kind() != ErrorKind::AlreadyExists && error.kind() != ErrorKind::InvalidName) throw;
        return Reply::no("The special use cannot be had for this mailbox", "USEATTR");
    }
    try {
        tree.create(name);
    } catch (const maildir::Error&) {
        try {
            const maildir::Patience::Scope patience(maildir::Patience::Kind::GivesUp);
            tree.specialUses().remove(name);
        } catch (const maildir::Error& error) {
            session.logFailure("CREATE", error);
        }
        throw;
    }
    return std::nullopt;
}

Reply create(Session& session, const Create& command) {
    const UserMail& mail = session.mail();
    const MailboxName name = mail.newNameOf(command.mailbox);
    if (const auto refusal = refusalOfNewName(session.policy(), name.levels.size(), charactersOf(name)))
        return *refusal;
    if (name.isInbox()) return Reply::no("INBOX exists always", "ALREADYEXISTS");
    if (mail.tree().exists(name)) return Reply::no("A mailbox of this name exists already", "ALREADYEXISTS");
    std::vector<std::string> uses;
    if (const auto refusal = refusalOfUses(mail, command.specialUse, uses)) return *refusal;
    if (const MailboxName holder = mail.resolvedNameOf(command.mailbox); mail.tree().exists(holder)) {
        return Reply::no("This is another name of the mailbox " + mail.wireNameOf(holder), "ALREADYEXISTS");
    }
    if (uses.empty()) {
        mail.tree().specialUses().remove(name);  // of a mailbox of this name that another program removed
        mail.tree().create(name);
    } else if (const auto refusal = createWithUses(session, name, uses)) {
        return *refusal;
    }
    tellOtherName(session, name, command.mailbox);
    return Reply::ok("CREATE completed");
}

}  // namespace

std::unique_ptr<Execution> startCreate(Session&, Arguments&& arguments) {
    return inOneStep(std::get<Create>(std::move(arguments)), create);
}

}  // namespace imapd
