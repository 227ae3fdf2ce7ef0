#include "imapd/fetch/FlagLines.h"

#include "imapd/session/Session.h"

namespace imapd {

using maildir::AscendingFinder;
using maildir::Record;
using maildir::Snapshot;

bool FlagLines::suffice(const FetchPlan& plan) {
    return plan.flags && !plan.internalDate && !plan.size && !plan.showsStructure() && !plan.setsSeen &&
           plan.parts.empty();
}

bool FlagLines::write(Session& session, const FetchPlan& plan, std::span<const maildir::Uid> uids) {
    View& view = session.view();
    const bool tellsRecent = !session.features().rev2;  // RFC 9051 has no \Recent
    // The newest flags; a message that another session expunged keeps those that the view shows.
    const std::shared_ptr<const Snapshot> newest = view.mailbox().snapshot();
    AscendingFinder inView(view.shown()), inMailbox(*newest);
    ResponseWriter writer = session.writer();
    const auto writeFlags = [&](const Record& record, const Snapshot& snapshot) {
        if (record.keywords.any()) {
            writer.flagList(view.namesOf(record, snapshot.keywords(), tellsRecent));
            return;
        }
        const bool isRecent = tellsRecent && view.recentCount() > 0 && view.isRecent(record.uid);
        std::string& text = _texts[record.flags.bits() * 2u + (isRecent ? 1 : 0)];
        if (text.empty()) {
            ResponseWriter(text, session.features()).flagList(view.namesOf(record, snapshot.keywords(), tellsRecent));
        }
        writer.raw(text);
    };
    bool isWhole = true;
    for (const maildir::Uid uid : uids) {
        const auto shown = inView.find(uid);
        if (!shown) {
            isWhole = false;
            continue;
        }
        const auto present = inMailbox.find(uid);
        const Record& record = present ? *present->record : *shown->record;
        writer.raw("* ").number(shown->index + 1).raw(" FETCH (");
        if (plan.uid) writer.raw("UID ").number(uid.value).raw(" ");
        writer.raw("FLAGS ");
        writeFlags(record, present ? *newest : view.shown());
        writer.raw(")\r\n");
        if (!record.sameFlags(*shown->record)) view.flagsAreKnown(uid, record.flags, record.keywords);
    }
    return isWhole;
}

}  // namespace imapd
