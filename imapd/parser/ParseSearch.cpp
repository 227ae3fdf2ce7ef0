// SEARCH, with RETURN of RFC 4731 and RFC 5182. Nesting is bounded: no recursion goes deeper than maxSearchNesting.
#include <array>
#include <utility>

#include "imapd/parser/DateTime.h"
#include "imapd/parser/Rules.h"

namespace imapd {

namespace {

enum class Operand { None, Text, HeaderText, Keyword, Date, Number, NzNumber, Set, Key, TwoKeys };

struct KeyRule {
    std::string_view name;
    SearchKey::Kind kind;
    Operand operand;
};

constexpr std::array<KeyRule, 37> keyRules = {{
    {"ALL", SearchKey::All, Operand::None},
    {"ANSWERED", SearchKey::Answered, Operand::None},
    {"BCC", SearchKey::Bcc, Operand::Text},
    {"BEFORE", SearchKey::Before, Operand::Date},
    {"BODY", SearchKey::Body, Operand::Text},
    {"CC", SearchKey::Cc, Operand::Text},
    {"DELETED", SearchKey::Deleted, Operand::None},
    {"DRAFT", SearchKey::Draft, Operand::None},
    {"FLAGGED", SearchKey::Flagged, Operand::None},
    {"FROM", SearchKey::From, Operand::Text},
    {"HEADER", SearchKey::Header, Operand::HeaderText},
    {"KEYWORD", SearchKey::Keyword, Operand::Keyword},
    {"LARGER", SearchKey::Larger, Operand::Number},
    {"NEW", SearchKey::New, Operand::None},
    {"NOT", SearchKey::Not, Operand::Key},
    {"OLD", SearchKey::Old, Operand::None},
    {"OLDER", SearchKey::Older, Operand::NzNumber},  // RFC 5032
    {"ON", SearchKey::On, Operand::Date},
    {"OR", SearchKey::Or, Operand::TwoKeys},
    {"RECENT", SearchKey::Recent, Operand::None},
    {"SEEN", SearchKey::Seen, Operand::None},
    {"SENTBEFORE", SearchKey::SentBefore, Operand::Date},
    {"SENTON", SearchKey::SentOn, Operand::Date},
    {"SENTSINCE", SearchKey::SentSince, Operand::Date},
    {"SINCE", SearchKey::Since, Operand::Date},
    {"SMALLER", SearchKey::Smaller, Operand::Number},
    {"SUBJECT", SearchKey::Subject, Operand::Text},
    {"TEXT", SearchKey::Text, Operand::Text},
    {"TO", SearchKey::To, Operand::Text},
    {"UID", SearchKey::Uids, Operand::Set},
    {"UNANSWERED", SearchKey::Unanswered, Operand::None},
    {"UNDELETED", SearchKey::Undeleted, Operand::None},
    {"UNDRAFT", SearchKey::Undraft, Operand::None},
    {"UNFLAGGED", SearchKey::Unflagged, Operand::None},
    {"UNKEYWORD", SearchKey::Unkeyword, Operand::Keyword},
    {"UNSEEN", SearchKey::Unseen, Operand::None},
    {"YOUNGER", SearchKey::Younger, Operand::NzNumber},  // RFC 5032
}};

const KeyRule& keyRule(Cursor& cursor) {
    const std::size_t begin = cursor.position();
    const std::string name = cursor.word("a search key");
    for (const KeyRule& rule : keyRules) {
        if (rule.name == name) return rule;
    }
    cursor.failAt(begin, "Unknown search key " + shown(name));
}

// date = date-text / DQUOTE date-text DQUOTE
std::int32_t date(Cursor& cursor) {
    const std::size_t begin = cursor.position();
    const bool isLoose = cursor.takes(Leniency::LooseDate);
    const bool isString = cursor.peek() == '"' || (isLoose && cursor.literalHere() != nullptr);
    const std::string text = isString ? cursor.string() : std::string(cursor.atom("a date"));
    const auto day = parseDate(text, !isLoose);
    if (!day) cursor.failAt(begin, "Expected a date such as 1-Feb-1994");
    return *day;
}

SearchKey searchKey(Cursor& cursor, std::size_t depth, bool isInList = false);

void operand(Cursor& cursor, Operand kind, SearchKey& key, std::size_t depth) {
    if (kind == Operand::None) return;
    cursor.sp();
    switch (kind) {
        case Operand::None:
            break;
        case Operand::HeaderText:
            key.field = cursor.astring("a header field name");
            cursor.sp();
            [[fallthrough]];
        case Operand::Text:
            key.text = cursor.astring();
            break;
        case Operand::Keyword:
            key.text = cursor.atomOrString("a keyword");
            break;
        case Operand::Date:
            key.day = date(cursor);
            break;
        case Operand::Number:
            key.number = cursor.number64("a number");
            break;
        case Operand::NzNumber:
            key.number = cursor.nzNumber("a number");
            break;
        case Operand::Set:
            key.set = cursor.sequenceSet();
            break;
        case Operand::TwoKeys:
            key.children.reserve(2);
            key.children.push_back(searchKey(cursor, depth));
            cursor.sp();
            [[fallthrough]];
        case Operand::Key:
            key.children.push_back(searchKey(cursor, depth));
            break;
    }
}

// depth: how many levels stand around this key (row V0043): parentheses, and each NOT and OR but those that stand
// directly in parentheses (isInList).
SearchKey searchKey(Cursor& cursor, std::size_t depth, bool isInList) {
    const std::size_t most = cursor.options().maxSearchNesting;
    if (depth > most) cursor.failLimit("Search keys nested too deeply (" + std::to_string(most) + " levels at most)");
    SearchKey key;
    if (cursor.sequenceSetFollows()) {
        key.kind = SearchKey::SequenceNumbers;
        key.set = cursor.sequenceSet();
    } else if (cursor.peek() == '(') {
        key.kind = SearchKey::And;
        cursor.list("\"(\"", false, [&] { key.children.push_back(searchKey(cursor, depth + 1, true)); });
    } else {
        const KeyRule& rule = keyRule(cursor);
        key.kind = rule.kind;
        operand(cursor, rule.operand, key, isInList ? depth : depth + 1);
    }
    return key;
}

void returnOption(Cursor& cursor, Search& search) {
    const std::size_t begin = cursor.position();
    const std::string name = cursor.word("a SEARCH return option");
    if (name == "MIN") {
        search.returnMin = true;
    } else if (name == "MAX") {
        search.returnMax = true;
    } else if (name == "ALL") {
        search.returnAll = true;
    } else if (name == "COUNT") {
        search.returnCount = true;
    } else if (name == "SAVE") {  // RFC 5182
        search.returnSave = true;
    } else {
        cursor.failAt(begin, "Unknown SEARCH return option " + shown(name));
    }
}

// RFC 4731 section 3.1: "RETURN ()" asks for ALL.
void returnOptions(Cursor& cursor, Search& search) {
    search.hasReturn = true;
    cursor.sp();
    cursor.list("\"(\"", true, [&] { returnOption(cursor, search); });
    search.returnAll =
        search.returnAll || !(search.returnMin || search.returnMax || search.returnCount || search.returnSave);
}

void charset(Cursor& cursor, Search& search) {
    cursor.sp();
    const std::size_t begin = cursor.position();
    search.charset = cursor.astring("a charset");
    if (search.charset.empty()) cursor.failAt(begin, "Expected a charset");
}

// RETURN before CHARSET by RFC 4466 section 6; the other way round too, each once.
void options(Cursor& cursor, Search& search) {
    while (true) {
        if (!search.hasReturn && cursor.skipWord("RETURN")) {
            returnOptions(cursor, search);
        } else if (search.charset.empty() && cursor.skipWord("CHARSET")) {
            charset(cursor, search);
        } else {
            return;
        }
        cursor.sp();
    }
}

}  // namespace

Search parseSearch(Cursor& cursor, bool isUid) {
    Search search;
    search.isUid = isUid;
    search.key.kind = SearchKey::And;
    cursor.sp();
    options(cursor, search);
    do {
        cursor.countEntry();
        search.key.children.push_back(searchKey(cursor, 0));
    } while (cursor.nextArgument());
    return search;
}

}  // namespace imapd
