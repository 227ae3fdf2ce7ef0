#include "imapd/session/Session.h"

#include <algorithm>
#include <exception>

#include "imapd/response/ErrorReply.h"
#include "imapd/session/AppendReception.h"
#include "imapd/session/BrokenResponse.h"
#include "imapd/session/Services.h"
#include "imapd/session/SignIn.h"
#include "imapd/session/TurnClock.h"
#include "imapd/session/UserMail.h"
#include "maildir/Patience.h"

namespace imapd {

using Clock = std::chrono::steady_clock;

namespace {

// Before log-in a command is short, lines, literals and answers together: what is longer is no client. The longest are
// ID with 30 fields of 1,024 octets (RFC 2971 3.3), and tickets.
constexpr std::size_t strangersOctets = 65536;
// AUTHENTICATE's answers (RFC 3501 leaves the length open; tokens of OAuth and Kerberos are long) and IDLE's DONE.
constexpr std::size_t answerOctets = 65536;

ReaderLimits limitsFor(const Policy& policy, bool isAuthenticated) {
    ReaderLimits limits;
    if (!isAuthenticated) {
        limits.lineOctets = limits.setLineOctets = strangersOctets;
        limits.literalOctets = limits.totalLiteralOctets = limits.commandOctets = strangersOctets;
        limits.swallowedOctets = limits.swallowedLineOctets = strangersOctets;
        limits.sinkOctets = policy.maxMessageOctets;  // refused with a reason where it begins
        return limits;
    }
    limits.setLineOctets = policy.maxLineOctets;
    limits.literalOctets = policy.maxLiteralOctets;
    limits.totalLiteralOctets = 4 * policy.maxLiteralOctets;
    limits.sinkOctets = policy.maxMessageOctets;
    return limits;
}

constexpr std::size_t longestName = 200, longestEvent = 2000;  // in a line of the log

// Names that clients send may hold anything; a line of the log stays a line.
std::string printable(std::string_view text, std::size_t most = longestName) {
    std::string result;
    for (const char c : text.substr(0, most)) {
        const auto octet = static_cast<unsigned char>(c);
        result += octet < 0x20 || octet == 0x7f ? '?' : c;
    }
    return result;
}

// Between two tries for a lock that another has: short, so that it is had soon; growing, so that many who wait cost
// little.
constexpr std::chrono::milliseconds firstPause{10}, longestPause{250};
constexpr std::chrono::seconds lockTimeout{30};

class FinishedExecution : public Execution {
public:
    explicit FinishedExecution(Reply reply) : _reply(std::move(reply)) {}
    Progress step(Session&) override { return Progress::Done; }
    Reply reply() override { return std::move(_reply); }

private:
    Reply _reply;
};

}  // namespace

std::unique_ptr<Execution> finished(Reply reply) {
    return std::make_unique<FinishedExecution>(std::move(reply));
}

Session::Session(std::shared_ptr<Services> services, PeerFacts peer, Waker waker,
                 std::optional<maildock::Account> preauthenticated)
    : _services(std::move(services)),
      _policy(_services->policy()),
      _peer(std::move(peer)),
      _tls(_peer.tls),
      _waker(std::move(waker)),
      _preauthenticated(std::move(preauthenticated)),
      _reader(limitsFor(*_policy, false)),
      _begun(Clock::now()),
      _lastActivity(_begun) {
    _tls.isActive = _tls.isActive || _peer.isTls;
    _features.sevenBit = _policy->sevenBit;
    _isAdmitted = _services->connections().admit(_peer.client.host().toString(), _policy->connections);
}

Session::~Session() = default;

void Session::log(const std::string& text, LogLevel level) {
    _services->log("session " + std::to_string(_peer.connectionId) + " user " +
                       (_user.empty() ? std::string("-") : printable(_user)) + " peer " + _peer.client.toString() +
                       ": " + printable(text, longestEvent),
                   level);
}

void Session::noteUnreadable(const maildir::Error& error) {
    _services->unreadable().note(error, [this](const std::string& line) { log(line, LogLevel::Error); });
}

void Session::logFailure(const std::string& what, const maildir::Error& error) {
    if (error.isLogged() || _complaints[what] == error.what()) return;
    _complaints[what] = error.what();
    using maildir::ErrorKind;
    LogLevel level = LogLevel::Error;
    switch (error.kind()) {
        case ErrorKind::NotFound:
        case ErrorKind::AlreadyExists:
        case ErrorKind::Expunged:
        case ErrorKind::InvalidName:
            level = LogLevel::Information;
            break;
        case ErrorKind::Busy:
        case ErrorKind::Limit:
            level = LogLevel::Warning;
            break;
        default:
            break;
    }
    log(what + ": " + error.what(), level);
}

// --- Conversation

Wants Session::begin(Output& out) {
    _out = &out;
    if (!_isAdmitted) {
        log("refused: too many connections", LogLevel::Warning);
        close("UNAVAILABLE",
              "Too many connections: close some, or ask the admin to raise imap.limit.perAddress, "
              "imap.limit.unauthenticated or imap.limit.connections");
    } else if (_preauthenticated) {
        greetPreauthenticated();
    } else {
        writer().status("OK", _policy->announceCapability ? "CAPABILITY " + capabilityText() : std::string(),
                        "Maildock is ready");
    }
    return wants();
}

// RFC 3501 7.1.4
void Session::greetPreauthenticated() {
    Reply reply;
    try {
        reply = openMail(*this, *_preauthenticated, "PREAUTH");
    } catch (const maildir::Error& error) {
        log("cannot open the mail of " + _preauthenticated->user + ": " + error.what(), LogLevel::Error);
        reply = replyToUnopened(error);
    }
    _preauthenticated.reset();
    if (reply.status != Reply::Ok) return close(reply.code, reply.text);
    writer().status("PREAUTH", reply.code, "Maildock is ready, logged in as " + printable(_user));
    tellNotice();
}

Wants Session::tlsStarted(const TlsFacts& facts, Output& out) {
    _out = &out;
    _tls = facts;
    _tls.isActive = true;
    _startsTls = false;
    _backlog.clear();
    _reader.dropUnconsumed();
    return wants();
}

void Session::shutdown(Output& out) {
    _out = &out;
    // A BYE inside a literal would be taken for the message: then the connection just ends.
    if (!_execution || _isWaiting) writer().status("BYE", "UNAVAILABLE", "Maildock is going down; try again later");
    _closes = true;
}

void Session::ended() noexcept {
    try {
        if (_state != State::NotAuthenticated && !_user.empty()) {
            log("disconnected");
            _services->connections().departUser(_user, _peer.client.host().toString());
        }
        if (_isAdmitted) _services->connections().depart(_peer.client.host().toString(), _mail != nullptr);
    } catch (...) {  // NOLINT(bugprone-empty-catch): nobody is left to tell
    }
    // These may touch files, too. Without the user's rights what is left behind is cleaned up later.
    std::optional<maildir::FileIdentity::Scope> scope;
    try {
        scope.emplace(_identity);
    } catch (...) {  // NOLINT(bugprone-empty-catch): nobody is left to tell
    }
    _execution.reset();
    _reception.reset();
    _view.reset();
    _mail.reset();
}

Wants Session::converse(std::string_view input, Output& out) {
    if (!input.empty()) _lastActivity = Clock::now();
    const TurnClock clock(_policy->timesTurns);
    const Wants wants = turn(input, out);
    constexpr std::int64_t worthTelling = 1000;
    if (const std::int64_t took = clock.microseconds(); took >= worthTelling) {
        _services->log("session " + std::to_string(_peer.connectionId) + ": a turn took " + std::to_string(took) +
                           " us of processor time, at " + (_commandName.empty() ? "-" : printable(_commandName)),
                       LogLevel::Debug);
    }
    return wants;
}

Wants Session::turn(std::string_view input, Output& out) {
    // A worker serves many: where it would have to wait, the command does.
    const maildir::Patience::Scope patience(maildir::Patience::Kind::Returns);
    _out = &out;
    _wantsAgain = false;
    if (_backlog.empty()) {
        _reader.give(input);
    } else {
        _backlog.append(input);
        _reader.give(_backlog);
    }
    run();
    tellUnasked();
    // The command or tellUnasked() had its chance to tell the news; if that was not possible, the next turn is soon
    // enough.
    if (_newsDueAt && *_newsDueAt <= Clock::now()) _newsDueAt.reset();
    const std::string_view left = _startsTls || _closes ? std::string_view() : _reader.unconsumed();
    _backlog = maildock::Secret(left);
    _reader.dropUnconsumed();
    if (!_closes && !_startsTls) checkDeadlines();
    return wants();
}

Wants Session::wants() {
    Wants wants;
    wants.close = _closes;
    wants.isInputSecret = _state == State::NotAuthenticated;
    wants.startTls = _startsTls;
    wants.again = _wantsAgain && !_closes;
    // While a command is at work, what the client pipelines waits in the socket.
    wants.input = !_closes && !_startsTls && !_wantsAgain && (!_execution || _execution->wantsLines());
    std::optional<Clock::time_point> deadline = _wakeAt;
    const auto atMost = [&deadline](Clock::time_point when) { deadline = deadline ? std::min(*deadline, when) : when; };
    if (_state == State::NotAuthenticated)
        atMost(_begun + _policy->unauthenticatedTimeout);
    else if (!_execution)
        atMost(_lastActivity + _policy->inactivityTimeout);
    if (_lockWait) atMost(_lockWait->until);
    if (_newsDueAt && (_execution ? _execution->wantsLines() : _policy->tellsUnasked)) atMost(*_newsDueAt);
    wants.deadline = deadline;
    return wants;
}

void Session::checkDeadlines() {
    const auto now = Clock::now();
    // RFC 3501 5.4. A client in IDLE is not idle: its keep-alive finds out whether it is there.
    if (_state == State::NotAuthenticated && now >= _begun + _policy->unauthenticatedTimeout && !_isWaiting) {
        log("no log-in in time");
        close("", "You did not log in within " + std::to_string(_policy->unauthenticatedTimeout.count()) + " seconds");
    } else if (!_execution && now >= _lastActivity + _policy->inactivityTimeout) {
        log("inactive for too long");
        close("", "Autologout: you were inactive for too long");
    }
}

void Session::close(std::string_view code, std::string_view text) {
    writer().status("BYE", code, text);
    _closes = true;
}

// --- the turn of a session

void Session::run() {
    // A command that closes the connection, or starts TLS, still gets its tagged response.
    const auto isOver = [end = Clock::now() + turnLength] { return Clock::now() >= end; };
    while ((!_closes && !_startsTls) || _execution || _ending) {
        // Anew for each step: a sign-in changes whose rights count.
        const maildir::FileIdentity::Scope scope(_identity);
        // Many short commands in a row are a long turn, too.
        if (_out->isFull() || isOver()) {
            _wantsAgain = true;
            return;
        }
        if (!(_ending ? endCommand() : _execution ? stepExecution() : takeEvent())) return;
    }
}

// True: go on.
bool Session::stepExecution() {
    if (_execution->wantsLines()) {
        maildock::Secret line;
        bool isTooLong = false;
        if (_reader.nextLine(line, answerOctets, isTooLong)) {
            _answerOctets += line.size();
            const bool isStranger = _state == State::NotAuthenticated;
            _execution->line(line, isTooLong || (isStranger && _answerOctets > strangersOctets));
        } else if (_reader.isAnswerEndless() && !_closes) {
            _execution->line({}, true);
            log("a line without an end");
            close("TOOBIG", "The line is too long");
        }
    }
    const auto now = Clock::now();
    if (_lockWait && now < _lockWait->until) return false;
    if (_wakeAt && *_wakeAt <= now) _wakeAt.reset();
    Progress progress = Progress::Done;
    std::optional<Reply> failed;
    try {
        const bool isLastTry = _lockWait && now >= _lockWait->since + lockTimeout;
        const maildir::Patience::Scope patience(isLastTry ? maildir::Patience::Kind::GivesUp
                                                          : maildir::Patience::Kind::Returns);
        progress = _execution->step(*this);
    } catch (const BrokenResponse&) {
        throw;
    } catch (const maildir::Error& error) {
        if (error.kind() == maildir::ErrorKind::WouldWait) {
            awaitLock();
            return false;
        }
        failed = replyToError(std::current_exception());
    } catch (...) {
        failed = replyToError(std::current_exception());
    }
    _lockWait.reset();
    _isWaiting = progress == Progress::Waiting;
    if (progress == Progress::Again) {
        if (const auto advance = _execution->advance()) tellAdvance(*advance);
        _wantsAgain = true;
        return false;
    }
    // Another whole line may be there already: "DONE" right behind IDLE.
    if (progress == Progress::Waiting) return false;
    _wakeAt.reset();
    finishCommand(failed ? *failed : _execution->reply());
    return !_ending;
}

void Session::awaitLock() {
    const auto now = Clock::now();
    if (!_lockWait) _lockWait = LockWait{now, now, firstPause / 2};
    _lockWait->pause = std::min(2 * _lockWait->pause, longestPause);
    _lockWait->until = now + _lockWait->pause;
    _isWaiting = true;
}

bool Session::takeEvent() {
    switch (_reader.next()) {
        case CommandReader::Event::NeedMore:
            return false;
        case CommandReader::Event::Continue:
            beginLiteral();
            return true;
        case CommandReader::Event::SinkBegins:
            beginSink();
            return true;
        case CommandReader::Event::SinkData:
            takeSinkData();
            return true;
        case CommandReader::Event::SinkEnds:
            return true;
        case CommandReader::Event::Command:
            startCommand(_reader.takeCommand());
            return true;
        case CommandReader::Event::Refused:
            _reception.reset();
            answerRefusal(_reader.refusal());
            return true;
    }
    return false;
}

// --- for commands

void Session::select(std::unique_ptr<View> view) {
    _view = std::move(view);
    _state = State::Selected;
}

void Session::unselect() {
    _view.reset();
    if (_state == State::Selected) _state = State::Authenticated;
}

void Session::authenticated(std::unique_ptr<UserMail> mail, std::string user) {
    _services->connections().signedIn(_peer.client.host().toString());
    _mail = std::move(mail);
    _user = std::move(user);
    _state = State::Authenticated;
    _reader.setLimits(limitsFor(*_policy, true));
}

// RFC 3501 7.1: clients show an ALERT to their users.
void Session::tellNotice() {
    if (!_policy->notice.empty()) writer().status("OK", _policy->alertAndParse ? "ALERT" : "", _policy->notice);
}

void Session::logOut(std::string_view byeText) {
    close("", byeText);
    _view.reset();
    if (_state != State::NotAuthenticated) _state = State::LoggedOut;
}

std::string Session::capabilityText() const {
    return _services->commands().capabilities(*this);
}

bool Session::offersTls() const {
    return _services->hasTls();
}

void Session::startTls() {
    _startsTls = true;
}

void Session::wakeAt(Clock::time_point when) {
    _wakeAt = when;
}

}  // namespace imapd
