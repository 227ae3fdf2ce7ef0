// Fuzzes CommandReader and the parser. The first octet chooses limits, options and decisions, the second the size of
// the pieces; the rest is what a client sends. Checked: nothing is read past the octets given, events come to an end,
// the memory held stays within the limits, and the same events come however the octets are cut.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <variant>

#include "imapd/parser/CommandReader.h"
#include "imapd/parser/DateTime.h"
#include "imapd/parser/Parser.h"

using namespace imapd;

namespace {

void require(bool holds) {
    if (!holds) std::abort();
}

struct Choices {
    bool isStrict, isTabAccepted, isAnyTag, isUtf8, isSmall, isLiteralMinus, refusesSinks, refusesLate;

    explicit Choices(std::uint8_t octet)
        : isStrict((octet & 1) == 0),
          isTabAccepted((octet & 2) != 0),
          isAnyTag((octet & 4) != 0),
          isUtf8((octet & 8) != 0),
          isSmall((octet & 16) != 0),
          isLiteralMinus((octet & 32) != 0),
          refusesSinks((octet & 64) != 0),
          refusesLate((octet & 128) != 0) {}

    ReaderLimits limits() const {
        ReaderLimits limits;
        if (isSmall) {
            limits.lineOctets = 40;
            limits.setLineOctets = 60;
            limits.literalOctets = 20;
            limits.totalLiteralOctets = 30;
            limits.sinkOctets = 50;
            limits.literals = 3;
            limits.swallowedOctets = 150;
        }
        if (isLiteralMinus) limits.literalMinusOctets = 10;
        return limits;
    }

    ParserOptions options() const {
        ParserOptions options;
        options.isStrict = isStrict;
        options.acceptsTabAfterCommand = isTabAccepted;
        options.acceptsAnyTag = isAnyTag;
        options.utf8Enabled = isUtf8;
        options.rev2Enabled = isUtf8;
        options.nameOfUtf8 = [](std::string_view name) { return std::optional<std::string>(name); };
        options.maxSearchNesting = isSmall ? 5 : 100;
        options.maxEntries = isSmall ? 20 : 10000;
        return options;
    }
};

std::size_t depth(const SearchKey& key) {
    std::size_t deepest = 0;
    for (const SearchKey& child : key.children) deepest = std::max(deepest, depth(child) + 1);
    return deepest;
}

void checkError(const SyntaxError& error, const RawCommand& raw) {
    require(error.position <= raw.text.size());
    require(!error.text.empty() && error.text.size() < 200);
    require(error.text.find_first_of("\r\n") == std::string::npos);
    require(error.tag.find_first_of("\r\n") == std::string::npos);
}

// One line that tells what came of a command.
std::string outcome(const RawCommand& raw, const ParserOptions& options) {
    const auto result = parse(raw, options);
    if (const auto* error = std::get_if<SyntaxError>(&result)) {
        checkError(*error, raw);
        return error->text + "@" + std::to_string(error->position);
    }
    const auto& command = std::get<Command>(result);
    require(!command.tag.empty() && !command.name.empty());
    if (const auto* search = std::get_if<Search>(&command.arguments)) {
        require(depth(search->key) <= options.maxSearchNesting + 1);
    }
    if (const auto* append = std::get_if<Append>(&command.arguments); append != nullptr && append->dateTime) {
        const auto seconds = parseDateTime(*append->dateTime, options.isStrict);
        require(seconds && parseDateTime(formatDateTime(*seconds, 0)).has_value());
    }
    return command.tag + " " + command.name;
}

class Client {
public:
    explicit Client(Choices choices) : _choices(choices), _options(choices.options()), _reader(choices.limits()) {}

    // Returns all that happened, as text.
    std::string send(std::string_view wire, std::size_t piece) {
        while (!wire.empty()) {
            const std::string given(wire.substr(0, piece));
            wire.remove_prefix(given.size());
            _reader.give(given);
            // Every event but SinkBegins, Continue of an empty literal and SinkEnds takes an octet.
            std::size_t events = 0;
            for (auto event = _reader.next(); event != CommandReader::Event::NeedMore; event = _reader.next()) {
                take(event);
                require(++events <= 4 * given.size() + 4);
            }
            require(_reader.unconsumed().empty());
            const ReaderLimits limits = _choices.limits();
            require(_reader.heldOctets() <= 2 * (limits.setLineOctets + limits.totalLiteralOctets) +
                                                limits.literals * 2 * sizeof(RawCommand::Literal) + 1000);
        }
        return _log;
    }

private:
    void take(CommandReader::Event event) {
        switch (event) {
            case CommandReader::Event::NeedMore:
                break;
            case CommandReader::Event::Continue:
                judgeLiteral();
                break;
            case CommandReader::Event::SinkBegins:
                beginSink();
                break;
            case CommandReader::Event::SinkData:
                _log += _reader.sinkData();
                _sinkOctets += _reader.sinkData().size();
                break;
            case CommandReader::Event::SinkEnds:
                require(_sinkOctets == _announced);
                if (_choices.refusesLate) {
                    _judged.reset();
                    _reader.refuseSink();
                }
                break;
            case CommandReader::Event::Command:
                endCommand(outcome(_reader.takeCommand(), _options));
                require(_reader.heldOctets() == 0);
                break;
            case CommandReader::Event::Refused:
                require(!_reader.refusal().text.empty() && !_reader.refusal().tag.empty());
                _log += "\nrefused " + _reader.refusal().tag + _reader.refusal().text;
                require(_reader.heldOctets() == 0);
                _judged.reset();
                break;
        }
    }

    // What is refused before its literal came would be refused for the same reason once it is whole.
    void judgeLiteral() {
        const auto begun = parseToLiteral(_reader.soFar(), _options);
        const auto* error = std::get_if<SyntaxError>(&begun);
        if (error == nullptr || _judged) return;
        checkError(*error, _reader.soFar());
        _judged = error->text + "@" + std::to_string(error->position);
    }

    void endCommand(const std::string& came) {
        _log += "\ncommand " + came;
        require(!_judged || *_judged == came);
        _judged.reset();
    }

    void beginSink() {
        std::string tag;
        const auto prefix = parseAppendPrefix(_reader.soFar(), _options, tag);
        if (const auto* error = std::get_if<SyntaxError>(&prefix)) checkError(*error, _reader.soFar());
        if (const auto* append = std::get_if<Append>(&prefix)) require(append->messageOctets == _reader.sinkOctets());
        _announced = _reader.sinkOctets();
        _sinkOctets = 0;
        _log += "\nsink " + tag;
        if (_choices.refusesSinks) {
            _judged.reset();
            _reader.refuseSink();
        } else {
            _reader.acceptSink();
        }
    }

    Choices _choices;
    ParserOptions _options;
    CommandReader _reader;
    std::string _log;
    std::optional<std::string> _judged;  // why the command at hand would have been refused early
    std::uint64_t _announced = 0;
    std::uint64_t _sinkOctets = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 3) return 0;
    const Choices choices(data[0]);
    const std::string_view wire(reinterpret_cast<const char*>(data) + 2, size - 2);
    const std::string whole = Client(choices).send(wire, wire.size());
    require(whole == Client(choices).send(wire, static_cast<std::size_t>(data[1] % 16) + 1));
    return 0;
}
