#include "imapd/commands/Expunge.h"

#include "imapd/commands/DeletedMessages.h"
#include "imapd/session/Session.h"

namespace imapd {

namespace {

// The EXPUNGE responses come from the synchronisation that follows, as for messages that others removed.
class ExpungeExecution : public Execution {
public:
    explicit ExpungeExecution(std::vector<Uid> uids) : _messages(std::move(uids)) {}

    Progress step(Session& session) override {
        const TimeSlice slice;
        return _messages.remove(session.view(), slice) ? Progress::Done : Progress::Again;
    }

    Reply reply() override { return Reply::ok("Expunge completed"); }

private:
    DeletedMessages _messages;
};

}  // namespace

std::unique_ptr<Execution> startExpunge(Session& session, Arguments&& arguments) {
    const Expunge& expunge = std::get<Expunge>(arguments);
    const View& view = session.view();
    if (view.isReadOnly()) return finished(Reply::no("The mailbox is selected read-only", "READ-ONLY"));
    if (!expunge.uids) return std::make_unique<ExpungeExecution>(shownAsDeleted(view));
    std::optional<std::vector<Uid>> uids = view.resolve(*expunge.uids, true);
    if (!uids) return finished(Reply::bad("No message has this UID"));
    return std::make_unique<ExpungeExecution>(std::move(*uids));
}

}  // namespace imapd
