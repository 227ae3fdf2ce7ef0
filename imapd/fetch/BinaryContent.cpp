#include "imapd/fetch/BinaryContent.h"

#include <algorithm>
#include <charconv>

namespace imapd {

namespace {

constexpr std::size_t pieceOctets = 64 * 1024;

}  // namespace

DecodedReader::DecodedReader(const maildir::MessageFile& file, const maildir::Extent& extent,
                             maildir::LineEndings lineEndings, std::string_view encoding, std::uint64_t first,
                             std::uint64_t count)
    : _encoded(file, extent, lineEndings), _decoder(encoding), _skip(first), _remaining(count) {}

void DecodedReader::read(std::string& out) {
    if (_isEnd) return;
    std::string encoded, decoded;
    _encoded.read(encoded, pieceOctets);
    _isEnd = _encoded.remaining() == 0;
    _decoder.decode(encoded, decoded, _isEnd);
    const auto skipped = static_cast<std::size_t>(std::min<std::uint64_t>(_skip, decoded.size()));
    const auto taken = static_cast<std::size_t>(std::min<std::uint64_t>(_remaining, decoded.size() - skipped));
    out.append(decoded, skipped, taken);
    _skip -= skipped;
    _remaining -= taken;
    if (_remaining == 0) _isEnd = true;
}

std::string BinaryFacts::text() const {
    return std::to_string(octets) + (hasNul ? " nul" : "");
}

std::optional<BinaryFacts> BinaryFacts::parse(std::string_view text) {
    BinaryFacts facts;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), facts.octets);
    if (error != std::errc()) return std::nullopt;
    const std::string_view rest = text.substr(static_cast<std::size_t>(end - text.data()));
    if (!rest.empty() && rest != " nul") return std::nullopt;
    facts.hasNul = !rest.empty();
    return facts;
}

bool BinaryCount::step() {
    std::string decoded;
    _reader.read(decoded);
    _facts.octets += decoded.size();
    _facts.hasNul = _facts.hasNul || decoded.find('\0') != std::string::npos;
    return _reader.atEnd();
}

}  // namespace imapd
