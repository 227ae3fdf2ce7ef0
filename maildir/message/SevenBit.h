// The rendering of a message for whoever may not be sent 8-bit octets: every octet is below 128 and none is NUL. It is
// a message of its own with a structure of its own, and the same parts with the same decoded content:
//
// - A body with such octets is encoded: text as quoted-printable, other content as base64 (text too where it has NULs
// or
//   is UTF-16); its Content-Transfer-Encoding, and where missing the message's MIME-Version, say so. What claims an
//   encoding already is mended: in quoted-printable the octets are quoted, in base64, where they mean nothing, masked.
// - A multipart or message is never encoded itself, only what is in it (RFC 2045 6.4); it says 7bit where it said more.
//   message/delivery-status and the like are lines of header fields, and their text becomes encoded-words.
// - What stands before the first and after the last boundary, which no reader shows, is quoted without saying so.
// - A boundary with such octets gets another name; so do all of the message if its parts would come out differently.
// - Header fields: see SevenBitHeader.h.
//
// Lines end in CRLF throughout. A signature over what had to be changed does not verify any more. RFC 2045 6, RFC 2046
// 5.1 and 5.2, RFC 6532 3.5.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "maildir/message/MessageFile.h"
#include "maildir/message/Structure.h"

namespace maildir {

// What a message is shown as.
enum class Rendering : std::uint8_t { AsStored, SevenBit };

// Without such octets the message as stored is its own rendering.
inline bool needsSevenBit(const Structure& stored) {
    return stored.has8Bit || stored.hasNul;
}

// Takes the octets of a rendering, in order.
class RenderingSink {
public:
    virtual ~RenderingSink() = default;
    virtual void write(std::string_view octets) = 0;
    virtual void restart() = 0;  // forget all that was written: it comes again, differently
};

// Renders the message (at most twice) and tells the structure of what it wrote. stored: the structure of the file.
// limits: those that it was parsed with. Memory is bounded by them, not by the size of the message. Throws as
// MessageFile::readStored, and what the sink throws.
Structure renderSevenBit(const MessageFile& message, const Structure& stored, RenderingSink& sink,
                         StructureLimits limits = {});

// A rendering that can be read: in a file without a name, or in memory while it is small. Immutable; any thread.
class RenderedMessage {
public:
    RenderedMessage(FileDescriptor file, std::string path, Structure structure)
        : _file(std::move(file)), _path(std::move(path)), _structure(std::move(structure)) {}

    // For the caller alone. Throws Io.
    [[nodiscard]] MessageFile open() const;
    [[nodiscard]] const Structure& structure() const { return _structure; }

private:
    FileDescriptor _file;
    std::string _path;  // of the message: what is said of the rendering is said of it
    Structure _structure;
};
// directory: where the file is made if it can be, else in the system's folder for temporary files. Throws as above; Io
// if there is no room.
std::shared_ptr<const RenderedMessage> renderedSevenBit(const MessageFile& message, const Structure& stored,
                                                        const std::string& directory);
// Messages up to this size are rendered in memory.
constexpr std::uint64_t maxRenderedInMemory = 128 * 1024;
// The structure alone: nothing is written anywhere.
Structure structureOfSevenBit(const MessageFile& message, const Structure& stored);

}  // namespace maildir
