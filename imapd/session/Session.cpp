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
#include "maildir/names/NameMapper.h"

namespace imapd {

using Clock = std::chrono::steady_clock;

namespace {

// Before log-in a command is short, lines, literals and answers together: what is longer is no client. The longest are
// ID with 30 fields of 1,024 octets (RFC 2971 3.3), and tickets.
constexpr std::size_t strangersOctets = 65536;
// AUTHENTICATE's answers (RFC 3501 leaves the length open; tokens of OAuth and Kerberos are long) and IDLE's DONE.
constexpr std::size_t answerOctets = 65536;
// After which other connections have their turn.
constexpr std::chrono::milliseconds turnLength{40};

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
    // Whoever would tell them was asked by now; if it can't be at the moment, the next turn is soon enough.
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

// RFC 9585: so that a client waits on instead of giving up.
void Session::tellAdvance(const Advance& advance) {
    const auto now = Clock::now();
    if (now < _toldAdvance + _policy->progressInterval) return;
    _toldAdvance = now;
    const std::string numbers = std::to_string(advance.done) + " " + std::to_string(advance.goal);
    std::string tag;
    ResponseWriter(tag, features()).string(_tag);
    // A tag may have a bracket in it, which would end the response code; then it goes without what may be left out.
    const bool isBare = tag.find(']') != std::string::npos;
    writer().status("OK", isBare ? "INPROGRESS" : "INPROGRESS (" + tag + " " + numbers + ")", "Still at work");
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

ParserOptions Session::parserOptions() const {
    ParserOptions options;
    options.isStrict = _policy->strictParsing;
    options.acceptsExtraSpaces = _policy->extraSpaces;
    options.acceptsTabAfterCommand = _policy->tabAfterCommand;
    options.acceptsAnyTag = _policy->anyTag;
    options.maxSearchNesting = _policy->maxSearchNesting;
    options.utf8Enabled = _features.utf8;
    options.rev2Enabled = _features.rev2;
    options.nameOfUtf8 = maildir::utf8ToModifiedUtf7;
    return options;
}

void Session::startCommand(const RawCommand& raw) {
    auto parsed = parse(raw, parserOptions());
    if (const auto* error = std::get_if<SyntaxError>(&parsed)) {
        _reception.reset();
        const Reply reply = error->isLimit
                                ? Reply::no(error->text, "LIMIT")
                                : Reply::bad(error->text + " (octet " + std::to_string(error->position) + ")");
        writer().tagged(error->tag, reply);
        noteBad(reply);
        return;
    }
    Command& command = std::get<Command>(parsed);
    _answerOctets = raw.text.size();
    _commandBegan = _toldAdvance = Clock::now();
    _row = &_services->commands().rowOf(command.arguments);
    _tag = std::move(command.tag);
    _isUidCommand = command.name.starts_with("UID ");
    _commandName = std::move(command.name);
    if (const std::optional<Reply> refusal = refusalByState(*_row, _commandName)) {
        _reception.reset();
        finishCommand(*refusal);
        return;
    }
    if (std::optional<Reply> refusal = _services->commands().refusal(*_policy, command.arguments)) {
        _reception.reset();
        finishCommand(*refusal);
        return;
    }
    try {
        _execution = _row->start(*this, std::move(command.arguments));
    } catch (...) {
        finishCommand(replyToError(std::current_exception()));
    }
}

std::optional<Reply> Session::refusalByState(const CommandRow& row, const std::string& name) const {
    if (_state == State::NotAuthenticated ? row.inNotAuthenticated
        : _state == State::Authenticated  ? row.inAuthenticated
                                          : row.inSelected) {
        return std::nullopt;
    }
    return Reply::bad(name + (_state == State::NotAuthenticated ? " is not possible before log-in"
                              : row.inNotAuthenticated          ? " is not possible after log-in"
                                                                : " needs a selected mailbox"));
}

Reply Session::replyToError(const std::exception_ptr& failure) {
    try {
        std::rethrow_exception(failure);
    } catch (const maildir::Error& error) {
        const bool isOrdinary =
            error.kind() == maildir::ErrorKind::NotFound || error.kind() == maildir::ErrorKind::Expunged ||
            error.kind() == maildir::ErrorKind::AlreadyExists || error.kind() == maildir::ErrorKind::InvalidName;
        if (!isOrdinary) logFailure(_commandName, error);
        return _row->namesTarget ? replyToTarget(error) : replyTo(error);
    } catch (const std::exception& error) {
        log(_commandName + ": unforeseen: " + error.what(), LogLevel::Error);
    }
    return Reply::no("Something unforeseen happened; the admin's log tells more", "SERVERBUG");
}

void Session::finishCommand(const Reply& reply) {
    _execution.reset();
    _reception.reset();
    _lockWait.reset();
    _isWaiting = false;
    _ending = reply;
    // What is told already, by an IDLE, is told to its end before more is looked for.
    if (!tellPieceOfNews()) return;
    // What a STORE looked for before it changed anything needs no second look.
    if (_view && _row->synchronises) {
        const std::optional<Reply> failed =
            lookForNews(_row->announcesExpunge || _isUidCommand, _isUidCommand, false, _commandBegan);
        if (failed && _row->onlyLooks && reply.status == Reply::Ok) _ending = failed;
    }
    if (_ending->status == Reply::Ok) _complaints.erase(_commandName);
    (void)endCommand();
}

// The news, then the tagged response. False: there is more, once the client has read some of it.
bool Session::endCommand() {
    if (!tellPieceOfNews()) return false;
    const Reply reply = *std::exchange(_ending, std::nullopt);
    writer().tagged(_tag, reply);
    noteBad(reply);
    if (_row->synchronises) endIfGone();
    return true;
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
    _newsDueAt = Clock::now() + longestPause;
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

void Session::answerRefusal(const CommandReader::Refusal& refusal) {
    if (refusal.isFatal) {
        log(refusal.text);
        close("TOOBIG", refusal.text);  // RFC 7888 section 4
        return;
    }
    Reply reply = refusal.isLimit && !refusal.isTooBig ? Reply::no(refusal.text, "LIMIT") : Reply::bad(refusal.text);
    if (refusal.isTooBig) {
        reply = refusal.isLiteralMinus ? Reply::bad(refusal.text, "TOOBIG") : Reply::no(refusal.text, "TOOBIG");
    }
    writer().tagged(refusal.tag, reply);
    noteBad(reply);
}

void Session::noteBad(const Reply& reply) {
    if (reply.status != Reply::Bad) {
        _badInARow = 0;
        return;
    }
    if (_policy->maxBadCommands != 0 && ++_badInARow >= _policy->maxBadCommands && !_closes) {
        log("too many bad commands", LogLevel::Warning);
        close("", "Too many bad commands in a row");
    }
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
