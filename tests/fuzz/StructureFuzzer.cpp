// Any octets have a structure: extents nest and lie in the message, sizes are those of the octets sent, the pieces in
// which the message comes make no difference, and the bounds hold. The first octet chooses the size of the pieces.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "maildir/message/MessageFile.h"
#include "maildir/message/Structure.h"

namespace {

using maildir::Extent;
using maildir::Part;

constexpr maildir::StructureLimits limits{2000, 50, 8};

void require(bool holds) {
    if (!holds) std::abort();
}

std::uint64_t endOf(const Extent& extent) {
    return extent.storedOffset + extent.storedOctets;
}

struct Checker {
    std::string_view message;
    std::uint32_t parts = 0;

    void extent(const Extent& extent) const {
        require(endOf(extent) <= message.size());
        require(maildir::toWire(message.substr(extent.storedOffset, extent.storedOctets)).size() == extent.wireOctets);
    }

    void part(const Part& part, std::uint32_t depth) {
        require(++parts <= limits.parts && depth <= limits.depth);
        extent(part.header);
        extent(part.body);
        require(endOf(part.header) == part.body.storedOffset);
        const std::string_view body = message.substr(part.body.storedOffset, part.body.storedOctets);
        require(static_cast<std::uint64_t>(std::count(body.begin(), body.end(), '\n')) == part.bodyLines);
        std::uint64_t at = part.body.storedOffset;
        for (const Part& child : part.children) {
            require(child.header.storedOffset >= at && endOf(child.body) <= endOf(part.body));
            at = endOf(child.body);
            this->part(child, depth + 1);
        }
        if (!part.isMultipart()) require(part.children.size() <= 1);
        require(part.children.size() != 1 || !part.isMessage() || part.children[0].envelope != nullptr);
    }
};

bool same(const Extent& a, const Extent& b) {
    return a.storedOffset == b.storedOffset && a.storedOctets == b.storedOctets && a.wireOctets == b.wireOctets;
}

bool same(const Part& a, const Part& b) {
    return same(a.header, b.header) && same(a.body, b.body) && a.bodyLines == b.bodyLines && a.type == b.type &&
           a.parameters == b.parameters && a.disposition == b.disposition &&
           std::equal(a.children.begin(), a.children.end(), b.children.begin(), b.children.end(),
                      [](const Part& left, const Part& right) { return same(left, right); });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const std::size_t piece = data[0] % 32 + 1u;
    const std::string_view message(reinterpret_cast<const char*>(data) + 1, size - 1);
    const maildir::Structure whole = maildir::parseStructure(message, limits);
    require(whole.storedOctets == message.size());
    require(maildir::toWire(message).size() == whole.wireOctets);
    require(whole.hasNul == (message.find('\0') != std::string_view::npos));
    Checker{message}.part(whole.root, 1);
    maildir::StructureParser parser(limits);
    for (std::size_t at = 0; at < message.size(); at += piece) parser.feed(message.substr(at, piece));
    require(same(parser.finish().root, whole.root));
    return 0;
}
