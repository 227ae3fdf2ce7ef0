#include "maildir/message/TextSearch.h"

#include <string.h>

#include <algorithm>

#include "maildir/message/Ascii.h"
#include "maildir/message/CaseFold.h"
#include "maildir/message/Charset.h"
#include "maildir/message/FieldText.h"
#include "maildir/message/Header.h"
#include "maildir/message/TransferDecoder.h"

namespace maildir {

namespace {

constexpr std::size_t readOctets = 64 * 1024;
// So much of text and patterns together is looked through by one step.
constexpr std::size_t patternOctets = 1024 * 1024;
// A header field that is longer is searched in pieces of this size.
constexpr std::size_t maxFieldOctets = 1024 * 1024;

// Where the last field that is whole ends: the next line is no fold, so nothing of what follows belongs to it.
std::size_t wholeFields(std::string_view header) {
    for (std::size_t at = header.size(); at > 1; --at) {
        if (header[at - 2] == '\n' && !ascii::isBlank(header[at - 1])) return at - 1;
    }
    return 0;
}

bool has(std::string_view text, std::string_view sought) {
    if (sought.empty() || text.empty()) return sought.empty();  // memmem() takes no null pointer
    return ::memmem(text.data(), text.size(), sought.data(), sought.size()) != nullptr;
}

}  // namespace

SearchPattern::SearchPattern(std::string_view utf8) {
    foldCase(utf8, _folded);
    foldFieldText(utf8, _foldedField);
    _isAscii = isAscii(_folded);
}

bool SearchPattern::isIn(std::string_view folded, bool textIsAscii) const {
    return (_isAscii || !textIsAscii) && has(folded, _folded);
}

bool SearchPattern::isInField(std::string_view folded, bool textIsAscii) const {
    return (_isAscii || !textIsAscii) && has(folded, _foldedField);
}

bool SearchPattern::foundIn(std::string_view utf8) const {
    if (_folded.empty()) return true;
    std::string folded;
    foldCase(utf8, folded);
    return isIn(folded, isAscii(folded));
}

bool SearchPattern::foundInFoldedLines(std::string_view lines) const {
    if (_folded.empty()) return !lines.empty();
    return _folded.find('\n') == std::string::npos && isInField(lines, false);
}

bool SearchPattern::foundInHeaderValue(std::string_view rawValue) const {
    std::string folded;
    foldFieldText(fieldText(rawValue), folded);
    return isInField(folded, isAscii(folded));
}

// An extent in blocks, as sent or as stored.
class TextReader {
public:
    TextReader(const MessageFile& file, const Extent& extent, LineEndings lineEndings, bool isAsStored)
        : _file(file), _wire(file, extent, lineEndings), _isAsStored(isAsStored), _position(extent.storedOffset) {
        _storedLeft = extent.storedOctets;
    }
    [[nodiscard]] std::uint64_t remaining() const { return _isAsStored ? _storedLeft : _wire.remaining(); }
    std::size_t read(std::string& out, std::size_t maxOctets) {
        if (!_isAsStored) return _wire.read(out, maxOctets);
        const auto octets = static_cast<std::size_t>(std::min<std::uint64_t>(maxOctets, _storedLeft));
        const std::size_t before = out.size();
        out.resize(before + octets);
        _file.readStored(_position, std::span(out.data() + before, octets));
        _position += octets;
        _storedLeft -= octets;
        return octets;
    }

private:
    const MessageFile& _file;
    WireReader _wire;
    bool _isAsStored;
    std::uint64_t _position = 0, _storedLeft = 0;
};

// Which patterns were found so far, the places that are still to be looked at, and the end of the text that was looked
// through, in which the start of a pattern may stand.
class MessageSearch::State {
public:
    State(const MessageFile& file, const Structure& structure, const std::vector<const SearchPattern*>& patterns,
          bool withHeaders)
        : _file(file), _lineEndings(structure.lineEndings), _patterns(patterns), _found(patterns.size(), false) {
        for (std::size_t i = 0; i < patterns.size(); ++i) {
            const std::string& folded = patterns[i]->_folded;
            _found[i] = folded.empty();
            _overlap = std::max(_overlap, folded.size());
            // Other texts are found in lines that end in LF as well as in lines that end in CRLF.
            _needsWire = _needsWire || folded.find_first_of("\r\n") != std::string::npos;
            // A field is searched as "Name: value", whatever blanks are in the header.
            const std::string& inField = patterns[i]->_foldedField;
            _needsFields = _needsFields || inField.find(':') != std::string::npos || inField.starts_with(' ');
        }
        countMissing();
        _nextPattern = _patterns.size();
        if (withHeaders) addHeader(structure.root.header);
        addBodies(structure.root, withHeaders);
    }

    bool step() {
        if (_nextPattern < _patterns.size()) {
            lookOn();
        } else {
            if (!_header && !_text) beginNext();
            if (_header) {
                stepHeader();
            } else if (_text) {
                stepText();
            }
        }
        return isDone() || (_next == _places.size() && !_header && !_text && _nextPattern == _patterns.size());
    }
    [[nodiscard]] const std::vector<bool>& found() const { return _found; }

private:
    // A header block, or the body of a part that is text.
    struct Place {
        const Extent* header = nullptr;
        const Part* text = nullptr;
    };
    struct HeaderReading {
        TextReader reader;
        std::string pending;  // the end of what was read: it may be followed by more of the same field
    };
    struct TextReading {
        TextReader reader;
        TransferDecoder transfer;
        CharsetDecoder toUnicode;
    };

    [[nodiscard]] bool isDone() const { return _missing == 0; }
    void addHeader(const Extent& header) { _places.push_back({&header, nullptr}); }

    // withPartHeaders: the MIME headers of the parts too, such as the names of attachments.
    void addBodies(const Part& part, bool withPartHeaders) {
        for (const Part& child : part.children) {
            if (part.isMessage() || withPartHeaders) addHeader(child.header);
            addBodies(child, withPartHeaders);
        }
        if (part.children.empty() && isText(part)) _places.push_back({nullptr, &part});
    }

    void beginNext() {
        if (_next == _places.size()) return;
        const Place& place = _places[_next++];
        if (place.header != nullptr) {
            _header.emplace(HeaderReading{TextReader(_file, *place.header, _lineEndings, !_needsWire), {}});
        } else {
            beginText(*place.text);
        }
    }

    void stepHeader() {
        const bool hasRead = _header->reader.read(_header->pending, readOctets) > 0;
        std::string& pending = _header->pending;
        if (!hasRead || _header->reader.remaining() == 0) {
            const std::string last = std::move(pending);
            _header.reset();
            searchFields(last);
            return;
        }
        std::size_t whole = wholeFields(pending);
        if (whole == 0 && pending.size() >= maxFieldOctets) whole = pending.size();
        searchFields(std::string_view(pending).substr(0, whole));
        pending.erase(0, whole);
    }

    // Whether the texts may be in a field: not if the header is plain ASCII and holds none of them.
    bool mayBeInFields(std::string_view block) {
        if (_needsFields || _needsWire || !isAscii(block) || block.find("=?") != std::string_view::npos) return true;
        _unfolded.assign(block);
        std::erase_if(_unfolded, [](char c) { return c == '\r' || c == '\n'; });
        _window.clear();
        foldFieldText(_unfolded, _window);
        for (std::size_t i = 0; i < _patterns.size(); ++i) {
            if (!_found[i] && _patterns[i]->isInField(_window, true)) return true;
        }
        return false;
    }

    void searchFields(std::string_view block) {
        if (!mayBeInFields(block)) return;
        std::string text;
        for (const HeaderField& field : headerFields(block)) {
            text.assign(field.name);
            if (!field.name.empty()) text += ": ";
            text += fieldText(field.value);
            _window.clear();
            foldFieldText(text, _window);
            const bool windowIsAscii = isAscii(_window);
            for (std::size_t i = 0; i < _patterns.size(); ++i) {
                if (!_found[i]) _found[i] = _patterns[i]->isInField(_window, windowIsAscii);
            }
        }
        countMissing();
    }

    // Reports of type message (RFC 3464, 3798, 5965), parts of a message (RFC 2046 5.2) and headers alone (RFC 6533)
    // are for people to read too: who looks for the address in a bounce wants to find it.
    static bool isText(const Part& part) {
        return ascii::equalIgnoringCase(part.type, "text") || ascii::equalIgnoringCase(part.type, "message");
    }

    void beginText(const Part& part) {
        const auto charset = std::find_if(part.parameters.begin(), part.parameters.end(), [](const auto& parameter) {
            return ascii::equalIgnoringCase(parameter.first, "charset");
        });
        std::optional<CharsetDecoder> known;
        if (charset != part.parameters.end()) known = CharsetDecoder::open(charset->second);
        _text.emplace(TextReading{TextReader(_file, part.body, _lineEndings, !_needsWire),
                                  TransferDecoder(part.transferEncoding),
                                  known ? std::move(*known) : CharsetDecoder::lenient()});
        startText();
    }

    void stepText() {
        if (_text->reader.remaining() == 0) return _text.reset();
        std::string encoded, octets, utf8;
        _text->reader.read(encoded, readOctets);
        const bool isLast = _text->reader.remaining() == 0;
        _text->transfer.decode(encoded, octets, isLast);
        _text->toUnicode.decode(octets, utf8, isLast);
        if (isLast) _text.reset();
        addText(utf8, isLast);
    }

    void startText() {
        _unfolded.clear();
        _window.clear();
    }

    void addText(std::string_view utf8, bool isLast) {
        _unfolded += utf8;
        const std::size_t length = isLast ? _unfolded.size() : foldableLength(_unfolded);
        _seen = _window.size();
        foldCase(std::string_view(_unfolded).substr(0, length), _window);
        _unfolded.erase(0, length);
        _windowIsAscii = isAscii(_window);
        _nextPattern = 0;
    }

    // Looks for the next patterns in the window, until enough octets of both were looked at.
    void lookOn() {
        for (std::size_t octets = 0; _nextPattern < _patterns.size() && octets < patternOctets; ++_nextPattern) {
            if (_found[_nextPattern]) continue;
            const SearchPattern& pattern = *_patterns[_nextPattern];
            // What is kept for the longest was looked through for this one, but for its last octets.
            const std::size_t seen = _seen - std::min(_seen, pattern._folded.size() - 1);
            const std::string_view text = std::string_view(_window).substr(seen);
            _found[_nextPattern] = pattern.isIn(text, _windowIsAscii);
            octets += text.size() + pattern._folded.size();
        }
        countMissing();
        if (_nextPattern == _patterns.size() && _window.size() >= _overlap) {
            _window.erase(0, _window.size() - _overlap + 1);
        }
    }

    void countMissing() { _missing = static_cast<std::size_t>(std::count(_found.begin(), _found.end(), false)); }

    const MessageFile& _file;
    LineEndings _lineEndings;
    const std::vector<const SearchPattern*> _patterns;
    std::vector<bool> _found;
    std::size_t _missing = 0;
    std::size_t _overlap = 1;  // octets of the longest pattern
    bool _needsWire = false, _needsFields = false;
    std::string _unfolded;  // text that cannot be folded before it is known what follows
    std::string _window;    // folded text
    bool _windowIsAscii = true;
    std::size_t _seen = 0;         // octets of it that were looked through
    std::size_t _nextPattern = 0;  // to be looked for in it
    std::vector<Place> _places;
    std::size_t _next = 0;  // of them
    std::optional<HeaderReading> _header;
    std::optional<TextReading> _text;
};

MessageSearch::MessageSearch(const MessageFile& file, const Structure& structure,
                             const std::vector<const SearchPattern*>& patterns, bool withHeaders)
    : _state(std::make_unique<State>(file, structure, patterns, withHeaders)) {}

MessageSearch::~MessageSearch() = default;

bool MessageSearch::step() {
    return _state->step();
}

const std::vector<bool>& MessageSearch::found() const {
    return _state->found();
}

std::vector<bool> searchMessage(const MessageFile& file, const Structure& structure,
                                const std::vector<const SearchPattern*>& patterns, bool withHeaders) {
    MessageSearch search(file, structure, patterns, withHeaders);
    while (!search.step()) {
    }
    return search.found();
}

}  // namespace maildir
