#include "imapd/commands/Copy.h"

#include "imapd/commands/CopySteps.h"
#include "imapd/commands/CopyUid.h"
#include "imapd/response/ErrorReply.h"
#include "imapd/session/Session.h"
#include "imapd/session/UserMail.h"
#include "maildir/mailbox/Copying.h"

namespace imapd {

using maildir::Copying;

namespace {

// Prepared in short steps; then one step, a link for each message, makes all of them messages: RFC 3501 6.4.7 wants all
// or nothing.
class CopyExecution : public Execution {
public:
    explicit CopyExecution(Copy arguments) : _arguments(std::move(arguments)) {}

    Progress step(Session& session) override {
        try {
            return _copying || begin(session) ? prepareOrCommit(session) : Progress::Done;
        } catch (const maildir::Error& error) {
            if (error.kind() == maildir::ErrorKind::WouldWait) throw;
            if (error.kind() != maildir::ErrorKind::NotFound) session.logFailure("COPY", error);
            _reply = replyToTarget(error);
            return Progress::Done;
        }
    }

    Reply reply() override { return *_reply; }

    [[nodiscard]] std::optional<Advance> advance() const override {
        if (!_copying) return std::nullopt;
        return Advance{_copying->preparedCount(), _goal};
    }

private:
    // False: there is nothing to copy, and the reply says why.
    bool begin(Session& session) {
        std::optional<std::vector<Uid>> uids = session.view().resolve(_arguments.set, _arguments.isUid);
        if (!uids) {
            _reply = Reply::bad("No message has this number");
            return false;
        }
        _target = session.mail().open(_arguments.mailbox);
        if (uids->empty()) {
            _reply = Reply::ok("No messages to copy");  // RFC 3501 6.4.8
            return false;
        }
        _source = session.view().sharedMailbox();
        _goal = uids->size();
        _copying.emplace(*_target, *_source, std::move(*uids));
        return true;
    }

    Progress prepareOrCommit(Session& session) {
        const CopyStep step = stepOf(*_copying, session, Copying::Clock::now() + copySlice);
        return step.result ? answer(*step.result) : step.progress;
    }

    Progress answer(const maildir::CopyResult& result) {
        // RFC 2180 4.4.2
        _reply = result.someExpunged
                     ? Reply::no("Some of the messages no longer exist, nothing was copied", "EXPUNGEISSUED")
                     : Reply::ok("Copy completed", copyUidCode(result));
        return Progress::Done;
    }

    const Copy _arguments;
    std::shared_ptr<maildir::Mailbox> _target, _source;
    std::size_t _goal = 0;
    std::optional<Copying> _copying;
    std::optional<Reply> _reply;
};

}  // namespace

std::unique_ptr<Execution> startCopy(Session&, Arguments&& arguments) {
    return std::make_unique<CopyExecution>(std::get<Copy>(std::move(arguments)));
}

}  // namespace imapd
