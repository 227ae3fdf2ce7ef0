#include "imapd/commands/Rename.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "imapd/commands/Batches.h"
#include "imapd/commands/ListEntry.h"
#include "imapd/commands/NewName.h"
#include "imapd/session/Session.h"
#include "imapd/session/TimeSlice.h"
#include "imapd/session/UserMail.h"
#include "maildir/Patience.h"

namespace imapd {

using maildir::MailboxName;

namespace {

// RENAME INBOX moves its messages and leaves it empty; its inferiors stay (RFC 3501 6.3.5). Some messages a step: each
// of them is in one of the two at any moment. A step that had to wait for a lock goes on where it was.
class InboxRename {
public:
    // True: all is moved. False: another step is needed.
    bool goOn(const UserMail& mail, const MailboxName& to) {
        if (!_isCreated) {
            mail.tree().specialUses().remove(to);  // of a mailbox of this name that another program removed
            mail.tree().create(to);
            _isCreated = true;
        }
        if (!_batches) gather(mail, to);
        const TimeSlice slice;
        while (!_batches->isOver()) {
            if (slice.isOver()) return false;
            bool isWhole = true;
            _batches->next(
                [&](std::span<const Uid> uids) { isWhole = _target->moveFrom(*_inbox, uids).waiting.empty(); });
            if (isWhole) continue;
            _batches.reset();  // what is left is gathered anew, once the lock can be had
            return false;
        }
        return true;
    }

private:
    void gather(const UserMail& mail, const MailboxName& to) {
        _inbox = mail.open(MailboxName::inbox());
        _target = mail.open(to);
        const std::shared_ptr<const maildir::Snapshot> messages = _inbox->refresh();
        std::vector<Uid> uids;
        uids.reserve(messages->size());
        for (std::size_t index = 0; index < messages->size(); ++index) uids.push_back(messages->at(index)->uid);
        _batches.emplace(std::move(uids));
    }

    bool _isCreated = false;
    std::shared_ptr<maildir::Mailbox> _inbox, _target;
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
            const maildir::Patience::Scope patience(maildir::Patience::Kind::GivesUp);  // it is done, and stays so
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

// Nothing: another step is needed.
std::optional<Reply> rename(Session& session, const Rename& command, InboxRename& ofInbox) {
    const UserMail& mail = session.mail();
    const MailboxName from = mail.existingNameOf(command.from), to = mail.newNameOf(command.to);
    if (!session.policy().renamesAcrossHierarchy && to.levels.size() > 1) {
        return Reply::bad("The new name may not have the hierarchy delimiter in it");
    }
    if (to.isInbox()) return Reply::no("INBOX exists always", "ALREADYEXISTS");
    // A new name that means another mailbox is taken; one that means this very mailbox changes its case.
    if (const auto meant = mail.meantBy(to); meant && *meant != from && *meant != to) {
        return Reply::no("This is another name of the mailbox " + mail.wireNameOf(*meant), "ALREADYEXISTS");
    }
    if (from.isInbox()) {
        if (const auto refusal = refusalOfNewName(session.policy(), to.levels.size(), charactersOf(to)))
            return *refusal;
        if (!ofInbox.goOn(mail, to)) return std::nullopt;
        tellOtherName(session, to, command.to);
        return Reply::ok("RENAME completed: the messages of INBOX were moved");
    }
    if (from != to && isBelow(to, from)) return Reply::no("A mailbox cannot be moved below itself", "CANNOT");
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
    if (const auto refusal = refusalOfNewName(session.policy(), newDepth, newLength)) return *refusal;
    renameWithUses(session, from, to);
    for (const MailboxName& name : moved) mail.forget(name);
    tellOtherName(session, to, command.to);
    return Reply::ok("RENAME completed");
}

class RenameExecution : public Execution {
public:
    explicit RenameExecution(Rename command) : _command(std::move(command)) {}
    Progress step(Session& session) override {
        _reply = rename(session, _command, _ofInbox);
        return _reply ? Progress::Done : Progress::Again;
    }
    Reply reply() override { return *_reply; }

private:
    const Rename _command;
    InboxRename _ofInbox;
    std::optional<Reply> _reply;
};

}  // namespace

std::unique_ptr<Execution> startRename(Session&, Arguments&& arguments) {
    return std::make_unique<RenameExecution>(std::get<Rename>(std::move(arguments)));
}

}  // namespace imapd
