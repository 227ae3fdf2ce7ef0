// The grammar rules of the commands: each reads the arguments that follow the command's name, up to the end.
//
// All of them throw SyntaxFailure. The caller reads the name and checks that nothing follows the arguments.
#pragma once

#include "imapd/parser/Command.h"
#include "imapd/parser/Cursor.h"

namespace imapd {

// ParseAccess.cpp
Id parseId(Cursor& cursor);
Authenticate parseAuthenticate(Cursor& cursor);
Login parseLogin(Cursor& cursor);
Enable parseEnable(Cursor& cursor);

// ParseMailbox.cpp
Select parseSelect(Cursor& cursor, bool isReadOnly);
Create parseCreate(Cursor& cursor);
Rename parseRename(Cursor& cursor);
Status parseStatus(Cursor& cursor);
std::vector<StatusItem> parseStatusItems(Cursor& cursor);  // "(" status-att *(SP status-att) ")"
template <typename NamesOneMailbox>
NamesOneMailbox parseMailbox(Cursor& cursor) {  // DELETE, SUBSCRIBE, UNSUBSCRIBE
    cursor.sp();
    return {cursor.mailbox()};
}

// ParseList.cpp
List parseList(Cursor& cursor);
template <typename ReferenceAndPattern>
ReferenceAndPattern parseOldList(Cursor& cursor) {  // LSUB, XLIST
    ReferenceAndPattern list;
    cursor.sp();
    list.reference = cursor.mailbox();
    cursor.sp();
    list.pattern = cursor.listMailbox();
    return list;
}

// ParseAppend.cpp
Append parseAppendToMessage(Cursor& cursor);  // up to and with the announcement of the message
Append parseAppend(Cursor& cursor);

// ParseSearch.cpp
Search parseSearch(Cursor& cursor, bool isUid);

// ParseFetch.cpp
Fetch parseFetch(Cursor& cursor, bool isUid);

// ParseMessages.cpp
Store parseStore(Cursor& cursor, bool isUid);
Expunge parseUidExpunge(Cursor& cursor);
template <typename SetAndMailbox>
SetAndMailbox parseToMailbox(Cursor& cursor, bool isUid) {  // COPY, MOVE
    SetAndMailbox command;
    command.isUid = isUid;
    cursor.sp();
    command.set = cursor.sequenceSet();
    cursor.sp();
    command.mailbox = cursor.mailbox();
    return command;
}

}  // namespace imapd
