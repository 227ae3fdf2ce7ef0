#include "imapd/commands/CopySteps.h"

#include "imapd/session/Session.h"

namespace imapd {

using maildir::Copying;

CopyStep stepOf(Copying& copying, Session& session, Copying::Clock::time_point until) {
    constexpr std::chrono::milliseconds pause(5);
    switch (copying.prepare(until)) {
        case Copying::State::Preparing:
            return {Progress::Again, {}};
        case Copying::State::Syncing:
            session.wakeAt(Copying::Clock::now() + pause);
            return {Progress::Waiting, {}};
        case Copying::State::Gone:
            return {Progress::Done, maildir::CopyResult{{}, {}, {}, {}, true}};
        case Copying::State::Ready:
            break;
    }
    std::optional<maildir::CopyResult> result = copying.commit();
    return {result ? Progress::Done : Progress::Again, std::move(result)};
}

}  // namespace imapd
