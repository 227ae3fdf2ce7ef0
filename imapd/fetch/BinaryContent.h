// The content of one part without its Content-Transfer-Encoding, for FETCH BINARY (RFC 3516 4.3, RFC 9051 6.4.5): given
// in pieces, so that a part of any size is never wholly in memory.
//
// Lines of what is not encoded, and of quoted-printable, end in CRLF as on the wire; what base64 hides is given to the
// octet. How many octets there are is only known once they are decoded, and a literal begins with their number: so the
// part is decoded twice, first to count.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "maildir/message/MessageFile.h"
#include "maildir/message/TransferDecoder.h"

namespace imapd {

// Decodes a part from its beginning, and gives what of it lies in a window.
class DecodedReader {
public:
    // encoding: the token of Content-Transfer-Encoding. The window: `count` decoded octets from `first` on. The file
    // outlives this.
    DecodedReader(const maildir::MessageFile& file, const maildir::Extent& extent, maildir::LineEndings lineEndings,
                  std::string_view encoding, std::uint64_t first = 0, std::uint64_t count = UINT64_MAX);

    // Takes the next encoded octets (64 KiB at most) and appends what they give. Throws as WireReader::read.
    void read(std::string& out);
    // Nothing more will come.
    [[nodiscard]] bool atEnd() const { return _isEnd; }

private:
    maildir::WireReader _encoded;
    maildir::TransferDecoder _decoder;
    std::uint64_t _skip, _remaining;
    bool _isEnd = false;
};

// What is known of a part's content once it was counted.
struct BinaryFacts {
    std::uint64_t octets = 0;
    bool hasNul = false;  // such content is sent as a literal8
    bool operator==(const BinaryFacts&) const = default;

    // As one text, to be kept; nothing if a text is none of ours.
    [[nodiscard]] std::string text() const;
    static std::optional<BinaryFacts> parse(std::string_view text);
};

// Counts in steps.
class BinaryCount {
public:
    explicit BinaryCount(DecodedReader reader) : _reader(std::move(reader)) {}
    // Takes one piece; true once all is counted. Throws as DecodedReader::read.
    bool step();
    [[nodiscard]] const BinaryFacts& facts() const { return _facts; }

private:
    DecodedReader _reader;
    BinaryFacts _facts;
};

}  // namespace imapd
