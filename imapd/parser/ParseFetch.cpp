// FETCH: its items, macros, body sections and partials.
#include <array>
#include <utility>

#include "imapd/parser/Rules.h"

namespace imapd {

namespace {

struct PlainItem {
    std::string_view name;
    FetchItem::Kind kind;
    bool isPeek;
};

constexpr std::array<PlainItem, 11> plainItems = {{
    {"ENVELOPE", FetchItem::Envelope, false},
    {"FLAGS", FetchItem::Flags, false},
    {"INTERNALDATE", FetchItem::InternalDate, false},
    {"RFC822", FetchItem::Rfc822, false},
    {"RFC822.HEADER", FetchItem::Rfc822Header, true},
    {"RFC822.SIZE", FetchItem::Rfc822Size, false},
    {"RFC822.TEXT", FetchItem::Rfc822Text, false},
    {"RFC822.PEEK", FetchItem::Rfc822Peek, true},  // of IMAP2bis; Outlook sends it
    {"BODY", FetchItem::Body, false},
    {"BODYSTRUCTURE", FetchItem::BodyStructure, false},
    {"UID", FetchItem::Uid, false},
}};

FetchItem plainItem(const Cursor& cursor, std::size_t begin, const std::string& name) {
    FetchItem item;
    for (const PlainItem& known : plainItems) {
        if (name != known.name) continue;
        item.kind = known.kind;
        item.isPeek = known.isPeek;
        return item;
    }
    cursor.failAt(begin, "Unknown FETCH item " + shown(name));
}

// section-part = nz-number *("." nz-number); true if a "." follows it, which is read.
bool sectionPart(Cursor& cursor, Section& section) {
    do {
        cursor.countEntry();
        section.part.push_back(cursor.nzNumber("a part number"));
        if (!cursor.skip('.')) return false;
    } while (isDigit(cursor.peek()));
    return true;
}

void headerList(Cursor& cursor, Section& section) {
    if (cursor.peek() != '(' || !cursor.takes(Leniency::NoSpaceBefore)) cursor.sp();
    cursor.list("\"(\"", false, [&] { section.fields.push_back(cursor.astring("a header field name")); });
}

// section-msgtext, and MIME after a part.
void sectionText(Cursor& cursor, Section& section) {
    if (cursor.skipWord("HEADER.FIELDS.NOT")) {
        section.kind = Section::HeaderFieldsNot;
        headerList(cursor, section);
    } else if (cursor.skipWord("HEADER.FIELDS")) {
        section.kind = Section::HeaderFields;
        headerList(cursor, section);
    } else if (cursor.skipWord("HEADER")) {
        section.kind = Section::Header;
    } else if (cursor.skipWord("TEXT")) {
        section.kind = Section::Text;
    } else if (!section.part.empty() && cursor.skipWord("MIME")) {
        section.kind = Section::Mime;
    } else {
        cursor.failExpected(section.part.empty() ? "a section" : "HEADER, HEADER.FIELDS, TEXT or MIME");
    }
}

// section, or section-binary, which is a part alone.
void section(Cursor& cursor, FetchItem& item) {
    cursor.expect('[', "\"[\"");
    cursor.optionalSp();
    if (cursor.skip(']')) return;
    const bool isPartOnly = item.kind != FetchItem::BodySection;
    const bool startsWithPart = isPartOnly || isDigit(cursor.peek());
    if (!startsWithPart) {
        sectionText(cursor, item.section);
    } else if (sectionPart(cursor, item.section)) {
        if (isPartOnly) cursor.failExpected("a part number");
        sectionText(cursor, item.section);
    }
    cursor.optionalSp();
    cursor.expect(']', "\"]\"");
}

// partial = "<" number "." nz-number ">" (RFC 3501 section 9); number64 and nz-number64 in RFC 9051.
void partial(Cursor& cursor, FetchItem& item) {
    if (!cursor.skip('<')) return;
    const auto number = [&cursor]() -> std::uint64_t {
        return cursor.options().rev2Enabled ? cursor.number64("a number") : cursor.number("a number");
    };
    item.isPartial = true;
    item.partialFirst = number();
    cursor.expect('.', "\".\"");
    const std::size_t begin = cursor.position();
    item.partialCount = number();
    if (item.partialCount == 0) cursor.failAt(begin, "Expected a number of octets, not 0");
    cursor.expect('>', "\">\"");
}

bool isItemNameChar(char c) {
    return isAtomChar(c) && c != '[' && c != '<';
}

std::string itemName(Cursor& cursor) {
    const std::size_t begin = cursor.position();
    while (isItemNameChar(cursor.peek())) cursor.moveTo(cursor.position() + 1);
    if (cursor.position() == begin) cursor.failExpected("a FETCH item");
    return upperCase(cursor.text().substr(begin, cursor.position() - begin));
}

FetchItem fetchItem(Cursor& cursor, std::size_t begin, const std::string& name) {
    FetchItem item;
    const bool isBody = name == "BODY.PEEK" || (name == "BODY" && cursor.peek() == '[');
    const bool isBinary = name == "BINARY" || name == "BINARY.PEEK";  // RFC 3516
    const bool isBinarySize = name == "BINARY.SIZE";
    if (!isBody && !isBinary && !isBinarySize) return plainItem(cursor, begin, name);
    item.kind = isBody ? FetchItem::BodySection : isBinary ? FetchItem::Binary : FetchItem::BinarySize;
    item.isPeek = isBinarySize || name.ends_with(".PEEK");
    section(cursor, item);
    if (!isBinarySize) partial(cursor, item);
    return item;
}

// ALL, FAST, FULL (RFC 3501 6.4.5); true if name is one.
bool macro(const std::string& name, std::vector<FetchItem>& items) {
    if (name != "ALL" && name != "FAST" && name != "FULL") return false;
    std::vector<FetchItem::Kind> kinds = {FetchItem::Flags, FetchItem::InternalDate, FetchItem::Rfc822Size};
    if (name != "FAST") kinds.push_back(FetchItem::Envelope);
    if (name == "FULL") kinds.push_back(FetchItem::Body);
    for (const FetchItem::Kind kind : kinds) {
        FetchItem item;
        item.kind = kind;
        items.push_back(std::move(item));
    }
    return true;
}

void item(Cursor& cursor, Fetch& fetch, bool mayBeMacro) {
    const std::size_t begin = cursor.position();
    const std::string name = itemName(cursor);
    if (!mayBeMacro || !macro(name, fetch.items)) fetch.items.push_back(fetchItem(cursor, begin, name));
}

}  // namespace

Fetch parseFetch(Cursor& cursor, bool isUid) {
    Fetch fetch;
    fetch.isUid = isUid;
    cursor.sp();
    fetch.set = cursor.sequenceSet();
    cursor.sp();
    if (cursor.peek() == '(') {
        cursor.list("\"(\"", false, [&] { item(cursor, fetch, cursor.takes(Leniency::MacroInList)); });
        return fetch;
    }
    do {
        cursor.countEntry();
        item(cursor, fetch, true);
    } while (cursor.takes(Leniency::BareItems) && cursor.nextArgument());
    return fetch;
}

}  // namespace imapd
