#include "imapd/commands/Append.h"

#include "imapd/commands/FlagNames.h"
#include "imapd/commands/ListEntry.h"
#include "imapd/parser/DateTime.h"
#include "imapd/response/ErrorReply.h"
#include "imapd/session/AppendReception.h"
#include "imapd/session/Services.h"
#include "imapd/session/Session.h"
#include "imapd/session/TimeSlice.h"
#include "imapd/session/UserMail.h"
#include "maildir/message/BinaryRewriter.h"

namespace imapd {

namespace {

// Why a message of such octets is not taken.
std::optional<Reply> refusalOf(Session& session, const Append& arguments, const MessageScan& scan) {
    if (arguments.isUtf8 && scan.hasNul()) {
        return Reply::no("Binary content must be sent in a Content-Transfer-Encoding", "UNKNOWN-CTE");
    }
    if (session.policy().utf8Accept && !session.features().utf8 && scan.has8BitHeader()) {
        return Reply::no("The header has 8-bit octets: ENABLE UTF8=ACCEPT comes first");  // RFC 6855 section 4
    }
    return std::nullopt;
}

Reply append(Session& session, const Append& arguments) {
    AppendReception* reception = session.reception();
    if (reception != nullptr && reception->refusal) return *reception->refusal;
    if (reception == nullptr || !reception->mailbox || !reception->delivery) {
        return Reply::bad("The message is missing");
    }
    if (std::optional<Reply> refusal = refusalOf(session, arguments, reception->scan)) return *refusal;
    std::variant<NamedFlags, Reply> read = readFlags(arguments.flags, session.policy().keywords);
    if (Reply* refusal = std::get_if<Reply>(&read)) return std::move(*refusal);
    const NamedFlags& named = std::get<NamedFlags>(read);
    std::optional<std::int64_t> internalDate;
    if (arguments.dateTime) {
        internalDate = parseDateTime(*arguments.dateTime, session.policy().strictParsing);
        if (!internalDate) return Reply::bad("This is no date and time");
    }
    if (reception->delivery->wireOctets() == 0) return Reply::no("A message cannot be empty", "CANNOT");
    try {
        const maildir::DeliveryResult result =
            reception->mailbox->deliver(*reception->delivery, named.flags, named.keywords, internalDate);
        if (session.features().rev2)
            tellOtherName(session, session.mail().resolvedNameOf(arguments.mailbox), arguments.mailbox);
        return Reply::ok("Append completed", "APPENDUID " + std::to_string(result.uidValidity.value) + ' ' +
                                                 std::to_string(result.uid.value));
    } catch (const maildir::Error& error) {
        if (error.kind() == maildir::ErrorKind::WouldWait) throw;
        if (error.kind() != maildir::ErrorKind::NotFound) session.logFailure("APPEND", error);
        return replyToTarget(error);
    }
}

// RFC 3516 4.4: a Maildir's messages are lines, and a NUL may not be sent by FETCH BODY. So binary content is kept in
// another transfer encoding where it has to be.
class BinaryAppend : public Execution {
public:
    explicit BinaryAppend(Append arguments) : _arguments(std::move(arguments)) {}

    Progress step(Session& session) override {
        AppendReception* const reception = session.reception();
        if (reception == nullptr || !reception->delivery) {
            _reply = append(session, _arguments);
            return Progress::Done;
        }
        const TimeSlice slice;
        if (!_asCame) begin(*reception);
        for (std::string piece; !_isWritten; piece.clear()) {
            if (slice.isOver()) return Progress::Again;
            _isWritten = !_rewriter->write(piece);
            reception->delivery->write(piece);
        }
        _reply = _rewriter->isRefused() ? Reply::no(
                                              "Such content must be sent in a Content-Transfer-Encoding that can "
                                              "be kept: it cannot be given one",
                                              "UNKNOWN-CTE")
                                        : append(session, _arguments);
        return Progress::Done;
    }

    Reply reply() override { return *_reply; }

private:
    void begin(AppendReception& reception) {
        _asCame = std::move(reception.delivery);
        _file.emplace(_asCame->read());
        _rewriter.emplace(*_file);
        reception.delivery = reception.mailbox->beginDelivery();
    }

    Append _arguments;
    std::unique_ptr<maildir::Delivery> _asCame;
    std::optional<maildir::MessageFile> _file;
    std::optional<maildir::BinaryRewriter> _rewriter;
    bool _isWritten = false;  // what is left may wait for a lock, and is then run again
    std::optional<Reply> _reply;
};

}  // namespace

std::optional<Reply> appendRefusal(Session& session, const Append& arguments) {
    if (arguments.isUtf8 && !session.features().utf8) return Reply::bad("UTF8 is not enabled");  // RFC 6855 section 4
    std::variant<NamedFlags, Reply> read = readFlags(arguments.flags, session.policy().keywords);
    if (Reply* refusal = std::get_if<Reply>(&read)) return std::move(*refusal);
    if (arguments.dateTime && !parseDateTime(*arguments.dateTime, session.policy().strictParsing)) {
        return Reply::bad("This is no date and time");
    }
    return session.services().commands().refusal(session.policy(), Arguments(arguments));
}

std::unique_ptr<Execution> startAppend(Session& session, Arguments&& arguments) {
    Append command = std::get<Append>(std::move(arguments));
    if (command.isBinary && session.reception() != nullptr) return std::make_unique<BinaryAppend>(std::move(command));
    return inOneStep(std::move(command), append);
}

}  // namespace imapd
