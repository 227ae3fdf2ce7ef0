#include "imapd/commands/Move.h"

#include "imapd/commands/Batches.h"
#include "imapd/commands/CopySteps.h"
#include "imapd/commands/CopyUid.h"
#include "imapd/response/ErrorReply.h"
#include "imapd/session/Session.h"
#include "imapd/session/TimeSlice.h"
#include "imapd/session/UserMail.h"
#include "maildir/mailbox/Copying.h"

namespace imapd {

using maildir::Copying;
using maildir::CopyResult;
using maildir::Mailbox;

namespace {

// Some messages a call: by renaming their files; or where that can't be done, by a copy that is prepared in short
// steps, and an expunge.
class MoveExecution : public Execution {
public:
    MoveExecution(std::shared_ptr<Mailbox> target, std::shared_ptr<Mailbox> source, std::vector<Uid> uids)
        : _target(std::move(target)),
          _source(std::move(source)),
          _isByCopying(_target->movesByCopying(*_source)),
          _batches(std::move(uids), _isByCopying ? copiedAtOnce : Batches::most) {}

    Progress step(Session& session) override {
        try {
            const Progress progress = _isByCopying ? copySome(session) : renameSome(session);
            if (progress != Progress::Done) return progress;
        } catch (const maildir::Error& error) {
            if (error.kind() == maildir::ErrorKind::WouldWait) throw;
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
    Progress renameSome(Session& session) {
        const TimeSlice slice;
        const auto move = [&](std::span<const Uid> uids) {
            const CopyResult result = _target->moveFrom(*_source, uids, session.view().viewer());
            _waiting = result.waiting;
            add(result);
        };
        while (!_waiting.empty() || !_batches.isOver()) {
            if (slice.isOver()) return Progress::Again;
            if (_waiting.empty())
                _batches.next(move);
            else
                move(std::vector<Uid>(_waiting));
        }
        return Progress::Done;
    }

    Progress copySome(Session& session) {
        const auto until = Copying::Clock::now() + copySlice;
        for (;;) {
            removeCopied(session);
            if (!_copying && _batches.isOver()) return Progress::Done;
            if (Copying::Clock::now() >= until) return Progress::Again;
            if (!_copying) beginCopying();
            const CopyStep step = stepOf(*_copying, session, until);
            if (!step.result) return step.progress;
            if (step.result->someExpunged) {
                beginCopyingAgain();
            } else {
                _copying.reset();
                _copies = *step.result;
            }
        }
    }

    void beginCopying() {
        _batches.next([this](std::span<const Uid> uids) { _copied.assign(uids.begin(), uids.end()); });
        beginCopyingAgain();
    }

    // Without those that are gone.
    void beginCopyingAgain() {
        constexpr int maxTries = 20;  // for one batch
        if (++_tries > maxTries) throw maildir::Error(maildir::ErrorKind::Busy, "messages keep vanishing");
        const std::shared_ptr<const maildir::Snapshot> snapshot = _source->snapshot();
        const auto isGone = [&snapshot](Uid uid) { return !snapshot->find(uid); };
        _moved.someExpunged = std::erase_if(_copied, isGone) > 0 || _moved.someExpunged;
        _copying = std::make_unique<Copying>(*_target, *_source, _copied);
    }

    // What was copied goes from the source. If that has to wait for a lock, the step that is run again begins with it.
    void removeCopied(Session& session) {
        if (!_copies) return;
        const CopyResult moved = _target->finishMove(*_source, *_copies, session.view().viewer());
        _copies.reset();
        add(moved);
        _copied = moved.waiting;
        if (_copied.empty())
            _tries = 0;
        else
            beginCopyingAgain();
    }

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

    // Where a file system is slow, its syncs and what a step takes follow the number.
    static constexpr std::size_t copiedAtOnce = 128;

    const std::shared_ptr<Mailbox> _target, _source;
    const bool _isByCopying;
    Batches _batches;
    std::vector<Uid> _waiting;  // of a batch, for a lock: to be asked for again
    std::vector<Uid> _copied;   // that _copying is about
    int _tries = 0;
    std::unique_ptr<Copying> _copying;  // goes before the mailboxes
    std::optional<CopyResult> _copies;  // of messages that are in both mailboxes at the moment
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
        return std::make_unique<MoveExecution>(session.mail().open(move.mailbox), session.view().sharedMailbox(),
                                               std::move(*uids));
    } catch (const maildir::Error& error) {
        if (error.kind() != maildir::ErrorKind::NotFound) session.logFailure("MOVE", error);
        return finished(replyToTarget(error));
    }
}

}  // namespace imapd
