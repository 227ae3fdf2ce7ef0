// Makes a Command value of one whole command, or says what is wrong and where. Pure: no socket, session or clock.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/Secret.h"
#include "imapd/parser/Command.h"

namespace imapd {

// One whole command as CommandReader gathered it: the text of its lines, literals kept apart.
// Secret throughout, since it is not known yet what it says: LOGIN holds a password.
struct RawCommand {
    // The command's octets without the last CRLF. Where a literal stands, its "{n}" (or "{n+}", "~{n}") is still in the
    // text followed at once by what comes after the literal's octets.
    maildock::Secret text;
    struct Literal {
        std::size_t position = 0;  // of the '{' (or '~') in text
        std::size_t length = 0;    // octets of the "{n+}" itself
        std::uint64_t octets = 0;  // announced
        bool isSink = false;       // its octets went to a sink, `content` is empty
        maildock::Secret content;
    };
    std::vector<Literal> literals;  // in order
};

struct ParserOptions {
    bool isStrict = true;                 // imap.parser.strict (row 2.1.5); false: Leniency says what else is taken
    bool acceptsExtraSpaces = true;       // imap.parser.extraSpaces: superfluous ones, if not isStrict (row 2.1.6)
    bool acceptsTabAfterCommand = false;  // imap.parser.tabAfterCommand (row 2.1.6)
    bool acceptsAnyTag = false;           // imap.parser.anyTag (row C0001)
    std::size_t maxSearchNesting = 100;
    std::size_t maxEntries = 10000;  // flags, fields, FETCH items, search keys ... of one command together
    bool utf8Enabled = false;        // quoted strings may hold UTF-8 (RFC 6855, RFC 9051)
    bool rev2Enabled = false;        // the offsets of partials have 63 bits (RFC 9051 section 9); else 32
    // The modified UTF-7 of a name in UTF-8, nothing if it is none; null: names are left alone.
    std::optional<std::string> (*nameOfUtf8)(std::string_view) = nullptr;
};

struct SyntaxError {
    std::string tag;           // "*" if not even the tag could be read
    std::size_t position = 0;  // octet in the text, from 0
    std::string text;          // for the client: what was expected, such as "Unknown command FOO" or "Expected SP"
    bool isLimit = false;      // a bound was passed (nesting): NO [LIMIT], not BAD
};

std::variant<Command, SyntaxError> parse(const RawCommand& command, const ParserOptions& options);

// Parses what stands before the message of an APPEND: CommandReader::soFar() at SinkBegins. Sets tag as soon as it is
// readable ("*" otherwise), for the reply. The rest of the line is looked at by parse(), once the command is whole.
std::variant<Append, SyntaxError> parseAppendPrefix(const RawCommand& command, const ParserOptions& options,
                                                    std::string& tag);

// The command that ends in a literal which was announced and has not come: CommandReader::soFar() at Continue. What
// stands before it is right so far, and the command takes a literal there; or why not.
struct CommandBegun {
    std::string tag;
    std::string name;  // as Command::name
};
std::variant<CommandBegun, SyntaxError> parseToLiteral(const RawCommand& command, const ParserOptions& options);

// The tag of a command that cannot be parsed as a whole, such as a line that was too long; "*" if it has none.
std::string readableTag(std::string_view text);

// The word after the tag ("APPEND", "UID" ...), upper case, and where it ends in the text; empty if there is none.
struct CommandWord {
    std::string word;
    std::size_t end = 0;
};
CommandWord commandWord(std::string_view text);

}  // namespace imapd
