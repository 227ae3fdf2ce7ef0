// ID, AUTHENTICATE, LOGIN, ENABLE.
#include <algorithm>

#include "imapd/parser/Rules.h"

namespace imapd {

namespace {

bool isBase64Char(char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || isDigit(c) || c == '+' || c == '/';
}

// base64 of RFC 3501 section 9: whole groups of four, the last one padded.
bool isBase64(std::string_view text) {
    if (text.size() % 4 != 0) return false;
    for (int padding = 0; padding < 2 && text.ends_with('='); ++padding) text.remove_suffix(1);
    return std::all_of(text.begin(), text.end(), isBase64Char);
}

}  // namespace

// RFC 2971 section 4.
Id parseId(Cursor& cursor) {
    Id id;
    cursor.sp();
    if (cursor.skipWord("NIL")) return id;
    cursor.list("NIL or \"(\"", true, [&] {
        StringPair pair;
        pair.name = cursor.string("a field name");
        cursor.sp();
        pair.value = cursor.nstring();
        id.parameters.push_back(std::move(pair));
    });
    return id;
}

// RFC 3501 6.2.2, with the initial response of RFC 4959.
Authenticate parseAuthenticate(Cursor& cursor) {
    Authenticate authenticate;
    cursor.sp();
    authenticate.mechanism = upperCase(cursor.atomOrString("a mechanism"));
    if (!cursor.nextArgument()) return authenticate;
    const std::size_t begin = cursor.position();
    while (isBase64Char(cursor.peek()) || cursor.peek() == '=') cursor.moveTo(cursor.position() + 1);
    const std::string_view response = cursor.text().substr(begin, cursor.position() - begin);
    if (response != "=" && (response.empty() || !isBase64(response))) {
        cursor.failAt(begin, "Expected base64 or \"=\"");
    }
    authenticate.initialResponse.emplace(response);
    return authenticate;
}

Login parseLogin(Cursor& cursor) {
    Login login;
    cursor.sp();
    login.user = cursor.astring("a user name");
    cursor.sp();
    login.password = cursor.secretAstring("a password");
    return login;
}

// RFC 5161 section 4.
Enable parseEnable(Cursor& cursor) {
    Enable enable;
    cursor.sp();
    do {
        cursor.countEntry();
        enable.capabilities.push_back(cursor.word("a capability"));
    } while (cursor.nextArgument());
    return enable;
}

}  // namespace imapd
