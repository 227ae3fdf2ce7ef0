// LIST with the options of RFC 5258 (LIST-EXTENDED), RFC 5819 (LIST-STATUS) and RFC 6154 (SPECIAL-USE).
#include "imapd/parser/Rules.h"

namespace imapd {

namespace {

void selectionOption(Cursor& cursor, List& list) {
    const std::size_t begin = cursor.position();
    const std::string name = cursor.word("a LIST selection option");
    if (name == "SUBSCRIBED") {
        list.selectSubscribed = true;
    } else if (name == "REMOTE") {
        list.selectRemote = true;
    } else if (name == "RECURSIVEMATCH") {
        list.selectRecursiveMatch = true;
    } else if (name == "SPECIAL-USE") {
        list.selectSpecialUse = true;
    } else {
        cursor.failAt(begin, "Unknown LIST selection option " + shown(name));
    }
}

void selectionOptions(Cursor& cursor, List& list) {
    const std::size_t begin = cursor.position();
    cursor.list("\"(\"", true, [&] { selectionOption(cursor, list); });
    // RFC 5258 3.1: RECURSIVEMATCH needs an option that it modifies, and REMOTE or SPECIAL-USE is none.
    if (list.selectRecursiveMatch && !list.selectSubscribed) {
        cursor.failAt(begin, "RECURSIVEMATCH needs SUBSCRIBED beside it");
    }
}

void returnOption(Cursor& cursor, List& list) {
    const std::size_t begin = cursor.position();
    const std::string name = cursor.word("a LIST return option");
    if (name == "SUBSCRIBED") {
        list.returnSubscribed = true;
    } else if (name == "CHILDREN") {
        list.returnChildren = true;
    } else if (name == "SPECIAL-USE") {
        list.returnSpecialUse = true;
    } else if (name == "STATUS") {
        cursor.sp();
        list.returnStatus = parseStatusItems(cursor);
    } else {
        cursor.failAt(begin, "Unknown LIST return option " + shown(name));
    }
}

void patterns(Cursor& cursor, List& list) {
    if (cursor.peek() != '(') {
        list.patterns.push_back(cursor.listMailbox());
        return;
    }
    list.isExtended = true;
    cursor.list("\"(\"", false, [&] { list.patterns.push_back(cursor.listMailbox()); });
}

}  // namespace

List parseList(Cursor& cursor) {
    List list;
    cursor.sp();
    if (cursor.peek() == '(') {
        list.isExtended = true;
        selectionOptions(cursor, list);
        cursor.sp();
    }
    list.reference = cursor.mailbox();
    cursor.sp();
    patterns(cursor, list);
    if (cursor.nextArgument()) {
        list.isExtended = true;
        if (!cursor.skipWord("RETURN")) cursor.failExpected("RETURN");
        cursor.sp();
        cursor.list("\"(\"", true, [&] { returnOption(cursor, list); });
    }
    return list;
}

}  // namespace imapd
