#include "imapd/commands/Append.h"

#include "imapd/commands/FlagNames.h"
#include "imapd/commands/ListEntry.h"
#include "imapd/parser/DateTime.h"
#include "imapd/response/ErrorReply.h"
#include "imapd/session/AppendReception.h"
#include "imapd/session/Services.h"
#include "imapd/session/Session.h"
#include "imapd/session/UserMail.h"

namespace imapd {

namespace {

// Why a message of such octets is not taken.
std::optional<Reply> refusalOf(Session& session, const Append& arguments, const MessageScan& scan) {
    // RFC 3516 4.4: binary content would have to be sent as it came. A Maildir's messages are lines, and a NUL may not
    // be sent by FETCH BODY; a transfer encoding of our making would break signatures. So it is refused, not changed.
    if ((arguments.isBinary && scan.hasBareLf()) || ((arguments.isBinary || arguments.isUtf8) && scan.hasNul())) {
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
            reception->mailbox->deliver(std::move(reception->delivery), named.flags, named.keywords, internalDate);
        if (session.features().rev2)
            tellOtherName(session, session.mail().resolvedNameOf(arguments.mailbox), arguments.mailbox);
        return Reply::ok("Append completed", "APPENDUID " + std::to_string(result.uidValidity.value) + ' ' +
                                                 std::to_string(result.uid.value));
    } catch (const maildir::Error& error) {
        if (error.kind() != maildir::ErrorKind::NotFound) session.logFailure("APPEND", error);
        return replyToTarget(error);
    }
}

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
    return finished(append(session, std::get<Append>(arguments)));
}

}  // namespace imapd
