#include "imapd/commands/Move.h"

#include "imapd/commands/Batches.h"
#include "imapd/commands/CopyUid.h"
#include "imapd/commands/TimeSlice.h"
#include "imapd/response/ErrorReply.h"
#include "imapd/session/Session.h"
#include "imapd/session/UserMail.h"

namespace imapd {

using maildir::CopyResult;
using maildir::Mailbox;

namespace {

class MoveExecution : public Execution {
public:
    MoveExecution(std::shared_ptr<Mailbox> target, std::vector<Uid> uids)
        : _target(std::move(target)), _batches(std::move(uids)) {}

    Progress step(Session& session) override {
        const TimeSlice slice;
        try {
            const View& view = session.view();
            while (!_batches.isOver()) {
                if (slice.isOver()) return Progress::Again;
                _batches.next(
                    [&](std::span<const Uid> uids) { add(_target->moveFrom(view.mailbox(), uids, view.viewer())); });
            }
        } catch (const maildir::Error& error) {
            session.logFailure("MOVE", error);
            _failure = replyToTarget(error);
        }
        tell(session);
        return Progress::Done;
    }

    Reply reply() override {
        if (_failure) return *_failure;
        if (_moved.someExpunged) return Reply::no("Some of the messages no longer exist", "EXPUNGEISSUED");
        return Reply::ok("Move completed", _codeOfReply);
    }

private:
    void add(const CopyResult& result) {
        _moved.targetUidValidity = result.targetUidValidity;
        _moved.source.insert(_moved.source.end(), result.source.begin(), result.source.end());
        _moved.target.insert(_moved.target.end(), result.target.begin(), result.target.end());
        _moved.someExpunged = _moved.someExpunged || result.someExpunged;
    }

    // RFC 6851 4.3: COPYUID comes untagged and before the EXPUNGEs, which the synchronisation after this sends. Also
    // where the rest failed: what was moved is told.
    void tell(Session& session) {
        std::string code = copyUidCode(_moved);
        if (!session.policy().codesInInformation)
            _codeOfReply = std::move(code);
        else if (!code.empty())
            session.writer().status("OK", code, "Moved");
    }

    std::shared_ptr<Mailbox> _target;
    Batches _batches;
    CopyResult _moved;
    std::string _codeOfReply;  // RFC 4315 3: in the tagged OK, where untagged ones carry no codes (row V0050)
    std::optional<Reply> _failure;
};

}  // namespace

std::unique_ptr<Execution> startMove(Session& session, Arguments&& arguments) {
    const Move& move = std::get<Move>(arguments);
    std::optional<std::vector<Uid>> uids = session.view().resolve(move.set, move.isUid);
    if (!uids) return finished(Reply::bad("No message has this number"));
    if (session.view().isReadOnly()) return finished(Reply::no("The mailbox is selected read-only", "READ-ONLY"));
    try {
        return std::make_unique<MoveExecution>(session.mail().open(move.mailbox), std::move(*uids));
    } catch (const maildir::Error& error) {
        if (error.kind() != maildir::ErrorKind::NotFound) session.logFailure("MOVE", error);
        return finished(replyToTarget(error));
    }
}

}  // namespace imapd
