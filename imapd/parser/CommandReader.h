// Gathers one whole command from the octets that arrive: lines, and the literals inside them. Holds no socket: octets
// in; "need more", "send a continuation", "a large literal begins" or a whole command out.
//
// Empty lines before a command are skipped (some clients send one after an APPEND). A line ends with CRLF; a bare LF
// ends it too. A line or literal that is too long is swallowed to its end (non-synchronising literals) or refused
// (synchronising ones), so the stream stays in step. Each octet is looked at once, whatever way the input is cut.
// RFC 3501 2.2.1, 4.3, 7.5; RFC 7888 LITERAL+ and LITERAL-.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/Secret.h"
#include "imapd/parser/Parser.h"

namespace imapd {

struct ReaderLimits {
    std::size_t lineOctets = 65536;               // a command without its sets and literals, before authentication less
    std::size_t setLineOctets = 2u << 20;         // a line of FETCH, STORE, UID ...: sets are long; of AUTHENTICATE
    std::uint64_t literalOctets = 1u << 20;       // one literal held in memory
    std::uint64_t totalLiteralOctets = 4u << 20;  // all literals of a command held in memory
    std::uint64_t sinkOctets = 64u << 20;         // a message: imap.limit.message
    std::size_t literals = 4096;                  // literals of one command
    std::uint64_t swallowedOctets = 256u << 20;   // of one refused command; past that the connection must end
    std::uint64_t swallowedLineOctets = 4u << 20;  // of the lines of a refused command, whose end nobody announced
    std::uint64_t commandOctets = UINT64_MAX;      // lines and literals of a command together, before authentication
    std::uint64_t literalMinusOctets = 0;          // 0: LITERAL+ (any size); 4096 where only LITERAL- is offered
};

class CommandReader {
public:
    enum class Event {
        NeedMore,    // all octets taken; no whole command yet
        Continue,    // the client waits: send "+ ..." and call next() again, or refuseLiteral(); soFar() ends in the
                     // literal
        SinkBegins,  // the message literal of an APPEND begins: soFar() holds the command up to it. The caller calls
                     // acceptSink() or refuseSink(); for a synchronising literal, accepting means that the caller sends
                     // "+ ..."
        SinkData,    // sinkData() holds the next octets of the message
        SinkEnds,    // all its octets were given
        Command,     // command() is whole
        Refused      // refusal() says why; the stream is in step again (or isFatal: must be closed)
    };
    struct Refusal {
        std::string tag;        // "*" if unknown
        std::string text;       // such as "Command line too long (65536 octets at most)"
        bool isLimit = false;   // NO [LIMIT]; else BAD
        bool isTooBig = false;  // NO [TOOBIG] (RFC 4469): a message over its limit
        bool isFatal = false;   // the connection must end (BYE)
        // With isTooBig: a message over literalMinusOctets, which RFC 7888 section 5 answers BAD [TOOBIG].
        bool isLiteralMinus = false;
    };

    explicit CommandReader(ReaderLimits limits = {});
    void setLimits(const ReaderLimits& limits);  // after log-in

    // Gives octets; consumed in order by next(). The reader takes what it needs: the bytes stay the caller's and must
    // stay valid until next() gives NeedMore. To be called when unconsumed() is empty: what is still there is replaced.
    void give(std::string_view bytes);
    // A Command not taken, and a SinkBegins neither accepted nor refused, is given again. After a fatal refusal
    // everything is dropped: NeedMore for ever.
    Event next();
    // Octets given but not yet consumed, for STARTTLS (dropped there) and for lines that are not commands
    // (AUTHENTICATE, IDLE).
    std::string_view unconsumed() const;
    void dropUnconsumed();

    // A line that is not a command: AUTHENTICATE's answer, IDLE's DONE. True with the line (without CRLF) in `line`
    // once it is there; false: need more. Lines past maxOctets: `line` is cut and isTooLong true.
    bool nextLine(maildock::Secret& line, std::size_t maxOctets, bool& isTooLong);
    // So much came of that line past maxOctets that no end is to be expected: the connection must end.
    [[nodiscard]] bool isAnswerEndless() const { return _isAnswerEndless; }

    const RawCommand& soFar() const;
    // After Continue: the command is over, and the caller answers, with the tag taken before.
    void refuseLiteral();
    [[nodiscard]] bool sinkIsSynchronising() const;
    [[nodiscard]] std::uint64_t sinkOctets() const;
    void acceptSink();
    // The command is over if the client waits; else the rest of it is swallowed. Then Refused is NOT given: the caller
    // answers, with the tag taken before, since soFar() is empty then. Also after acceptSink(), when a write failed.
    void refuseSink();
    // Valid until the next call of next(): it lies in the octets given.
    std::string_view sinkData() const;
    RawCommand takeCommand();
    const Refusal& refusal() const;

    // No octet of a command has been taken yet.
    [[nodiscard]] bool isBetweenCommands() const { return _state == State::Line && _command.text.empty(); }
    // Memory held now, for the parked connection: nothing is held between commands.
    [[nodiscard]] std::size_t heldOctets() const;

private:
    enum class State {
        Line,            // inside a line of a command
        Literal,         // inside a literal held in memory
        SinkOffered,     // SinkBegins was given
        Sink,            // inside the message
        SwallowLiteral,  // inside a literal of a refused command
        SwallowLine,     // inside a line of a refused command
        Unskippable,     // before a literal that is too much to be skipped
        Whole,           // Command was given
        Fatal
    };
    // "{n}", "{n+}", "~{n}" at the end of a line.
    struct Announcement {
        std::size_t length = 0;
        std::uint64_t octets = 0;
        bool isSynchronising = true;
        bool isOutOfRange = false;  // more digits than any literal needs: octets means nothing
    };
    static bool findAnnouncement(std::string_view lineEnd, Announcement& found);

    void startCommand();
    std::string_view take(std::uint64_t most);
    std::string_view lineInInput(bool& isEnd) const;
    const CommandWord& word();
    std::size_t lineLimit();
    std::size_t roomInLine();
    bool takeLine(Event& event);
    bool endLine(Event& event);
    bool isMessageLiteral(std::size_t position);
    bool beginLiteral(const Announcement& literal, Event& event);
    bool fitsLimits(const Announcement& literal, bool isMessage);
    void takeLiteral();
    Event takeSink();
    void refuse(std::string text);
    Event endRefused();
    Event endFatal();
    bool swallow(const Announcement& literal, Event& event);
    void takeSwallowedLiteral();
    void keepTail(std::string_view octets);
    bool takeSwallowedLine(Event& event);

    ReaderLimits _limits;
    std::string_view _input;
    State _state = State::Line;
    RawCommand _command;
    std::size_t _lineBegin = 0;       // in _command.text: where the line being read begins
    std::uint64_t _remaining = 0;     // octets of the literal being read or swallowed
    std::uint64_t _literalTotal = 0;  // octets of the literals in memory
    bool _hasSink = false;            // the message was announced
    bool _isSinkSynchronising = false;
    std::string_view _sinkData;
    bool _isWordKnown = false;
    CommandWord _word;
    Refusal _refusal;
    bool _isRefusalSilent = false;  // after refuseSink()
    std::uint64_t _swallowed = 0, _swallowedOfLines = 0;
    maildock::Secret _tail;    // the end of the line being swallowed
    maildock::Secret _answer;  // nextLine()
    bool _isAnswerTooLong = false, _isAnswerEndless = false;
    std::size_t _answerDropped = 0;
};

}  // namespace imapd
