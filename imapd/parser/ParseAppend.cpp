// APPEND. The octets of the message are not here: they went to the sink.
#include "imapd/parser/DateTime.h"
#include "imapd/parser/Rules.h"

namespace imapd {

namespace {

std::string dateTime(Cursor& cursor) {
    const std::size_t begin = cursor.position();
    std::string text = cursor.string();
    if (!parseDateTime(text, !cursor.takes(Leniency::LooseDate))) {
        cursor.failAt(begin, "Expected a date and time such as \"17-Jul-1996 02:44:25 -0700\"");
    }
    return text;
}

void message(Cursor& cursor, Append& append) {
    if (cursor.skipWord("UTF8")) {  // RFC 6855 section 4
        append.isUtf8 = true;
        cursor.sp();
        cursor.expect('(', "\"(\"");
        cursor.optionalSp();
    }
    const RawCommand::Literal* literal = cursor.literalHere();
    const bool isLiteral8 = cursor.peek() == '~';
    if (literal == nullptr || (append.isUtf8 && !isLiteral8)) {
        cursor.failExpected(append.isUtf8 ? "a literal8 (~{n})" : "the message as a literal");
    }
    append.isBinary = isLiteral8 && !append.isUtf8;
    append.messageOctets = literal->octets;
    cursor.skipLiteral();
}

}  // namespace

Append parseAppendToMessage(Cursor& cursor) {
    Append append;
    cursor.sp();
    append.mailbox = cursor.mailbox();
    cursor.sp();
    if (cursor.peek() == '(') {
        cursor.list("\"(\"", true, [&] { append.flags.push_back(cursor.flag()); });
        cursor.sp();
    }
    if (cursor.peek() == '"') {
        append.dateTime = dateTime(cursor);
        cursor.sp();
    }
    message(cursor, append);
    return append;
}

Append parseAppend(Cursor& cursor) {
    Append append = parseAppendToMessage(cursor);
    if (append.isUtf8) {
        cursor.optionalSp();
        cursor.expect(')', "\")\"");
    }
    return append;
}

}  // namespace imapd
