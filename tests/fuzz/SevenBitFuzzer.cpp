// Any message has a rendering without 8-bit octets: its size and structure are those of its octets, its parts are those
// of the message, and what is decoded of each is the same. A rendering is its own rendering.
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "maildir/message/Ascii.h"
#include "maildir/message/SevenBit.h"
#include "maildir/message/TransferDecoder.h"

namespace {

using maildir::Extent;
using maildir::Part;
using maildir::Structure;

constexpr maildir::StructureLimits limits{10u << 20, 50, 8};

void require(bool holds) {
    if (!holds) std::abort();
}

bool isForbidden(char c) {
    return static_cast<unsigned char>(c) >= 0x80 || c == '\0';
}

class StringSink : public maildir::RenderingSink {
public:
    void write(std::string_view octets) override { text += octets; }
    void restart() override { text.clear(); }
    std::string text;
};

struct Message {
    explicit Message(std::string_view octets) : text(octets), structure(maildir::parseStructure(octets, limits)) {}

    [[nodiscard]] std::string decoded(const Part& part) const {
        const std::string wire =
            maildir::toWire(std::string_view(text).substr(part.body.storedOffset, part.body.storedOctets));
        std::string content;
        maildir::TransferDecoder(part.transferEncoding).decode(wire, content, true);
        return content;
    }

    std::string text;
    Structure structure;
};

std::string rendering(const Message& message, Structure& structure) {
    maildir::FileDescriptor descriptor(::memfd_create("message", MFD_CLOEXEC));
    if (!descriptor.isOpen()) std::exit(0);
    maildir::writeAll(descriptor.get(), message.text, "message");
    const maildir::MessageFile file(std::move(descriptor), "message");
    StringSink sink;
    structure = maildir::renderSevenBit(file, message.structure, sink, limits);
    return sink.text;
}

bool sameExtent(const Extent& a, const Extent& b) {
    return a.storedOffset == b.storedOffset && a.storedOctets == b.storedOctets && a.wireOctets == b.wireOctets;
}

bool samePart(const Part& a, const Part& b) {
    return sameExtent(a.header, b.header) && sameExtent(a.body, b.body) && a.bodyLines == b.bodyLines &&
           a.transferEncoding == b.transferEncoding &&
           std::equal(a.children.begin(), a.children.end(), b.children.begin(), b.children.end(), samePart);
}

bool sameToken(std::string_view stored, std::string_view rendered) {
    return std::equal(stored.begin(), stored.end(), rendered.begin(), rendered.end(),
                      [](char a, char b) { return a == b || (isForbidden(a) && b == '_'); });
}

void compare(const Message& stored, const Part& a, const Message& rendered, const Part& b) {
    require(sameToken(a.type, b.type) && sameToken(a.subtype, b.subtype));
    require(a.children.size() == b.children.size());
    for (std::size_t i = 0; i < a.children.size(); ++i) compare(stored, a.children[i], rendered, b.children[i]);
    const bool isComposite = a.isMultipart() || maildir::ascii::equalIgnoringCase(a.type, "message");
    if (!isComposite) require(stored.decoded(a) == rendered.decoded(b));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const Message stored(std::string_view(reinterpret_cast<const char*>(data), size));
    Structure structure;
    const Message rendered(rendering(stored, structure));
    require(std::none_of(rendered.text.begin(), rendered.text.end(), isForbidden));
    require(structure.wireOctets == rendered.text.size() && structure.storedOctets == rendered.text.size());
    require(structure.lineEndings == maildir::LineEndings::AllCrLf);
    require(samePart(structure.root, rendered.structure.root));
    compare(stored, stored.structure.root, rendered, rendered.structure.root);
    require(rendering(rendered, structure) == rendered.text);
    return 0;
}
