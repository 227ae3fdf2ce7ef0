#include "imapd/fetch/FetchedBinary.h"

#include <algorithm>

#include "imapd/fetch/Sections.h"

namespace imapd {

using maildir::Error;
using maildir::ErrorKind;

FetchedBinary::FetchedBinary(MessageContent& content, const FetchPlan::Part& part, const maildir::Extent& extent)
    : _content(&content),
      _part(&part),
      _extent(extent),
      _encoding(encodingOf(content.structure(), part.section.part)),
      _factsKey("binary1") {
    for (const std::uint32_t number : part.section.part) _factsKey += '.' + std::to_string(number);
    findFacts();
}

bool FetchedBinary::isAsSent(const maildir::Structure& structure, const Section& section) {
    return !structure.hasNul && maildir::TransferDecoder(encodingOf(structure, section.part)).isIdentity();
}

// What is known without decoding: the size of what is not encoded, and what an earlier FETCH found out.
void FetchedBinary::findFacts() {
    if (isAsSent(_content->structure(), _part->section)) {
        _facts = BinaryFacts{_extent.wireOctets, false};
    } else if (const auto known = _content->derived(_factsKey)) {
        _facts = BinaryFacts::parse(*known);
    }
    if (!_facts) _count.emplace(reader(0, UINT64_MAX));
}

DecodedReader FetchedBinary::reader(std::uint64_t first, std::uint64_t count) const {
    return {_content->file(), _extent, _content->structure().lineEndings, _encoding, first, count};
}

bool FetchedBinary::write(ResponseWriter& writer) {
    if (!_facts) {
        if (!_count->step()) return false;
        _facts = _count->facts();
        _content->storeDerived(_factsKey, _facts->text());
    } else if (_part->form == FetchPlan::Part::DecodedSize) {
        writer.number(_facts->octets);
        return true;
    } else if (!_stream) {
        begin(writer);
        return _remaining == 0;
    } else {
        stream(writer);
        return _remaining == 0;
    }
    return false;
}

// RFC 3516 4.3: a literal8 only where the content has NUL in it.
void FetchedBinary::begin(ResponseWriter& writer) {
    const std::uint64_t first = _part->isPartial ? _part->first : 0;
    const std::uint64_t most = _part->isPartial ? _part->count : UINT64_MAX;
    _remaining = first < _facts->octets ? std::min(_facts->octets - first, most) : 0;
    writer.raw(_facts->hasNul ? "~{" : "{").number(_remaining).raw("}\r\n");
    _stream.emplace(reader(first, _remaining));
}

void FetchedBinary::stream(ResponseWriter& writer) {
    if (_stream->atEnd()) throw Error(ErrorKind::Expunged, "the message became shorter");
    std::string& out = writer.buffer();
    const std::size_t before = out.size();
    _stream->read(out);
    if (!_facts->hasNul) replaceNuls(out, before);
    _remaining -= out.size() - before;
}

}  // namespace imapd
