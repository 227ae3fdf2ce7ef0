// What the parser's tests share: commands as they come over the wire, gathered by a CommandReader and parsed.
#pragma once

#include <cppunit/TestAssert.h>

#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "imapd/parser/CommandReader.h"
#include "imapd/parser/Parser.h"

namespace imapd {

// The events of a reader that is handed wire in pieces of so many octets, one line an event; messages are accepted.
inline std::vector<std::string> readerEvents(CommandReader& reader, std::string_view wire, std::size_t piece) {
    std::vector<std::string> events;
    bool isInSink = false;
    while (!wire.empty()) {
        const std::string given(wire.substr(0, piece));  // own memory: a read past it shows under the sanitizers
        wire.remove_prefix(given.size());
        reader.give(given);
        for (CommandReader::Event event = reader.next(); event != CommandReader::Event::NeedMore;
             event = reader.next()) {
            switch (event) {
                case CommandReader::Event::NeedMore:
                    break;
                case CommandReader::Event::Continue:
                    events.push_back("continue");
                    break;
                case CommandReader::Event::SinkBegins:
                    events.push_back("sink " + std::to_string(reader.sinkOctets()) +
                                     (reader.sinkIsSynchronising() ? " waits: " : ": ") + reader.soFar().text.text());
                    reader.acceptSink();
                    break;
                case CommandReader::Event::SinkData:
                    if (!isInSink) events.push_back("data ");
                    isInSink = true;
                    events.back() += reader.sinkData();
                    continue;
                case CommandReader::Event::SinkEnds:
                    events.push_back("sink ends");
                    break;
                case CommandReader::Event::Command: {
                    const RawCommand command = reader.takeCommand();
                    events.push_back("command " + command.text.text());
                    for (const RawCommand::Literal& literal : command.literals) {
                        events.push_back("  literal at " + std::to_string(literal.position) + "+" +
                                         std::to_string(literal.length) + (literal.isSink ? " sink" : ": ") +
                                         literal.content.text());
                    }
                    break;
                }
                case CommandReader::Event::Refused: {
                    const CommandReader::Refusal& refusal = reader.refusal();
                    events.push_back((refusal.isFatal ? "fatal " : "refused ") + refusal.tag + " " + refusal.text +
                                     (refusal.isLimit ? " LIMIT" : "") + (refusal.isTooBig ? " TOOBIG" : "") +
                                     (refusal.isLiteralMinus ? " BAD" : ""));
                    break;
                }
            }
            isInSink = false;
        }
        CPPUNIT_ASSERT_MESSAGE("all octets are taken at NeedMore", reader.unconsumed().empty());
    }
    return events;
}

// The one command that stands in wire.
inline RawCommand gather(std::string_view wire) {
    CommandReader reader;
    reader.give(wire);
    while (true) {
        switch (reader.next()) {
            case CommandReader::Event::Command:
                return reader.takeCommand();
            case CommandReader::Event::SinkBegins:
                reader.acceptSink();
                break;
            case CommandReader::Event::NeedMore:
            case CommandReader::Event::Refused:
                CPPUNIT_FAIL("no whole command in: " + std::string(wire));
                break;
            default:
                break;
        }
    }
}

inline ParserOptions liberal() {
    ParserOptions options;
    options.isStrict = false;
    return options;
}

// The arguments of a command that must parse; wire without tag and last CRLF, such as "LOGIN a b".
template <typename Arguments>
Arguments accept(const std::string& wire, const ParserOptions& options = {}) {
    auto result = parse(gather("a1 " + wire + "\r\n"), options);
    if (const auto* error = std::get_if<SyntaxError>(&result)) {
        CPPUNIT_FAIL(wire + ": " + error->text + " at " + std::to_string(error->position));
    }
    auto& command = std::get<Command>(result);
    CPPUNIT_ASSERT_EQUAL(std::string("a1"), command.tag);
    CPPUNIT_ASSERT_MESSAGE(wire, std::holds_alternative<Arguments>(command.arguments));
    return std::get<Arguments>(std::move(command.arguments));
}

// The error of a command that must not parse. Its position counts from after the tag and its SP.
inline SyntaxError refuse(const std::string& wire, const ParserOptions& options = {}) {
    auto result = parse(gather("a1 " + wire + "\r\n"), options);
    CPPUNIT_ASSERT_MESSAGE("parsed: " + wire, std::holds_alternative<SyntaxError>(result));
    SyntaxError error = std::get<SyntaxError>(std::move(result));
    CPPUNIT_ASSERT_EQUAL(std::string("a1"), error.tag);
    CPPUNIT_ASSERT(error.position >= 2);
    error.position -= std::min<std::size_t>(error.position, 3);
    return error;
}

// Wrong commands, with the text and the position that the client is told.
struct Wrong {
    const char* wire;
    const char* text;
    std::size_t position;
};

inline void refuseAll(const std::vector<Wrong>& table, const ParserOptions& options = {}) {
    for (const Wrong& row : table) {
        const SyntaxError error = refuse(row.wire, options);
        CPPUNIT_ASSERT_EQUAL_MESSAGE(row.wire, std::string(row.text), error.text);
        CPPUNIT_ASSERT_EQUAL_MESSAGE(row.wire, row.position, error.position);
        CPPUNIT_ASSERT_MESSAGE(row.wire, !error.isLimit);
    }
}

// "1:5,7,9:*" of a set, for comparing.
inline std::string shown(const SequenceSet& set) {
    if (set.isSavedResult) return "$";
    std::string text;
    for (const SequenceSet::Range& range : set.ranges) {
        const auto number = [](std::uint32_t n) { return n == 0 ? std::string("*") : std::to_string(n); };
        text += (text.empty() ? "" : ",") + number(range.first);
        if (range.last != range.first) text += ":" + number(range.last);
    }
    return text;
}

inline std::string joined(const std::vector<std::string>& parts) {
    std::string text;
    for (const std::string& part : parts) text += (text.empty() ? "" : "|") + part;
    return text;
}

}  // namespace imapd
