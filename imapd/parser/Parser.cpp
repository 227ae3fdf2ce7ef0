#include "imapd/parser/Parser.h"

#include <algorithm>
#include <array>
#include <utility>

#include "imapd/parser/Rules.h"

namespace imapd {

namespace {

struct CommandRule {
    std::string_view name;
    Arguments (*arguments)(Cursor&);
};

template <typename WithoutArguments>
Arguments nothing(Cursor&) {
    return WithoutArguments{};
}

template <auto rule>
Arguments plain(Cursor& cursor) {
    return rule(cursor);
}

template <auto rule, bool flag>
Arguments flagged(Cursor& cursor) {
    return rule(cursor, flag);
}

constexpr std::array<CommandRule, 37> commandRules = {{
    {"CAPABILITY", nothing<Capability>},
    {"NOOP", nothing<Noop>},
    {"LOGOUT", nothing<Logout>},
    {"ID", plain<parseId>},
    {"STARTTLS", nothing<StartTls>},
    {"AUTHENTICATE", plain<parseAuthenticate>},
    {"LOGIN", plain<parseLogin>},
    {"ENABLE", plain<parseEnable>},
    {"SELECT", flagged<parseSelect, false>},
    {"EXAMINE", flagged<parseSelect, true>},
    {"CREATE", plain<parseCreate>},
    {"DELETE", plain<parseMailbox<Delete>>},
    {"RENAME", plain<parseRename>},
    {"SUBSCRIBE", plain<parseMailbox<Subscribe>>},
    {"UNSUBSCRIBE", plain<parseMailbox<Unsubscribe>>},
    {"LIST", plain<parseList>},
    {"LSUB", plain<parseOldList<Lsub>>},
    {"XLIST", plain<parseOldList<XList>>},
    {"STATUS", plain<parseStatus>},
    {"NAMESPACE", nothing<Namespace>},
    {"IDLE", nothing<Idle>},
    {"APPEND", plain<parseAppend>},
    {"CHECK", nothing<Check>},
    {"CLOSE", nothing<Close>},
    {"UNSELECT", nothing<Unselect>},
    {"EXPUNGE", nothing<Expunge>},
    {"SEARCH", flagged<parseSearch, false>},
    {"FETCH", flagged<parseFetch, false>},
    {"STORE", flagged<parseStore, false>},
    {"COPY", flagged<parseToMailbox<Copy>, false>},
    {"MOVE", flagged<parseToMailbox<Move>, false>},
    {"UID EXPUNGE", plain<parseUidExpunge>},
    {"UID SEARCH", flagged<parseSearch, true>},
    {"UID FETCH", flagged<parseFetch, true>},
    {"UID STORE", flagged<parseStore, true>},
    {"UID COPY", flagged<parseToMailbox<Copy>, true>},
    {"UID MOVE", flagged<parseToMailbox<Move>, true>},
}};

bool isTagChar(char c) {
    return isAstringChar(c) && c != '+';
}

// imap.parser.anyTag (row C0001): anything up to the first SP or TAB, save what would break the line of the reply.
bool isAnyTagChar(char c) {
    return c != ' ' && c != '\t' && c != '\0' && c != '\r' && c != '\n';
}

std::string tag(Cursor& cursor) {
    cursor.optionalSp();
    const std::size_t begin = cursor.position();
    const bool acceptsAny = cursor.options().acceptsAnyTag;
    while (!cursor.atEnd() && cursor.literalHere() == nullptr &&
           (acceptsAny ? isAnyTagChar(cursor.peek()) : isTagChar(cursor.peek()))) {
        cursor.moveTo(cursor.position() + 1);
    }
    if (cursor.position() == begin) cursor.failExpected("a tag");
    const bool isTab = cursor.peek() == '\t' && (acceptsAny || cursor.options().acceptsTabAfterCommand);
    if (!cursor.atEnd() && cursor.peek() != ' ' && !isTab) cursor.failExpected("a tag and SP");
    return std::string(cursor.text().substr(begin, cursor.position() - begin));
}

const CommandRule& commandRule(Cursor& cursor) {
    const bool acceptsTab = cursor.options().acceptsTabAfterCommand;  // row 2.1.6
    if (acceptsTab || cursor.options().acceptsAnyTag) cursor.acceptTabHere();
    cursor.sp();
    const std::size_t begin = cursor.position();
    std::string name = cursor.word("a command");
    if (acceptsTab) cursor.acceptTabHere();
    if (name == "UID") {
        cursor.sp();
        name += " " + cursor.word("a command after UID");
        if (acceptsTab) cursor.acceptTabHere();
    }
    const auto isIt = [&](const CommandRule& rule) { return rule.name == name; };
    const auto found = std::find_if(commandRules.begin(), commandRules.end(), isIt);
    if (found == commandRules.end()) cursor.failAt(begin, "Unknown command " + shown(name));
    return *found;
}

SyntaxError errorOf(SyntaxFailure failure, const std::string& tagText) {
    return {tagText, failure.position, std::move(failure.text), failure.isLimit};
}

}  // namespace

std::variant<Command, SyntaxError> parse(const RawCommand& command, const ParserOptions& options) {
    Cursor cursor(command, options);
    Command result;
    result.tag = "*";
    try {
        result.tag = tag(cursor);
        const CommandRule& rule = commandRule(cursor);
        result.name = rule.name;
        result.arguments = rule.arguments(cursor);
        cursor.end();
    } catch (SyntaxFailure& failure) {
        return errorOf(std::move(failure), result.tag);
    }
    return result;
}

std::variant<CommandBegun, SyntaxError> parseToLiteral(const RawCommand& command, const ParserOptions& options) {
    Cursor cursor(command, options, true);
    CommandBegun begun;
    begun.tag = "*";
    try {
        begun.tag = tag(cursor);
        const CommandRule& rule = commandRule(cursor);
        begun.name = rule.name;
        (void)rule.arguments(cursor);
        cursor.end();
    } catch (SyntaxFailure& failure) {
        return errorOf(std::move(failure), begun.tag);
    } catch (const LiteralTaken&) {
        return begun;
    }
    return SyntaxError{begun.tag, command.text.size(), "A literal is not allowed here"};
}

std::variant<Append, SyntaxError> parseAppendPrefix(const RawCommand& command, const ParserOptions& options,
                                                    std::string& tagText) {
    Cursor cursor(command, options);
    tagText = "*";
    try {
        tagText = tag(cursor);
        const std::size_t begin = cursor.position();
        if (commandRule(cursor).name != "APPEND") cursor.failAt(begin, "Expected APPEND");
        return parseAppendToMessage(cursor);
    } catch (SyntaxFailure& failure) {
        return errorOf(std::move(failure), tagText);
    }
}

namespace {

constexpr std::string_view delimiters = " \t";

// The first octet at or after begin that is (not) a delimiter.
std::size_t skipDelimiters(std::string_view text, std::size_t begin) {
    return std::min(text.find_first_not_of(delimiters, begin), text.size());
}
std::size_t skipToDelimiter(std::string_view text, std::size_t begin) {
    return std::min(text.find_first_of(delimiters, begin), text.size());
}

}  // namespace

std::string readableTag(std::string_view text) {
    constexpr std::size_t longestTag = 256;
    const std::size_t begin = skipDelimiters(text, 0);
    const std::size_t end = skipToDelimiter(text, begin);
    const std::string_view found = text.substr(begin, end - begin);
    const auto isPrintable = [](char c) { return c > ' ' && c < '\x7f'; };
    // "+" and "*" would make something else of the reply.
    if (found.empty() || end == text.size() || found.size() > longestTag || found[0] == '+' || found[0] == '*' ||
        !std::all_of(found.begin(), found.end(), isPrintable)) {
        return "*";
    }
    return std::string(found);
}

CommandWord commandWord(std::string_view text) {
    constexpr std::size_t longestWord = 32;
    const std::size_t begin = skipDelimiters(text, skipToDelimiter(text, skipDelimiters(text, 0)));
    const std::size_t end = skipToDelimiter(text, begin);
    if (end - begin > longestWord) return {};
    return {upperCase(text.substr(begin, end - begin)), end};
}

}  // namespace imapd
