// SELECT, EXAMINE, CREATE, RENAME, STATUS.
#include <array>
#include <utility>

#include "imapd/parser/Rules.h"

namespace imapd {

namespace {

constexpr std::array<std::pair<std::string_view, StatusItem>, 8> statusItems = {{
    {"MESSAGES", StatusItem::Messages},
    {"RECENT", StatusItem::Recent},
    {"UIDNEXT", StatusItem::UidNext},
    {"UIDVALIDITY", StatusItem::UidValidity},
    {"UNSEEN", StatusItem::Unseen},
    {"SIZE", StatusItem::Size},                    // RFC 8438
    {"DELETED", StatusItem::Deleted},              // RFC 9051 6.3.11
    {"HIGHESTMODSEQ", StatusItem::HighestModSeq},  // RFC 7162 3.1.7
}};

StatusItem statusItem(Cursor& cursor) {
    const std::size_t begin = cursor.position();
    const std::string name = cursor.word("a STATUS item");
    for (const auto& [known, item] : statusItems) {
        if (name == known) return item;
    }
    cursor.failAt(begin, "Unknown STATUS item " + shown(name));
}

// Past a quoted string inside a parenthesised parameter, which stays raw.
void skipQuoted(Cursor& cursor) {
    const std::size_t begin = cursor.position();
    cursor.string();
    // A literal has no raw form.
    if (cursor.text()[begin] != '"') cursor.failAt(begin, "A literal is not allowed here");
}

// tagged-ext-val of RFC 4466 section 6, kept raw: "(" ... ")" without its outer parentheses, or a number or set.
std::string parameterValue(Cursor& cursor) {
    const bool isList = cursor.skip('(');
    const std::size_t begin = cursor.position();
    for (std::size_t depth = 0; !cursor.atEnd();) {
        const char c = cursor.peek();
        if (c == '"' || cursor.literalHere() != nullptr) {
            skipQuoted(cursor);
            continue;
        }
        if (!isList && (c == ' ' || c == '(' || c == ')')) break;
        if (c == ')' && depth-- == 0) break;
        if (c == '(') ++depth;
        if (c != ' ' && c != '(' && c != ')' && !isListChar(c)) cursor.failExpected("a parameter value");
        cursor.moveTo(cursor.position() + 1);
    }
    std::string value(cursor.text().substr(begin, cursor.position() - begin));
    if (isList) cursor.expect(')', "\")\"");
    if (!isList && value.empty()) cursor.failExpected("a parameter value");
    return value;
}

// RFC 4466 section 6: select-param = name [SP value].
Select::Parameter selectParameter(Cursor& cursor) {
    Select::Parameter parameter;
    parameter.name = cursor.word("a parameter");
    const std::size_t afterName = cursor.position();
    if (!cursor.skip(' ')) return parameter;
    cursor.optionalSp();
    if (isDigit(cursor.peek()) || cursor.peek() == '(' || cursor.peek() == '*') {
        parameter.value = parameterValue(cursor);
    } else {
        cursor.moveTo(afterName);  // the next parameter's name
    }
    return parameter;
}

// "(USE (\Sent ...))" of RFC 6154 section 6, the one CREATE parameter there is.
void createParameter(Cursor& cursor, Create& create) {
    const std::size_t begin = cursor.position();
    const std::string name = cursor.word("a CREATE parameter");
    if (name != "USE") cursor.failAt(begin, "Unknown CREATE parameter " + shown(name));
    cursor.sp();
    cursor.list("\"(\"", true, [&] {
        if (cursor.peek() != '\\') cursor.failExpected("a special-use attribute");
        create.specialUse.push_back(cursor.flag());
    });
}

}  // namespace

Select parseSelect(Cursor& cursor, bool isReadOnly) {
    Select select;
    select.isReadOnly = isReadOnly;
    cursor.sp();
    select.mailbox = cursor.mailbox();
    if (cursor.nextArgument()) {
        cursor.list("\"(\"", cursor.takes(Leniency::EmptyParameters),
                    [&] { select.parameters.push_back(selectParameter(cursor)); });
    }
    return select;
}

Create parseCreate(Cursor& cursor) {
    Create create;
    cursor.sp();
    create.mailbox = cursor.mailbox();
    if (cursor.nextArgument()) {
        cursor.list("\"(\"", cursor.takes(Leniency::EmptyParameters), [&] { createParameter(cursor, create); });
    }
    return create;
}

Rename parseRename(Cursor& cursor) {
    Rename rename;
    cursor.sp();
    rename.from = cursor.mailbox();
    cursor.sp();
    rename.to = cursor.mailbox();
    return rename;
}

std::vector<StatusItem> parseStatusItems(Cursor& cursor) {
    std::vector<StatusItem> items;
    cursor.list("\"(\"", false, [&] { items.push_back(statusItem(cursor)); });
    return items;
}

Status parseStatus(Cursor& cursor) {
    Status status;
    cursor.sp();
    status.mailbox = cursor.mailbox();
    cursor.sp();
    if (cursor.peek() == '(' || !cursor.takes(Leniency::BareItems)) {
        status.items = parseStatusItems(cursor);
        return status;
    }
    do {
        cursor.countEntry();
        status.items.push_back(statusItem(cursor));
    } while (cursor.nextArgument());
    return status;
}

}  // namespace imapd
