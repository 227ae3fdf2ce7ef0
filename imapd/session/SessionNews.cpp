// How a session tells news of the selected mailbox, in pieces; or ends if the mailbox is gone. RFC 3501 5.2, 5.3.
#include "imapd/response/ErrorReply.h"
#include "imapd/session/Session.h"
#include "maildir/Error.h"

namespace imapd {

using Clock = std::chrono::steady_clock;

namespace {

// Until news are looked for again that a lock kept from being looked for.
constexpr std::chrono::milliseconds pause{250};

}  // namespace

// RFC 3501 5.3: EXPUNGE never, and nothing that the client's buffers might not take. Where the client has not read the
// last answers, or is in the middle of a command, the next tagged response is soon enough.
void Session::tellUnasked() {
    constexpr std::size_t mostPendingOctets = 4096;
    if (!_policy->tellsUnasked || !_view || _execution || _ending || _closes || _startsTls) return;
    if (!_reader.isBetweenCommands() || _out->pendingOctets() > mostPendingOctets) return;
    (void)lookForNews(false, false, true, {});
    (void)tellNews([] { return false; });
    endIfGone();
}

std::optional<Reply> Session::lookForNews(bool mayExpunge, bool withUid, bool onlyIfShort,
                                          std::optional<Clock::time_point> since) {
    if (_view->mailbox().isGone()) return std::nullopt;
    View::SyncOptions options;
    options.since = since;
    options.onlyIfShort = onlyIfShort;
    options.mayExpunge = mayExpunge;
    options.withUid = withUid || _features.rev2;  // RFC 9051 7.5.2: FETCH that was not asked for tells the UID
    options.announceExternalFlags = _policy->announceExternalFlags;
    options.existsAfterExpunge = _policy->existsAfterExpunge;
    _newsDueAt.reset();
    try {
        _view->lookForNews(options);
    } catch (const maildir::Error& error) {
        if (_view->mailbox().isGone()) return std::nullopt;
        if (error.kind() == maildir::ErrorKind::WouldWait) {
            lookAtWhatIsKnown(options);
            return std::nullopt;
        }
        // The command itself is done; what is new will be told later.
        logFailure("cannot look for news", error);
        return replyTo(error);
    }
    _complaints.erase("cannot look for news");
    return std::nullopt;
}

// Another has a lock that a look at the disk needs: what is known is news, and the rest as soon as it can be had.
void Session::lookAtWhatIsKnown(View::SyncOptions options) {
    _newsDueAt = Clock::now() + pause;
    options.lookAtDisk = false;
    try {
        _view->lookForNews(options);
    } catch (const maildir::Error& error) {
        if (error.kind() != maildir::ErrorKind::WouldWait) logFailure("cannot look for news", error);
    }
}

bool Session::tellNews(const std::function<bool()>& isEnough) {
    ResponseWriter responses = writer();
    return !_view || _view->tellNews(responses, isEnough);
}

bool Session::tellPieceOfNews() {
    const bool isTold =
        tellNews([this, end = Clock::now() + turnLength] { return _out->isFull() || Clock::now() >= end; });
    if (!isTold) _wantsAgain = true;
    return isTold;
}

Session::Synchronised Session::synchronise(bool mayExpunge, bool withUid) {
    if (!tellPieceOfNews()) return Synchronised::InPart;
    const bool isFailed = lookForNews(mayExpunge, withUid, false, {}).has_value();
    if (!tellPieceOfNews()) return Synchronised::InPart;
    endIfGone();
    return isFailed || _view->mailbox().isTroubled() ? Synchronised::Troubled : Synchronised::Whole;
}

void Session::endIfGone() {
    if (_closes || !_view || !_view->mailbox().isGone()) return;
    log("ends: the selected mailbox is gone");
    close("", "The selected mailbox was deleted or renamed, or another one has its place");
}

void Session::unselectIfGone() {
    if (!_view || !_view->mailbox().isGone()) return;
    if (_features.rev2) writer().status("OK", "CLOSED", "The selected mailbox is no more");
    unselect();
}

}  // namespace imapd
