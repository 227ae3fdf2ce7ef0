#include "maildir/message/BinaryRewriter.h"

#include <algorithm>

#include "maildir/message/Ascii.h"
#include "maildir/message/ContentFields.h"
#include "maildir/message/Header.h"
#include "maildir/message/OctetTally.h"
#include "maildir/message/TransferDecoder.h"

namespace maildir {

namespace {

constexpr std::uint64_t pieceOctets = 64 * 1024;
constexpr std::uint64_t maxHeaderOctets = 1 << 20;  // of a part that is encoded

std::uint64_t endOf(const Extent& extent) {
    return extent.storedOffset + extent.storedOctets;
}

bool hasNulIn(std::string_view octets) {
    return octets.find('\0') != std::string_view::npos;
}

}  // namespace

BinaryRewriter::BinaryRewriter(const MessageFile& message, StructureLimits limits)
    : _message(&message), _limits(limits) {
    plan(message.structure(limits).root, 1);
}

void BinaryRewriter::plan(const Part& part, std::uint32_t depth) {
    for (const Part& child : part.children) plan(child, depth + 1);
    if (!part.children.empty() || !needsEncoding(part, depth)) return;
    _parts.push_back({part.header.storedOffset, part.body.storedOffset, endOf(part.body), part.envelope != nullptr});
}

bool BinaryRewriter::needsEncoding(const Part& part, std::uint32_t depth) {
    OctetTally tally;
    char before = '\0';
    for (_at = part.body.storedOffset; _at < endOf(part.body);) {
        const std::string block = read(endOf(part.body));
        tally.add(block, before);
        before = block.back();
    }
    _at = 0;
    if (!tally.hasNul && tally.bareLines == 0) return false;
    const std::string& encoding = part.transferEncoding;
    if (!TransferDecoder::isKnown(encoding)) {
        _isRefused = true;  // what its line ends are to it is not known
        return false;
    }
    // Past the bound on depth a part is not taken for the multipart that it may say it is.
    const bool isComposite = part.isMultipart() || ascii::equalIgnoringCase(part.type, "message");
    const bool canBeEncoded = TransferDecoder(encoding).isIdentity() && !isComposite && depth < _limits.depth;
    if (!canBeEncoded) _isRefused = _isRefused || tally.hasNul;  // bare LFs are the ends of its lines
    return canBeEncoded;
}

// From where it stands to `end`, but a piece at most.
std::string BinaryRewriter::read(std::uint64_t end) {
    std::string octets(static_cast<std::size_t>(std::min(end - _at, pieceOctets)), '\0');
    _message->readStored(_at, octets);
    _at += octets.size();
    return octets;
}

bool BinaryRewriter::write(std::string& out) {
    if (_isRefused || _at >= _message->storedOctets()) return false;
    const Encoded* const part = _next < _parts.size() ? &_parts[_next] : nullptr;
    if (part != nullptr && _at == part->header && !_isInBody) {
        writeHeader(*part, out);
        _at = part->body;
        _isInBody = true;
    } else if (_isInBody) {
        _encoder.encode(read(part->end), out);
        if (_at < part->end) return true;
        _encoder.finish(out);
        _encoder = {};
        if (_at == _message->storedOctets()) out += "\r\n";
        _isInBody = false;
        ++_next;
    } else {
        const std::string octets = read(part != nullptr ? part->header : _message->storedOctets());
        _isRefused = hasNulIn(octets);
        out += octets;
    }
    return !_isRefused && _at < _message->storedOctets();
}

void BinaryRewriter::writeHeader(const Encoded& part, std::string& out) {
    std::string block(static_cast<std::size_t>(std::min(part.body - part.header, maxHeaderOctets + 1)), '\0');
    _message->readStored(part.header, block);
    if (block.size() > maxHeaderOctets || hasNulIn(block)) {
        _isRefused = true;
        return;
    }
    constexpr std::string_view encoding = "Content-Transfer-Encoding: base64\r\n";
    bool hasEncoding = false, hasVersion = false;
    for (const HeaderField& field : headerFields(block)) {
        hasVersion = hasVersion || ascii::equalIgnoringCase(field.name, "mime-version");
        if (knownField(field.name) != KnownField::ContentTransferEncoding) {
            out += field.raw;
        } else if (!hasEncoding) {
            out += encoding;
            hasEncoding = true;  // the first counts, here; others may look at the last
        }
    }
    if (part.isMessage && !hasVersion) out += "MIME-Version: 1.0\r\n";
    if (!hasEncoding) out += encoding;
    out += "\r\n";  // the empty line, which is what is left of the block, if anything
}

}  // namespace maildir
