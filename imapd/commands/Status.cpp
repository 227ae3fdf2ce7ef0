#include "imapd/commands/Status.h"

#include <algorithm>

#include "imapd/session/Session.h"
#include "imapd/session/SizeOf.h"
#include "imapd/session/TimeSlice.h"
#include "imapd/session/UserMail.h"

namespace imapd {

StatusWork::StatusWork(std::shared_ptr<maildir::Mailbox> mailbox, std::string wireName, std::vector<StatusItem> items)
    : _mailbox(std::move(mailbox)), _wireName(std::move(wireName)), _items(std::move(items)) {}

bool StatusWork::step(Session& session, const TimeSlice& slice) {
    if (!_snapshot) _snapshot = _mailbox->refresh();
    if (std::find(_items.begin(), _items.end(), StatusItem::Size) != _items.end()) {
        for (; _next < _snapshot->size(); ++_next) {
            if (slice.isOver()) return false;
            try {
                _octets += countedOctets(session, *_mailbox, _snapshot->at(_next));
            } catch (const maildir::Error& error) {
                if (error.kind() != maildir::ErrorKind::Expunged) throw;  // gone meanwhile: it does not count
            }
        }
    }
    ResponseWriter writer = session.writer();
    writer.raw("* STATUS ").mailbox(_wireName).raw(" (");
    bool isFirst = true;
    for (const StatusItem item : _items) {
        if (!isFirst) writer.raw(" ");
        isFirst = false;
        switch (item) {
            case StatusItem::Messages:
                writer.raw("MESSAGES ").number(_snapshot->size());
                break;
            case StatusItem::Recent:
                writer.raw("RECENT ").number(_snapshot->recentUnclaimed());
                break;
            case StatusItem::UidNext:
                writer.raw("UIDNEXT ").number(_snapshot->uidNext().value);
                break;
            case StatusItem::UidValidity:
                writer.raw("UIDVALIDITY ").number(_snapshot->uidValidity().value);
                break;
            case StatusItem::Unseen:
                writer.raw("UNSEEN ").number(_snapshot->unseen());
                break;
            case StatusItem::Size:
                writer.raw("SIZE ").number(_octets);
                break;
            case StatusItem::Deleted:
                writer.raw("DELETED ").number(_snapshot->deleted());
                break;
            case StatusItem::HighestModSeq:
                writer.raw("HIGHESTMODSEQ ").number(_snapshot->highestModSeq().value);
                break;
        }
    }
    writer.raw(")\r\n");
    return true;
}

namespace {

class StatusExecution : public Execution {
public:
    explicit StatusExecution(StatusWork work) : _work(std::move(work)) {}
    Progress step(Session& session) override {
        return _work.step(session, TimeSlice()) ? Progress::Done : Progress::Again;
    }
    Reply reply() override { return Reply::ok("STATUS completed"); }

private:
    StatusWork _work;
};

}  // namespace

std::unique_ptr<Execution> startStatus(Session& session, Arguments&& arguments) {
    Status& command = std::get<Status>(arguments);
    if (std::find(command.items.begin(), command.items.end(), StatusItem::HighestModSeq) != command.items.end()) {
        return finished(Reply::bad("HIGHESTMODSEQ is not offered"));
    }
    // The name as the client wrote it, so that it knows its own again.
    return std::make_unique<StatusExecution>(
        StatusWork(session.mail().open(command.mailbox), command.mailbox, std::move(command.items)));
}

}  // namespace imapd
