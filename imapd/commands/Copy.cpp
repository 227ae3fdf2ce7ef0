#include "imapd/commands/Copy.h"

#include <chrono>

#include "imapd/commands/CopyUid.h"
#include "imapd/response/ErrorReply.h"
#include "imapd/session/Session.h"
#include "imapd/session/UserMail.h"
#include "maildir/mailbox/Copying.h"

namespace imapd {

using maildir::Copying;

namespace {

Reply failed(Session& session, const maildir::Error& error) {
    if (error.kind() != maildir::ErrorKind::NotFound) session.logFailure("COPY", error);
    return replyToTarget(error);
}

// Prepared in short steps; then one step, a link for each message, makes all of them messages: RFC 3501 6.4.7 wants all
// or nothing.
class CopyExecution : public Execution {
public:
    CopyExecution(std::shared_ptr<maildir::Mailbox> target, std::shared_ptr<maildir::Mailbox> source,
                  std::vector<Uid> uids)
        : _target(std::move(target)),
          _source(std::move(source)),
          _goal(uids.size()),
          _copying(*_target, *_source, std::move(uids)) {}

    Progress step(Session& session) override {
        try {
            return prepareOrCommit(session);
        } catch (const maildir::Error& error) {
            _reply = failed(session, error);
            return Progress::Done;
        }
    }

    Reply reply() override { return *_reply; }

    [[nodiscard]] std::optional<Advance> advance() const override { return Advance{_copying.preparedCount(), _goal}; }

private:
    Progress prepareOrCommit(Session& session) {
        constexpr std::chrono::milliseconds slice(40), pause(5);
        switch (_copying.prepare(Copying::Clock::now() + slice)) {
            case Copying::State::Preparing:
                return Progress::Again;
            case Copying::State::Syncing:
                session.wakeAt(Copying::Clock::now() + pause);
                return Progress::Waiting;
            case Copying::State::Gone:
                return answer({{}, {}, {}, true});
            case Copying::State::Ready:
                break;
        }
        const std::optional<maildir::CopyResult> result = _copying.commit();
        return result ? answer(*result) : Progress::Again;
    }

    Progress answer(const maildir::CopyResult& result) {
        // RFC 2180 4.4.2
        _reply = result.someExpunged
                     ? Reply::no("Some of the messages no longer exist, nothing was copied", "EXPUNGEISSUED")
                     : Reply::ok("Copy completed", copyUidCode(result));
        return Progress::Done;
    }

    const std::shared_ptr<maildir::Mailbox> _target, _source;
    const std::size_t _goal;
    Copying _copying;
    std::optional<Reply> _reply;
};

}  // namespace

std::unique_ptr<Execution> startCopy(Session& session, Arguments&& arguments) {
    const Copy& copy = std::get<Copy>(arguments);
    std::optional<std::vector<Uid>> uids = session.view().resolve(copy.set, copy.isUid);
    if (!uids) return finished(Reply::bad("No message has this number"));
    try {
        std::shared_ptr<maildir::Mailbox> target = session.mail().open(copy.mailbox);
        if (uids->empty()) return finished(Reply::ok("No messages to copy"));  // RFC 3501 6.4.8
        return std::make_unique<CopyExecution>(std::move(target), session.view().sharedMailbox(), std::move(*uids));
    } catch (const maildir::Error& error) {
        return finished(failed(session, error));
    }
}

}  // namespace imapd
