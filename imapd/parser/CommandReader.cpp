#include "imapd/parser/CommandReader.h"

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

namespace imapd {

namespace {

// The end of a line that is swallowed is kept, as much as makes an announcement recognisable.
constexpr std::size_t tailOctets = 32;

bool isDigit(char c) {
    return c >= '0' && c <= '9';
}

// The commands whose lines hold sequence sets, or an initial response (RFC 4959), which may be a Kerberos ticket.
bool takesLongLines(const std::string& word) {
    constexpr std::array<std::string_view, 7> words = {"FETCH", "STORE", "SEARCH",      "COPY",
                                                       "MOVE",  "UID",   "AUTHENTICATE"};
    return std::find(words.begin(), words.end(), word) != words.end();
}

std::string atMost(std::uint64_t octets) {
    return " (" + std::to_string(octets) + " octets at most)";
}

std::uint64_t left(std::uint64_t most, std::uint64_t used) {
    return most - std::min(most, used);
}

// Empties it and gives its memory back, which assigning an empty string does not.
template <typename Value>
void release(Value& value) {
    [[maybe_unused]] const Value dropped = std::exchange(value, Value());
}

// What a string holds outside itself.
std::size_t heapOctets(const std::string& text) {
    static const std::size_t inside = std::string().capacity();
    return text.capacity() > inside ? text.capacity() : 0;
}
std::size_t heapOctets(const maildock::Secret& text) {
    return text.capacity();
}

}  // namespace

CommandReader::CommandReader(ReaderLimits limits) : _limits(limits) {}

void CommandReader::setLimits(const ReaderLimits& limits) {
    _limits = limits;
}

void CommandReader::give(std::string_view bytes) {
    _input = bytes;
}

std::string_view CommandReader::unconsumed() const {
    return _input;
}

void CommandReader::dropUnconsumed() {
    _input = {};
}

const RawCommand& CommandReader::soFar() const {
    return _command;
}

bool CommandReader::sinkIsSynchronising() const {
    return _isSinkSynchronising;
}

std::uint64_t CommandReader::sinkOctets() const {
    return _command.literals.empty() ? 0 : _command.literals.back().octets;
}

std::string_view CommandReader::sinkData() const {
    return _sinkData;
}

const CommandReader::Refusal& CommandReader::refusal() const {
    return _refusal;
}

RawCommand CommandReader::takeCommand() {
    RawCommand command = std::exchange(_command, {});
    startCommand();
    return command;
}

std::size_t CommandReader::heldOctets() const {
    std::size_t octets = heapOctets(_command.text) + heapOctets(_tail) + heapOctets(_answer) + heapOctets(_word.word);
    octets += _command.literals.capacity() * sizeof(RawCommand::Literal);
    for (const RawCommand::Literal& literal : _command.literals) octets += heapOctets(literal.content);
    return octets;
}

// Gives back all memory of the command before.
void CommandReader::startCommand() {
    _state = State::Line;
    release(_command);
    _lineBegin = 0;
    _literalTotal = 0;
    _hasSink = false;
    _isWordKnown = false;
    release(_word);
    _isRefusalSilent = false;
    _swallowed = _swallowedOfLines = 0;
    release(_tail);
}

CommandReader::Event CommandReader::next() {
    Event event = Event::NeedMore;
    while (true) {
        switch (_state) {
            case State::SinkOffered:
                return Event::SinkBegins;
            case State::Whole:
                return Event::Command;
            case State::Fatal:
                _input = {};
                return Event::NeedMore;
            case State::Sink:
                return takeSink();
            case State::Line:
                if (takeLine(event)) return event;
                break;
            case State::Literal:
                takeLiteral();
                if (_state == State::Literal) return Event::NeedMore;
                break;
            case State::SwallowLiteral:
                takeSwallowedLiteral();
                if (_state == State::SwallowLiteral) return Event::NeedMore;
                break;
            case State::SwallowLine:
                if (takeSwallowedLine(event)) return event;
                break;
            case State::Unskippable:
                return endFatal();
        }
    }
}

std::string_view CommandReader::take(std::uint64_t most) {
    const std::string_view taken = _input.substr(0, std::min<std::uint64_t>(most, _input.size()));
    _input.remove_prefix(taken.size());
    return taken;
}

// --- Lines

// What the input holds of the line, without its LF; isEnd tells whether the LF is there.
std::string_view CommandReader::lineInInput(bool& isEnd) const {
    const std::size_t end = _input.find('\n');
    isEnd = end != std::string_view::npos;
    return _input.substr(0, end);
}

const CommandWord& CommandReader::word() {
    if (!_isWordKnown) _word = commandWord(_command.text);
    _isWordKnown = true;
    return _word;
}

std::size_t CommandReader::lineLimit() {
    std::size_t limit = _limits.lineOctets;
    if (_command.text.size() > limit && takesLongLines(word().word)) limit = std::max(_limits.setLineOctets, limit);
    return static_cast<std::size_t>(std::min<std::uint64_t>(limit, left(_limits.commandOctets, _literalTotal)));
}

// How many octets still fit: one more than the limit, since the CR does not count.
std::size_t CommandReader::roomInLine() {
    const std::size_t most = lineLimit() + 1;
    return most - std::min(most, _command.text.size());
}

// True with an event for the caller; false: go on.
bool CommandReader::takeLine(Event& event) {
    bool isEnd = false;
    std::size_t left = lineInInput(isEnd).size();
    for (std::size_t room = roomInLine(); left > 0 && room > 0; room = roomInLine()) {
        const std::string_view part = take(std::min(left, room));
        _command.text += part;
        left -= part.size();
    }
    const std::string_view line = _command.text.view().substr(_lineBegin);
    const bool endsInCr = line.ends_with('\r');
    if (left > 0 || (isEnd && _command.text.size() - (endsInCr ? 1 : 0) > lineLimit())) {
        keepTail(line);
        refuse("Command line too long" + atMost(lineLimit()));
        _state = State::SwallowLine;
        return false;
    }
    if (!isEnd) {
        event = Event::NeedMore;
        return true;
    }
    take(1);
    if (endsInCr) _command.text.pop_back();
    return endLine(event);
}

bool CommandReader::endLine(Event& event) {
    if (_command.text.empty()) return false;
    Announcement literal;
    if (findAnnouncement(_command.text.view().substr(_lineBegin), literal)) return beginLiteral(literal, event);
    _state = State::Whole;
    event = Event::Command;
    return true;
}

// --- Literals

bool CommandReader::findAnnouncement(std::string_view line, Announcement& found) {
    if (!line.ends_with('}')) return false;
    std::size_t end = line.size() - 1;
    found.isSynchronising = end == 0 || line[end - 1] != '+';
    if (!found.isSynchronising) --end;
    std::size_t begin = end;
    while (begin > 0 && isDigit(line[begin - 1])) --begin;
    if (begin == end || begin == 0 || line[begin - 1] != '{') return false;

    constexpr std::uint64_t most = std::numeric_limits<std::int64_t>::max();  // number64 of RFC 9051
    for (const char c : line.substr(begin, end - begin)) {
        const auto digit = static_cast<std::uint64_t>(c - '0');
        found.isOutOfRange = found.isOutOfRange || found.octets > (most - digit) / 10;
        if (!found.isOutOfRange) found.octets = found.octets * 10 + digit;
    }
    --begin;
    if (begin > 0 && line[begin - 1] == '~') --begin;
    found.length = line.size() - begin;
    return true;
}

// The last argument of APPEND: not the literal directly after the command's name, which is the mailbox.
bool CommandReader::isMessageLiteral(std::size_t position) {
    return word().word == "APPEND" && _command.text.view().find_first_not_of(" \t", word().end) < position;
}

bool CommandReader::beginLiteral(const Announcement& literal, Event& event) {
    const std::size_t position = _command.text.size() - literal.length;
    const bool isMessage = isMessageLiteral(position);
    if (!fitsLimits(literal, isMessage)) {
        if (!literal.isSynchronising) return swallow(literal, event);
        event = endRefused();
        return true;
    }
    _lineBegin = _command.text.size();
    _command.literals.push_back({position, literal.length, literal.octets, isMessage, {}});
    _remaining = literal.octets;
    if (isMessage) {
        _hasSink = true;
        _isSinkSynchronising = literal.isSynchronising;
        _state = State::SinkOffered;
        event = Event::SinkBegins;
        return true;
    }
    _literalTotal += literal.octets;
    _state = State::Literal;
    event = Event::Continue;
    return literal.isSynchronising;
}

// False if the literal must be refused; refusal() says why then.
bool CommandReader::fitsLimits(const Announcement& literal, bool isMessage) {
    if (literal.isOutOfRange) {
        refuse("Literal size out of range");
    } else if (_hasSink) {
        refuse("Expected the end of the command after the message");  // MULTIAPPEND is not offered
    } else if (_command.literals.size() >= _limits.literals) {
        refuse("Too many literals in a command (" + std::to_string(_limits.literals) + " at most)");
        _refusal.isLimit = true;
    } else if (!literal.isSynchronising && _limits.literalMinusOctets > 0 &&
               literal.octets > _limits.literalMinusOctets) {
        refuse("Non-synchronising literal too long" + atMost(_limits.literalMinusOctets));
        _refusal.isTooBig = _refusal.isLiteralMinus = isMessage;
    } else if (isMessage && literal.octets > _limits.sinkOctets) {
        refuse("Message too big" + atMost(_limits.sinkOctets));
        _refusal.isTooBig = true;
    } else if (!isMessage && literal.octets > _limits.literalOctets) {
        refuse("Literal too long" + atMost(_limits.literalOctets));
        _refusal.isLimit = true;
    } else if (!isMessage && literal.octets > left(_limits.commandOctets, _literalTotal + _command.text.size())) {
        refuse("Command too long" + atMost(_limits.commandOctets));
        _refusal.isLimit = true;
    } else if (!isMessage && literal.octets > left(_limits.totalLiteralOctets, _literalTotal)) {
        refuse("Literals of a command too long together" + atMost(_limits.totalLiteralOctets));
        _refusal.isLimit = true;
    } else {
        return true;
    }
    return false;
}

void CommandReader::takeLiteral() {
    const std::string_view octets = take(_remaining);
    _command.literals.back().content += octets;
    _remaining -= octets.size();
    if (_remaining == 0) _state = State::Line;
}

void CommandReader::refuseLiteral() {
    if (_state == State::Literal) startCommand();
}

// --- The message

void CommandReader::acceptSink() {
    if (_state == State::SinkOffered) _state = State::Sink;
}

void CommandReader::refuseSink() {
    const State state = _state;
    if (!_hasSink) return;
    const maildock::Secret lineEnd(_command.text.view().substr(_lineBegin));
    startCommand();
    if (state == State::Whole || (state == State::SinkOffered && _isSinkSynchronising)) return;
    _isRefusalSilent = true;
    _refusal = Refusal();
    _refusal.tag = "*";
    if (state == State::Line) {  // past the message
        keepTail(lineEnd);
        _state = State::SwallowLine;
    } else {
        _swallowed = _remaining;
        _state = _remaining > _limits.swallowedOctets ? State::Unskippable : State::SwallowLiteral;
    }
}

CommandReader::Event CommandReader::takeSink() {
    _sinkData = take(_remaining);
    _remaining -= _sinkData.size();
    if (!_sinkData.empty()) return Event::SinkData;
    if (_remaining > 0) return Event::NeedMore;
    _state = State::Line;
    return Event::SinkEnds;
}

// --- Refused commands

// Notes why, and drops the command; its octets are still to be swallowed.
void CommandReader::refuse(std::string text) {
    _refusal = Refusal();
    _refusal.tag = readableTag(_command.text);
    _refusal.text = std::move(text);
    release(_command);
    _lineBegin = 0;
}

CommandReader::Event CommandReader::endRefused() {
    startCommand();
    return Event::Refused;
}

CommandReader::Event CommandReader::endFatal() {
    startCommand();
    _refusal.text = "Refused command too long to skip" + atMost(_limits.swallowedOctets);
    _refusal.isLimit = _refusal.isTooBig = _refusal.isLiteralMinus = false;
    _refusal.isFatal = true;
    _input = {};
    _state = State::Fatal;
    return Event::Refused;
}

// Begins to swallow a non-synchronising literal; true with the event if it is too much for that.
bool CommandReader::swallow(const Announcement& literal, Event& event) {
    if (literal.isOutOfRange || literal.octets > left(_limits.swallowedOctets, _swallowed)) {
        event = endFatal();
        return true;
    }
    _swallowed += literal.octets;
    _remaining = literal.octets;
    release(_tail);
    _state = State::SwallowLiteral;
    return false;
}

void CommandReader::takeSwallowedLiteral() {
    _remaining -= take(_remaining).size();
    if (_remaining == 0) _state = State::SwallowLine;
}

void CommandReader::keepTail(std::string_view octets) {
    _tail += octets.substr(octets.size() - std::min(octets.size(), tailOctets));
    _tail.keepLast(tailOctets);
}

// True with an event for the caller; false: go on.
bool CommandReader::takeSwallowedLine(Event& event) {
    bool isEnd = false;
    const std::string_view octets = take(lineInInput(isEnd).size());
    keepTail(octets);
    _swallowedOfLines += octets.size();
    if (octets.size() > left(_limits.swallowedOctets, _swallowed) || _swallowedOfLines > _limits.swallowedLineOctets) {
        event = endFatal();
        return true;
    }
    _swallowed += octets.size();
    if (!isEnd) {
        event = Event::NeedMore;
        return true;
    }
    take(1);
    if (_tail.view().ends_with('\r')) _tail.pop_back();
    Announcement literal;
    const bool isAnnounced = findAnnouncement(_tail, literal);
    // After a synchronising one the client waits, and sees the refusal instead.
    if (isAnnounced && !literal.isSynchronising) return swallow(literal, event);
    if (_isRefusalSilent) {
        startCommand();
        return false;
    }
    event = endRefused();
    return true;
}

// --- Lines that are not commands

bool CommandReader::nextLine(maildock::Secret& line, std::size_t maxOctets, bool& isTooLong) {
    bool isEnd = false;
    std::string_view octets = take(lineInInput(isEnd).size());
    // One octet more than allowed is kept: it may be the CR.
    const std::size_t room = maxOctets - std::min(maxOctets, _answer.size()) + (_answer.size() <= maxOctets ? 1 : 0);
    _isAnswerTooLong = _isAnswerTooLong || octets.size() > room;
    _answerDropped += octets.size() - std::min(octets.size(), room);
    _isAnswerEndless = _answerDropped > maxOctets;
    _answer += octets.substr(0, room);
    if (!isEnd) return false;
    _answerDropped = 0;
    _isAnswerEndless = false;
    take(1);
    if (!_isAnswerTooLong && _answer.view().ends_with('\r')) _answer.pop_back();
    isTooLong = _isAnswerTooLong || _answer.size() > maxOctets;
    if (isTooLong) _answer.keepFirst(maxOctets);
    line = std::move(_answer);
    _isAnswerTooLong = false;
    return true;
}

}  // namespace imapd
