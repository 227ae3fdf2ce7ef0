#include "imapd/commands/Rename.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "imapd/commands/Batches.h"
#include "imapd/commands/ListEntry.h"
#include "imapd/commands/NewName.h"
#include "imapd/commands/TimeSlice.h"
#include "imapd/session/Session.h"
#include "imapd/session/UserMail.h"

namespace imapd {

using maildir::MailboxName;

namespace {

// RENAME INBOX moves its messages and leaves it empty; its inferiors stay (RFC 3501 6.3.5). Some messages a step: each
// of them is in one of the two at any moment.
class RenameInbox : public Execution {
public:
    RenameInbox(const UserMail& mail, const MailboxName& to, std::string given)
        : _to(to), _given(std::move(given)), _inbox(mail.open(MailboxName::inbox())), _target(mail.open(to)) {
        const std::shared_ptr<const maildir::Snapshot> messages = _inbox->refresh();
        std::vector<Uid> uids;
        uids.reserve(messages->size());
        for (std::size_t index = 0; index < messages->size(); ++index) uids.push_back(messages->at(index)->uid);
        _batches.emplace(std::move(uids));
    }

    Progress step(Session& session) override {
        const TimeSlice slice;
        while (!_batches->isOver()) {
            if (slice.isOver()) return Progress::Again;
            _batches->next([&](std::span<const Uid> uids) { (void)_target->moveFrom(*_inbox, uids); });
        }
        tellOtherName(session, _to, _given);
        return Progress::Done;
    }

    Reply reply() override { return Reply::ok("RENAME completed: the messages of INBOX were moved"); }

private:
    const MailboxName _to;
    const std::string _given;  // what the client called it
    const std::shared_ptr<maildir::Mailbox> _inbox, _target;
    std::optional<Batches> _batches;
};

bool isBelow(const MailboxName& name, const MailboxName& above) {
    return name.levels.size() >= above.levels.size() &&
           std::equal(above.levels.begin(), above.levels.end(), name.levels.begin());
}

// Special uses go with their mailboxes. Until the rename is done they are recorded under both names.
void renameWithUses(Session& session, const MailboxName& from, const MailboxName& to) {
    const maildir::MailTree& tree = session.mail().tree();
    const maildir::SpecialUseFile uses = tree.specialUses();
    if (from != to && !tree.exists(to)) uses.beginRename(from, to);
    const auto end = [&](const MailboxName& gone) {
        try {
            uses.endRename(gone);
        } catch (const maildir::Error& error) {
            // What does not exist has no role, so this line too much does no harm.
            session.logFailure("RENAME", error);
        }
    };
    try {
        tree.rename(from, to);
    } catch (const maildir::Error&) {
        if (from != to && !tree.exists(to)) end(to);
        throw;
    }
    end(from);
}

}  // namespace

std::unique_ptr<Execution> startRename(Session& session, Arguments&& arguments) {
    const Rename& command = std::get<Rename>(arguments);
    const UserMail& mail = session.mail();
    const MailboxName from = mail.existingNameOf(command.from), to = mail.newNameOf(command.to);
    if (!session.policy().renamesAcrossHierarchy && to.levels.size() > 1) {
        return finished(Reply::bad("The new name may not have the hierarchy delimiter in it"));
    }
    if (to.isInbox()) return finished(Reply::no("INBOX exists always", "ALREADYEXISTS"));
    // A new name that means another mailbox is taken; one that means this very mailbox changes its case.
    if (const auto meant = mail.meantBy(to); meant && *meant != from && *meant != to) {
        return finished(Reply::no("This is another name of the mailbox " + mail.wireNameOf(*meant), "ALREADYEXISTS"));
    }
    if (from.isInbox()) {
        if (const auto refusal = refusalOfNewName(session.policy(), to.levels.size(), charactersOf(to)))
            return finished(*refusal);
        mail.tree().specialUses().remove(to);  // of a mailbox of this name that another program removed
        mail.tree().create(to);
        return std::make_unique<RenameInbox>(mail, to, command.to);
    }
    if (from != to && isBelow(to, from)) return finished(Reply::no("A mailbox cannot be moved below itself", "CANNOT"));
    std::vector<MailboxName> moved;
    std::size_t deepest = from.levels.size(), longest = charactersOf(from);
    for (const maildir::MailboxEntry& entry : mail.tree().list()) {
        if (!isBelow(entry.name, from)) continue;
        moved.push_back(entry.name);
        deepest = std::max(deepest, entry.name.levels.size());
        longest = std::max(longest, charactersOf(entry.name));
    }
    const std::size_t newDepth = to.levels.size() + deepest - from.levels.size();
    const std::size_t newLength = charactersOf(to) + longest - charactersOf(from);
    if (const auto refusal = refusalOfNewName(session.policy(), newDepth, newLength)) return finished(*refusal);
    renameWithUses(session, from, to);
    for (const MailboxName& name : moved) mail.forget(name);
    tellOtherName(session, to, command.to);
    return finished(Reply::ok("RENAME completed"));
}

}  // namespace imapd
