#include "imapd/commands/Select.h"

#include <algorithm>

#include "imapd/commands/ListEntry.h"
#include "imapd/session/Session.h"
#include "imapd/session/UserMail.h"

namespace imapd {

namespace {

std::optional<SeqNum> firstUnseen(const maildir::Snapshot& shown) {
    std::uint32_t before = 0;
    for (const auto& chunk : shown.chunks()) {
        if (chunk->unseen() > 0) {
            const auto records = chunk->records();
            const auto unseen = std::find_if(records.begin(), records.end(), [](const maildir::Record& record) {
                return !record.flags.has(maildir::Flag::Seen);
            });
            if (unseen != records.end())
                return SeqNum{before + 1 + static_cast<std::uint32_t>(unseen - records.begin())};
        }
        before += static_cast<std::uint32_t>(chunk->size());
    }
    return std::nullopt;
}

void tellState(Session& session, bool isReadOnly) {
    const View& view = session.view();
    ResponseWriter writer = session.writer();
    std::vector<std::string> flags = view.definedFlags();
    writer.flags(flags);
    if (isReadOnly)
        flags.clear();
    else if (view.shownKeywords().isAny() && maildir::hasRoomForKeyword(view.shown()))
        flags.emplace_back("\\*");  // new keywords can be made (RFC 3501 7.1)
    std::string permanent;
    ResponseWriter(permanent, session.features()).flagList(flags);
    writer.status("OK", "PERMANENTFLAGS " + permanent, isReadOnly ? "No flags can be changed" : "Flags can be changed");
    writer.exists(view.size());
    writer.recent(view.recentCount());
    if (const auto unseen = firstUnseen(view.shown()); unseen && !session.features().rev2) {
        writer.status("OK", "UNSEEN " + std::to_string(unseen->value), "First unseen message");
    }
    writer.status("OK", "UIDVALIDITY " + std::to_string(view.shown().uidValidity().value), "UIDs are valid");
    writer.status("OK", "UIDNEXT " + std::to_string(view.shown().uidNext().value), "Predicted next UID");
}

Reply select(Session& session, const Select& command) {
    // Whatever becomes of this, the mailbox selected before is not any more (RFC 3501 6.3.1).
    // IMAP4rev2 is told where the news of the old one ends (RFC 9051 7.1).
    if (session.hasView() && session.features().rev2) {
        session.writer().status("OK", "CLOSED", "The mailbox selected before is closed");
    }
    session.unselect();
    if (!command.parameters.empty()) {
        return Reply::bad("The parameter " + command.parameters.front().name + " is not offered");
    }
    const maildir::MailboxName name = session.mail().resolvedNameOf(command.mailbox);
    std::shared_ptr<maildir::Mailbox> mailbox = session.mail().open(name);
    session.select(std::make_unique<View>(std::move(mailbox), command.isReadOnly, session.policy().keywords,
                                          [waker = session.waker()] { waker.wake(); }));
    const bool isReadOnly = session.view().isReadOnly();
    tellState(session, isReadOnly);
    tellSelected(session, name, command.mailbox);
    return isReadOnly ? Reply::ok(command.isReadOnly ? "EXAMINE completed" : "SELECT completed", "READ-ONLY")
                      : Reply::ok("SELECT completed", "READ-WRITE");
}

}  // namespace

std::unique_ptr<Execution> startSelect(Session&, Arguments&& arguments) {
    return inOneStep(std::get<Select>(std::move(arguments)), select);
}

}  // namespace imapd
