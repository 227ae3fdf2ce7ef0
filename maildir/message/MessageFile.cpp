#include "maildir/message/MessageFile.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <vector>

#include "maildir/Error.h"
#include "maildir/message/OctetTally.h"

namespace maildir {

namespace {

constexpr std::size_t parseBlockOctets = 256 * 1024;
constexpr std::size_t convertBlockOctets = 16 * 1024;

}  // namespace

MessageFile::MessageFile(FileDescriptor file, std::string path) : _file(std::move(file)), _path(std::move(path)) {
    struct stat status {};
    if (::fstat(_file.get(), &status) != 0) throw Error::fromErrno("fstat", _path);
    take(status);
}

MessageFile::MessageFile(FileDescriptor file, std::string path, const struct stat& status)
    : _file(std::move(file)), _path(std::move(path)) {
    take(status);
}

void MessageFile::take(const struct stat& status) {
    _storedOctets = static_cast<std::uint64_t>(std::max<off_t>(status.st_size, 0));
    _modificationTime = status.st_mtime;
}

int MessageFile::descriptor() const {
    return _file.get();
}

const std::string& MessageFile::path() const {
    return _path;
}

std::uint64_t MessageFile::storedOctets() const {
    return _storedOctets;
}

std::int64_t MessageFile::modificationTime() const {
    return _modificationTime;
}

void MessageFile::readStored(std::uint64_t offset, std::span<char> into) const {
    if (const auto octets = held(offset, into.size())) {
        std::copy(octets->begin(), octets->end(), into.begin());
        return;
    }
    if (readAt(_file.get(), offset, into, _path) < into.size()) {
        throw Error(ErrorKind::Expunged, "message file is shorter than it was", _path);
    }
}

void MessageFile::hold(std::uint64_t offset, std::span<char> memory) {
    _held = {};
    readStored(offset, memory);
    _held = memory;
    _heldOffset = offset;
}

void MessageFile::closeIfHeld() {
    if (_held.size() == _storedOctets) _file.reset();
}

std::optional<std::string_view> MessageFile::held(std::uint64_t offset, std::size_t octets) const {
    if (offset < _heldOffset || offset - _heldOffset > _held.size()) return std::nullopt;
    const auto at = static_cast<std::size_t>(offset - _heldOffset);
    if (octets > _held.size() - at) return std::nullopt;
    return std::string_view(_held.data() + at, octets);
}

Structure MessageFile::structure(StructureLimits limits) const {
    StructureParser parser(limits);
    if (const auto all = held(0, static_cast<std::size_t>(_storedOctets))) {
        parser.feed(*all);
        return parser.finish();
    }
    std::vector<char> block(static_cast<std::size_t>(std::min<std::uint64_t>(parseBlockOctets, _storedOctets)));
    for (std::uint64_t offset = 0; offset < _storedOctets;) {
        const std::size_t size =
            static_cast<std::size_t>(std::min<std::uint64_t>(block.size(), _storedOctets - offset));
        readStored(offset, std::span(block.data(), size));
        parser.feed(std::string_view(block.data(), size));
        offset += size;
    }
    return parser.finish();
}

WireReader::WireReader(const MessageFile& file, Extent extent, LineEndings lineEndings, std::uint64_t firstWireOctet,
                       std::uint64_t maxWireOctets)
    : _file(&file), _extent(extent), _lineEndings(lineEndings) {
    if (firstWireOctet >= extent.wireOctets) return;
    skip(firstWireOctet);
    _remaining = std::min(extent.wireOctets - firstWireOctet, maxWireOctets);
}

std::uint64_t WireReader::remaining() const {
    return _remaining;
}

// Finds the stored position of a wire offset inside the extent. It may lie between the CR and the LF of a bare LF.
void WireReader::skip(std::uint64_t wireOctets) {
    if (_lineEndings == LineEndings::AllCrLf) {
        _storedPosition = wireOctets;
        return;
    }
    std::vector<char> block(convertBlockOctets);
    while (wireOctets > 0) {
        const std::uint64_t left = _extent.storedOctets - _storedPosition;
        // A stored octet is at most two as sent: as long as half of them are skipped, the offset is not overrun.
        const std::uint64_t wanted =
            std::min<std::uint64_t>({block.size(), left, std::max<std::uint64_t>(wireOctets / 2, 1)});
        if (wanted == 0)
            throw Error(ErrorKind::Expunged, "message file has other line ends than it had", _file->path());
        const auto size = static_cast<std::size_t>(wanted);
        _file->readStored(_extent.storedOffset + _storedPosition, std::span(block.data(), size));
        OctetTally tally;
        tally.add(std::string_view(block.data(), size), _lastWasCr ? '\r' : '\0');
        _lastWasCr = block[size - 1] == '\r';
        _storedPosition += size;
        const std::uint64_t sent = size + tally.bareLines;
        _owesLf = sent > wireOctets;  // only with one octet read and one to skip: the CR of a bare LF
        wireOctets -= std::min(sent, wireOctets);
    }
}

std::size_t WireReader::read(std::string& out, std::size_t maxOctets) {
    const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(maxOctets, _remaining));
    if (wanted == 0) return 0;
    const std::size_t before = out.size();
    if (_lineEndings == LineEndings::AllCrLf) {
        const std::uint64_t offset = _extent.storedOffset + _storedPosition;
        if (const auto octets = _file->held(offset, wanted)) {
            out += *octets;
        } else {
            out.resize(before + wanted);
            _file->readStored(offset, std::span(out.data() + before, wanted));
        }
        _storedPosition += wanted;
        _remaining -= wanted;
        return wanted;
    }
    if (_owesLf) {
        out += '\n';
        _owesLf = false;
    }
    const std::size_t blockOctets = std::min(wanted, convertBlockOctets);
    std::unique_ptr<char[]> block;  // NOLINT(modernize-avoid-c-arrays): not filled with zeros first
    while (out.size() - before < wanted) {
        const std::size_t missing = wanted - (out.size() - before);
        const std::uint64_t offset = _extent.storedOffset + _storedPosition;
        const auto size = static_cast<std::size_t>(
            std::min<std::uint64_t>({blockOctets, missing, _extent.storedOctets - _storedPosition}));
        if (size == 0) throw Error(ErrorKind::Expunged, "message file has other line ends than it had", _file->path());
        std::optional<std::string_view> octets = _file->held(offset, size);
        if (!octets) {
            if (!block)
                block = std::make_unique_for_overwrite<char[]>(blockOctets);  // NOLINT(modernize-avoid-c-arrays)
            _file->readStored(offset, std::span(block.get(), size));
            octets.emplace(block.get(), size);
        }
        convert(*octets, out, missing);
    }
    _remaining -= wanted;
    return wanted;
}

// Appends at most maxOctets of what `stored` is as sent, and moves on by the stored octets that were used.
void WireReader::convert(std::string_view stored, std::string& out, std::size_t maxOctets) {
    std::size_t used = 0;
    while (used < stored.size() && maxOctets > 0) {
        const void* found = std::memchr(stored.data() + used, '\n', std::min(stored.size() - used, maxOctets));
        const std::size_t lineEnd = found != nullptr
                                        ? static_cast<std::size_t>(static_cast<const char*>(found) - stored.data())
                                        : std::min(stored.size(), used + maxOctets);
        out.append(stored.substr(used, lineEnd - used));
        maxOctets -= lineEnd - used;
        if (lineEnd > used) _lastWasCr = stored[lineEnd - 1] == '\r';
        used = lineEnd;
        if (found == nullptr || maxOctets == 0) continue;
        if (!_lastWasCr) {
            out += '\r';
            --maxOctets;
            _owesLf = maxOctets == 0;
        }
        if (maxOctets > 0) {
            out += '\n';
            --maxOctets;
        }
        _lastWasCr = false;
        ++used;
    }
    _storedPosition += used;
}

std::string readWire(const MessageFile& file, Extent extent, LineEndings lineEndings) {
    std::string wire;
    wire.reserve(static_cast<std::size_t>(extent.wireOctets));
    WireReader reader(file, extent, lineEndings);
    reader.read(wire, static_cast<std::size_t>(reader.remaining()));
    return wire;
}

std::string toWire(std::string_view stored) {
    OctetTally tally;
    tally.add(stored, '\0');
    if (tally.bareLines == 0) return std::string(stored);
    std::string wire;
    wire.reserve(stored.size() + static_cast<std::size_t>(tally.bareLines));
    char before = '\0';
    while (!stored.empty()) {
        const std::size_t lineEnd = stored.find('\n');
        if (lineEnd == std::string_view::npos) {
            wire += stored;
            break;
        }
        wire += stored.substr(0, lineEnd);
        if (lineEnd > 0) before = stored[lineEnd - 1];
        if (before != '\r') wire += '\r';
        wire += '\n';
        before = '\n';
        stored.remove_prefix(lineEnd + 1);
    }
    return wire;
}

}  // namespace maildir
