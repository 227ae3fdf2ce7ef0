// How a session carries out a command, from its text to the tagged response. RFC 3501 5.5, 7.1.
#include <exception>

#include "imapd/response/ErrorReply.h"
#include "imapd/session/AppendReception.h"
#include "imapd/session/BrokenResponse.h"
#include "imapd/session/Services.h"
#include "imapd/session/Session.h"
#include "maildir/names/NameMapper.h"

namespace imapd {

using Clock = std::chrono::steady_clock;

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

}  // namespace imapd
