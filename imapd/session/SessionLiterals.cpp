// How a session receives literals: what would be refused when the command is whole is refused where the literal is
// announced, so that no client sends in vain, and nobody who is not signed in fills memory or disk. RFC 3501 4.3, 7.5.
#include "imapd/response/ErrorReply.h"
#include "imapd/session/AppendReception.h"
#include "imapd/session/Services.h"
#include "imapd/session/Session.h"
#include "imapd/session/UserMail.h"

namespace imapd {

namespace {

// Each judgement reads the command from its beginning: a command of thousands of literals is judged as a whole.
constexpr std::size_t judgedLiterals = 16;

Reply replyTo(const SyntaxError& error) {
    if (error.isLimit) return Reply::no(error.text, "LIMIT");
    return Reply::bad(error.text + " (octet " + std::to_string(error.position) + ")");
}

}  // namespace

// The client waits for "+" before it sends a literal that goes to memory.
void Session::beginLiteral() {
    if (_reader.soFar().literals.size() > judgedLiterals) return writer().continuation("OK");
    const auto parsed = parseToLiteral(_reader.soFar(), parserOptions());
    std::optional<Reply> refusal;
    std::string tag;
    if (const auto* error = std::get_if<SyntaxError>(&parsed)) {
        tag = error->tag;
        refusal = replyTo(*error);
    } else {
        const auto& begun = std::get<CommandBegun>(parsed);
        tag = begun.tag;
        const CommandRow* const row = _services->commands().rowNamed(begun.name);
        if (row != nullptr) refusal = refusalByState(*row, begun.name);
    }
    if (!refusal) return writer().continuation("OK");
    _reader.refuseLiteral();
    writer().tagged(tag, *refusal);
    noteBad(*refusal);
}

// The message of an APPEND: whether it will be taken is known before its octets come.
void Session::beginSink() {
    std::string tag;
    const auto parsed = parseAppendPrefix(_reader.soFar(), parserOptions(), tag);
    std::optional<Reply> refusal;
    if (const auto* error = std::get_if<SyntaxError>(&parsed)) {
        refusal = replyTo(*error);
    } else {
        const CommandRow* const row = _services->commands().rowNamed("APPEND");
        refusal = row == nullptr ? std::nullopt : refusalByState(*row, "APPEND");
        if (!refusal) refusal = _services->commands().appendRefusal(*this, std::get<Append>(parsed));
    }
    if (!refusal) {
        try {
            auto reception = std::make_unique<AppendReception>();
            reception->arguments = std::get<Append>(parsed);
            reception->mailbox = _mail->open(reception->arguments.mailbox);
            reception->delivery = reception->mailbox->beginDelivery();
            _reception = std::move(reception);
        } catch (const maildir::Error& failure) {
            if (failure.kind() != maildir::ErrorKind::NotFound) logFailure("APPEND", failure);
            refusal = replyToTarget(failure);
        }
    }
    if (refusal) {
        _reader.refuseSink();
        writer().tagged(tag, *refusal);
        noteBad(*refusal);
        return;
    }
    const bool asksFirst = _reader.sinkIsSynchronising();
    _reader.acceptSink();
    if (asksFirst) writer().continuation("OK");
}

void Session::takeSinkData() {
    if (!_reception) return;
    try {
        _reception->take(_reader.sinkData());
    } catch (const maildir::Error& error) {
        logFailure("APPEND", error);
        std::string tag = readableTag(_reader.soFar().text);
        _reader.refuseSink();
        _reception.reset();
        writer().tagged(tag, replyTo(error));
    }
}

}  // namespace imapd
