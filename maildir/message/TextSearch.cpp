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
    return sought.empty() || ::memmem(text.data(), text.size(), sought.data(), sought.size()) != nullptr;
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

// One message being searched: which patterns were found so far, and the end of the text that was looked through, in
// which the start of a pattern may stand.
class BodySearch {
public:
    BodySearch(const MessageFile& file, LineEndings lineEndings, const std::vector<const SearchPattern*>& patterns)
        : _file(file), _lineEndings(lineEndings), _patterns(patterns), _found(patterns.size(), false) {
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
    }

    [[nodiscard]] bool isDone() const { return _missing == 0; }
    std::vector<bool> take() { return std::move(_found); }

    // withPartHeaders: the MIME headers of the parts too, such as the names of attachments.
    void searchBodies(const Part& part, bool withPartHeaders) {
        for (const Part& child : part.children) {
            if (isDone()) return;
            if (part.isMessage() || withPartHeaders) searchHeader(child.header);
            searchBodies(child, withPartHeaders);
        }
        if (part.children.empty() && isText(part)) searchText(part);
    }

    void searchHeader(const Extent& header) {
        TextReader reader(_file, header, _lineEndings, !_needsWire);
        std::string pending;
        while (!isDone() && reader.read(pending, readOctets) > 0) {
            if (reader.remaining() == 0) break;
            std::size_t whole = wholeFields(pending);
            if (whole == 0 && pending.size() >= maxFieldOctets) whole = pending.size();
            searchFields(std::string_view(pending).substr(0, whole));
            pending.erase(0, whole);
        }
        if (!isDone()) searchFields(pending);
    }

private:
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

    void searchText(const Part& part) {
        const auto charset = std::find_if(part.parameters.begin(), part.parameters.end(), [](const auto& parameter) {
            return ascii::equalIgnoringCase(parameter.first, "charset");
        });
        std::optional<CharsetDecoder> known;
        if (charset != part.parameters.end()) known = CharsetDecoder::open(charset->second);
        CharsetDecoder toUnicode = known ? std::move(*known) : CharsetDecoder::lenient();
        TransferDecoder transfer(part.transferEncoding);
        TextReader reader(_file, part.body, _lineEndings, !_needsWire);
        std::string encoded;
        std::string octets;
        std::string utf8;
        startText();
        while (!isDone() && reader.remaining() > 0) {
            encoded.clear();
            octets.clear();
            utf8.clear();
            reader.read(encoded, readOctets);
            const bool isLast = reader.remaining() == 0;
            transfer.decode(encoded, octets, isLast);
            toUnicode.decode(octets, utf8, isLast);
            addText(utf8, isLast);
        }
    }

    void startText() {
        _unfolded.clear();
        _window.clear();
    }

    void addText(std::string_view utf8, bool isLast) {
        _unfolded += utf8;
        const std::size_t length = isLast ? _unfolded.size() : foldableLength(_unfolded);
        foldCase(std::string_view(_unfolded).substr(0, length), _window);
        _unfolded.erase(0, length);
        const bool windowIsAscii = isAscii(_window);
        for (std::size_t i = 0; i < _patterns.size(); ++i) {
            if (!_found[i]) _found[i] = _patterns[i]->isIn(_window, windowIsAscii);
        }
        countMissing();
        if (_window.size() >= _overlap) _window.erase(0, _window.size() - _overlap + 1);
    }

    void countMissing() { _missing = static_cast<std::size_t>(std::count(_found.begin(), _found.end(), false)); }

    const MessageFile& _file;
    LineEndings _lineEndings;
    const std::vector<const SearchPattern*>& _patterns;
    std::vector<bool> _found;
    std::size_t _missing = 0;
    std::size_t _overlap = 1;  // octets of the longest pattern
    bool _needsWire = false, _needsFields = false;
    std::string _unfolded;  // text that cannot be folded before it is known what follows
    std::string _window;    // folded text
};

std::vector<bool> searchMessage(const MessageFile& file, const Structure& structure,
                                const std::vector<const SearchPattern*>& patterns, bool withHeaders) {
    BodySearch search(file, structure.lineEndings, patterns);
    if (withHeaders && !search.isDone()) search.searchHeader(structure.root.header);
    if (!search.isDone()) search.searchBodies(structure.root, withHeaders);
    return search.take();
}

}  // namespace maildir
