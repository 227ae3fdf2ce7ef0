// STORE and UID EXPUNGE.
#include "imapd/parser/Rules.h"

namespace imapd {

// RFC 3501 section 9: store-att-flags.
Store parseStore(Cursor& cursor, bool isUid) {
    Store store;
    store.isUid = isUid;
    cursor.sp();
    store.set = cursor.sequenceSet();
    cursor.sp();
    const std::size_t begin = cursor.position();
    if (cursor.skip('+')) {
        store.mode = Store::Add;
    } else if (cursor.skip('-')) {
        store.mode = Store::Remove;
    }
    const bool isWord = isAtomChar(cursor.peek());
    const std::string name = isWord ? cursor.word("FLAGS") : "";
    store.isSilent = name == "FLAGS.SILENT";
    if (!store.isSilent && name != "FLAGS")
        cursor.failAt(begin, "Expected FLAGS, +FLAGS or -FLAGS, or these with .SILENT");
    cursor.sp();
    if (cursor.peek() == '(') {
        cursor.list("\"(\"", true, [&] { store.flags.push_back(cursor.flag()); });
        return store;
    }
    do {
        cursor.countEntry();
        store.flags.push_back(cursor.flag());
    } while (cursor.nextArgument());
    return store;
}

// RFC 4315 2.1.
Expunge parseUidExpunge(Cursor& cursor) {
    Expunge expunge;
    cursor.sp();
    expunge.uids = cursor.sequenceSet();
    return expunge;
}

}  // namespace imapd
