#include "imapd/commands/Close.h"

#include "imapd/commands/DeletedMessages.h"
#include "imapd/session/Session.h"

namespace imapd {

namespace {

class CloseExecution : public Execution {
public:
    explicit CloseExecution(std::vector<Uid> uids) : _messages(std::move(uids)) {}

    Progress step(Session& session) override {
        const TimeSlice slice;
        try {
            if (!_messages.remove(session.view(), slice)) return Progress::Again;
        } catch (const maildir::Error& error) {
            if (error.kind() == maildir::ErrorKind::WouldWait) throw;
            // RFC 3501 6.4.2 knows no NO: the mailbox is left, and what could not be removed stays marked.
            session.logFailure("CLOSE", error);
        }
        session.unselect();
        return Progress::Done;
    }

    Reply reply() override { return Reply::ok("Close completed"); }

private:
    DeletedMessages _messages;
};

}  // namespace

std::unique_ptr<Execution> startClose(Session& session, Arguments&&) {
    // RFC 3501 6.4.2: nothing is removed from a mailbox that was opened by EXAMINE.
    const View& view = session.view();
    return std::make_unique<CloseExecution>(view.isReadOnly() ? std::vector<Uid>() : shownAsDeleted(view));
}

}  // namespace imapd
