#include "maildir/message/SevenBit.h"

#include <algorithm>
#include <bitset>
#include <cstring>
#include <vector>

#include "maildir/message/Ascii.h"
#include "maildir/message/ContentFields.h"
#include "maildir/message/OctetTally.h"
#include "maildir/message/SevenBitHeader.h"
#include "maildir/message/TransferEncoder.h"

// How it works. The structure says where each header and body lies; what lies between them are line ends, boundaries
// and the text around them. The parts are written in the order of the file, and what is written is parsed on the way:
// that gives the structure, and shows whether the parts came out as they were. They may not where a message is built to
// confuse: then all is written once more, with boundaries that nothing else in the message looks like.

namespace maildir {

namespace {

constexpr std::size_t blockOctets = 64 * 1024;
constexpr std::size_t maxFieldOctets = 256 * 1024;  // of a field that is rendered with sense; a longer one is masked

bool isForbidden(char c) {
    return static_cast<unsigned char>(c) >= 0x80 || c == '\0';
}

std::uint64_t endOf(const Extent& extent) {
    return extent.storedOffset + extent.storedOctets;
}

bool isIdentity8Bit(std::string_view encoding) {
    return ascii::equalIgnoringCase(encoding, "8bit") || ascii::equalIgnoringCase(encoding, "binary");
}

// UTF-16 and its like: a line end is not one octet, so that lines mean nothing.
bool isWideText(const Part& part) {
    const std::string* charset = findParameter(part.parameters, "charset");
    if (charset == nullptr) return false;
    constexpr std::string_view wide[] = {"utf-16", "utf-32", "utf16", "utf32", "ucs-2", "ucs-4", "iso-10646-ucs"};
    return std::any_of(std::begin(wide), std::end(wide), [&](std::string_view start) {
        return ascii::equalIgnoringCase(std::string_view(*charset).substr(0, start.size()), start);
    });
}

// The charset that readers take for raw header text: what the message's own text is in.
std::string textCharset(const Part& part) {
    if (const std::string* charset = findParameter(part.parameters, "charset");
        charset && mayBeOfHeaderText(*charset)) {
        return *charset;
    }
    if (!part.isMultipart()) return {};
    for (const Part& child : part.children) {
        std::string charset = textCharset(child);
        if (!charset.empty()) return charset;
    }
    return {};
}

bool sameToken(std::string_view stored, std::string_view rendered) {
    return std::equal(stored.begin(), stored.end(), rendered.begin(), rendered.end(),
                      [](char a, char b) { return a == b || (isForbidden(a) && b == '_'); });
}

bool sameTree(const Part& stored, const Part& rendered) {
    return sameToken(stored.type, rendered.type) && sameToken(stored.subtype, rendered.subtype) &&
           std::equal(stored.children.begin(), stored.children.end(), rendered.children.begin(),
                      rendered.children.end(), sameTree);
}

bool hasForbiddenBoundary(const Part& part) {
    std::string boundary;
    if (part.isMultipart() && boundaryOf(part.parameters, boundary) && hasForbidden(boundary)) return true;
    return std::any_of(part.children.begin(), part.children.end(), hasForbiddenBoundary);
}

// New names for boundaries: "=_7bit-ab-1=", where nothing in the message begins as they do, and none begins as another.
class BoundaryNames {
public:
    explicit BoundaryNames(const MessageFile& message) {
        std::bitset<letters.size() * letters.size()> taken;
        std::string text;
        for (std::uint64_t at = 0; at < message.storedOctets();) {
            const std::size_t kept = std::min(text.size(), start.size() + 1);
            text.erase(0, text.size() - kept);
            text.resize(kept + std::min<std::uint64_t>(blockOctets, message.storedOctets() - at));
            message.readStored(at, std::span(text).subspan(kept));
            at += text.size() - kept;
            for (std::size_t found = text.find(start); found != std::string::npos;
                 found = text.find(start, found + 1)) {
                if (found + start.size() + 2 > text.size()) break;
                const std::size_t first = letters.find(text[found + start.size()]);
                const std::size_t second = letters.find(text[found + start.size() + 1]);
                if (first != std::string::npos && second != std::string::npos)
                    taken.set(first * letters.size() + second);
            }
        }
        std::size_t free = 0;
        while (free + 1 < taken.size() && taken.test(free)) ++free;
        _prefix = std::string(start) + letters[free / letters.size()] + letters[free % letters.size()] + '-';
    }

    std::string next() { return _prefix + std::to_string(++_count) + '='; }

private:
    static constexpr std::string_view start = "=_7bit-";
    static constexpr std::string_view letters = "abcdefghijklmnopqrstuvwxyz0123456789";
    std::string _prefix;
    std::size_t _count = 0;
};

class Renderer {
public:
    // names: for all boundaries; null: they keep theirs.
    Renderer(const MessageFile& message, const Structure& stored, RenderingSink& sink, const StructureLimits& limits,
             BoundaryNames* names)
        : _message(&message), _stored(&stored), _sink(&sink), _limits(limits), _names(names), _parser(limits) {}

    Structure render() {
        part(_stored->root, textCharset(_stored->root), 1);
        quoted(endOf(_stored->root.body), _stored->storedOctets);
        give();
        return _parser.finish();
    }

private:
    enum class Body { AsStored, Composite, Fields, Text, Octets, MendedText, MaskedBase64 };

    // --- octets
    void give() {
        if (_out.empty()) return;
        _parser.feed(_out);
        _sink->write(_out);
        _out.clear();
    }

    template <class Function>
    void read(std::uint64_t begin, std::uint64_t end, Function&& function) {
        std::vector<char> block(static_cast<std::size_t>(std::min<std::uint64_t>(blockOctets, end - begin)));
        while (begin < end) {
            const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(block.size(), end - begin));
            _message->readStored(begin, std::span(block.data(), size));
            function(std::string_view(block.data(), size));
            begin += size;
            if (_out.size() >= blockOctets) give();
        }
    }

    [[nodiscard]] OctetTally tallyOf(const Extent& extent) {
        OctetTally tally;
        char before = '\0';
        read(extent.storedOffset, endOf(extent), [&](std::string_view block) {
            tally.add(block, before);
            before = block.back();
        });
        return tally;
    }

    // As stored, with CRLF at the end of lines; replace() appends what stands for an octet that may not go out.
    template <class Function>
    void lines(std::string_view block, char& before, Function&& replace) {
        OctetTally tally;
        tally.add(block, before);
        if (!tally.has8Bit && !tally.hasNul && tally.bareLines == 0) {
            _out += block;
            before = block.empty() ? before : block.back();
            return;
        }
        while (!block.empty()) {
            const auto special =
                std::find_if(block.begin(), block.end(), [](char c) { return c == '\n' || isForbidden(c); });
            const auto size = static_cast<std::size_t>(special - block.begin());
            _out += block.substr(0, size);
            if (size > 0) before = block[size - 1];
            block.remove_prefix(size);
            if (block.empty()) return;
            if (block.front() == '\n') {
                _out += before == '\r' ? "\n" : "\r\n";
            } else {
                replace(block.front());
            }
            before = block.front();
            block.remove_prefix(1);
        }
    }

    void quote(char c) {
        constexpr char digits[] = "0123456789ABCDEF";
        const auto octet = static_cast<unsigned char>(c);
        _out += '=';
        _out += digits[octet >> 4];
        _out += digits[octet & 15];
    }

    // Text that nobody shows: kept readable for whoever looks at the source.
    void quoted(std::uint64_t begin, std::uint64_t end) {
        if (begin >= end) return;
        char before = '\0';
        read(begin, end, [&](std::string_view block) { lines(block, before, [&](char c) { quote(c); }); });
    }

    void masked(std::string_view text, char& before) {
        lines(text, before, [&](char) { _out += '?'; });
    }

    // --- parts
    void part(const Part& part, const std::string& charset, std::uint32_t depth) {
        const std::string own = part.envelope ? textCharset(part) : charset;
        SevenBitHeader::Changes changes;
        changes.isMessage = part.envelope != nullptr;
        const Body form = formOf(part, depth, changes);
        std::string oldBoundary;
        const bool isRenamed = _names != nullptr && part.isMultipart() && boundaryOf(part.parameters, oldBoundary);
        if (isRenamed) changes.boundary = _names->next();
        const std::string newBoundary = changes.boundary;
        const std::string* ownCharset = findParameter(part.parameters, "charset");
        SevenBitHeader header(std::move(changes), ownCharset && mayBeOfHeaderText(*ownCharset) ? *ownCharset : own);
        fields(part.header, &header);
        if (form == Body::Composite) {
            std::uint64_t at = part.body.storedOffset;
            for (const Part& child : part.children) {
                between(at, child.header.storedOffset, newBoundary);
                this->part(child, own, depth + 1);
                at = endOf(child.body);
            }
            after(at, endOf(part.body), oldBoundary, part.children.empty() ? std::string() : newBoundary);
        } else {
            body(part.body, form, own);
        }
    }

    // How the body goes out, and what the header has to say of it.
    Body formOf(const Part& part, std::uint32_t depth, SevenBitHeader::Changes& changes) {
        if (part.isMultipart() || part.isMessage()) {
            if (isIdentity8Bit(part.transferEncoding)) changes.transferEncoding = "7bit";
            return Body::Composite;
        }
        const OctetTally tally = tallyOf(part.body);
        if (!tally.has8Bit && !tally.hasNul) return Body::AsStored;
        if (ascii::equalIgnoringCase(part.transferEncoding, "base64")) return Body::MaskedBase64;
        if (ascii::equalIgnoringCase(part.transferEncoding, "quoted-printable")) return Body::MendedText;
        if (ascii::equalIgnoringCase(part.type, "message")) {
            if (isIdentity8Bit(part.transferEncoding)) changes.transferEncoding = "7bit";
            return Body::Fields;
        }
        changes.needsTransferEncoding = true;
        if (ascii::equalIgnoringCase(part.type, "text") && !tally.hasNul && !isWideText(part)) {
            changes.transferEncoding = "quoted-printable";
            return Body::Text;
        }
        changes.transferEncoding = "base64";
        // Past the bound on depth it is not taken for the multipart that it says it is, and that could not be encoded.
        const bool isTooDeep = depth >= _limits.depth && ascii::equalIgnoringCase(part.subtype, "octet-stream");
        if (isTooDeep) changes.type = "application/octet-stream";
        return Body::Octets;
    }

    void body(const Extent& extent, Body form, const std::string& charset) {
        const std::uint64_t begin = extent.storedOffset, end = endOf(extent);
        char before = '\0';
        switch (form) {
            case Body::AsStored:
            case Body::Composite:
                quoted(begin, end);
                break;
            case Body::MaskedBase64:
                read(begin, end, [&](std::string_view block) { masked(block, before); });
                break;
            case Body::Fields: {
                SevenBitHeader each({}, charset);
                _isBodyOfFields = true;
                fields(extent, &each);
                _isBodyOfFields = false;
                break;
            }
            case Body::Text: {
                QuotedPrintableEncoder encoder;
                read(begin, end, [&](std::string_view block) { encoder.encode(block, _out); });
                encoder.finish(_out);
                break;
            }
            case Body::MendedText: {
                QuotedPrintableMender mender;
                read(begin, end, [&](std::string_view block) { mender.mend(block, _out); });
                mender.finish(_out);
                break;
            }
            case Body::Octets:
                octets(extent);
                break;
        }
    }

    // What is encoded is what would have been sent: lines that end in CRLF.
    void octets(const Extent& extent) {
        Base64Encoder encoder;
        WireReader reader(*_message, extent, _stored->lineEndings);
        std::string piece;
        while (reader.read(piece, blockOctets) > 0) {
            encoder.encode(piece, _out);
            piece.clear();
            if (_out.size() >= blockOctets) give();
        }
        encoder.finish(_out);
        if (endOf(extent) == _stored->storedOctets) _out += "\r\n";
    }

    // --- header fields
    void fields(const Extent& extent, SevenBitHeader* header) {
        std::string field;
        bool isAtLineStart = true, isTooLong = false;
        char before = '\0';
        const auto endField = [&] {
            if (field.empty()) {
                isTooLong = false;
            } else if (field == "\n" || field == "\r\n") {
                if (!_isBodyOfFields) header->finish(_out);
                _out += "\r\n";
            } else {
                header->field(field, _out);
            }
            field.clear();
        };
        read(extent.storedOffset, endOf(extent), [&](std::string_view block) {
            while (!block.empty()) {
                if (isAtLineStart && !ascii::isBlank(block.front())) endField();
                const std::size_t lineEnd = block.find('\n');
                const std::size_t size = lineEnd == std::string_view::npos ? block.size() : lineEnd + 1;
                const std::string_view piece = block.substr(0, size);
                block.remove_prefix(size);
                isAtLineStart = lineEnd != std::string_view::npos;
                if (isTooLong) {
                    masked(piece, before);
                    continue;
                }
                field += piece;
                if (field.size() > maxFieldOctets) {
                    before = '\0';
                    masked(field, before);
                    field.clear();
                    isTooLong = true;
                }
            }
        });
        endField();
    }

    // --- boundaries
    // Up to a part of a multipart: what stands before the first one, and the boundary's line.
    void between(std::uint64_t begin, std::uint64_t end, const std::string& newBoundary) {
        if (begin >= end) return;  // an enclosed message
        if (newBoundary.empty()) return quoted(begin, end);
        quoted(begin, lastLineStart(begin, end));
        _out += "--" + newBoundary + "\r\n";
    }

    // After the last part: the closing boundary, or one at the end of the message that no part follows, and the rest.
    void after(std::uint64_t begin, std::uint64_t end, const std::string& oldBoundary, const std::string& newBoundary) {
        if (begin >= end) return;
        if (newBoundary.empty()) return quoted(begin, end);
        std::string start(static_cast<std::size_t>(std::min<std::uint64_t>(oldBoundary.size() + 6, end - begin)), '\0');
        _message->readStored(begin, start);
        const std::size_t lineEnd = start.starts_with("\r\n") ? 2 : start.starts_with('\n') ? 1 : 0;
        if (lineEnd > 0) _out += "\r\n";
        start.erase(0, lineEnd);
        const bool isLast =
            start.size() >= oldBoundary.size() + 4 && start.compare(oldBoundary.size() + 2, 2, "--") == 0;
        _out += "--" + newBoundary + (isLast ? "--" : "");
        const std::uint64_t restOfLine = firstLineEnd(begin + lineEnd, end);
        if (restOfLine < end || endsInLineEnd(begin + lineEnd, end)) _out += "\r\n";
        quoted(restOfLine, end);
    }

    // Where the last line begins that is in [begin, end).
    std::uint64_t lastLineStart(std::uint64_t begin, std::uint64_t end) {
        std::uint64_t at = begin, found = begin;
        read(begin, end, [&](std::string_view block) {
            const std::size_t lf =
                block.substr(0, at + block.size() == end ? block.size() - 1 : block.size()).rfind('\n');
            if (lf != std::string_view::npos) found = at + lf + 1;
            at += block.size();
        });
        return found;
    }

    // After the first LF in [begin, end).
    std::uint64_t firstLineEnd(std::uint64_t begin, std::uint64_t end) {
        std::uint64_t at = begin, found = end;
        read(begin, end, [&](std::string_view block) {
            const std::size_t lf = found == end ? block.find('\n') : std::string_view::npos;
            if (lf != std::string_view::npos) found = at + lf + 1;
            at += block.size();
        });
        return found;
    }

    bool endsInLineEnd(std::uint64_t begin, std::uint64_t end) {
        char last = '\0';
        if (begin < end) _message->readStored(end - 1, std::span(&last, 1));
        return last == '\n';
    }

    const MessageFile* _message;
    const Structure* _stored;
    RenderingSink* _sink;
    StructureLimits _limits;
    BoundaryNames* _names;
    StructureParser _parser;
    std::string _out;  // not given yet: little more than a block
    bool _isBodyOfFields = false;
};

}  // namespace

Structure renderSevenBit(const MessageFile& message, const Structure& stored, RenderingSink& sink,
                         StructureLimits limits) {
    if (!hasForbiddenBoundary(stored.root)) {
        Structure rendered = Renderer(message, stored, sink, limits, nullptr).render();
        if (sameTree(stored.root, rendered.root)) return rendered;
        sink.restart();
    }
    BoundaryNames names(message);
    return Renderer(message, stored, sink, limits, &names).render();
}

}  // namespace maildir
