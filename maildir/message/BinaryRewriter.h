// A message that came with binary content (RFC 3516 4.4), written anew as one that can be kept in lines and sent by
// FETCH BODY: a part in which NULs or bare LFs stand gets the Content-Transfer-Encoding base64 (RFC 2045 6.8), so that
// what is decoded is, to the octet, what came. All else stays as it is, but that its lines end in CRLF.
//
// Not every message can be written so: NULs in a header, between parts, or in a part that claims an encoding already
// have no other form; a multipart or message is never encoded itself (RFC 2045 6.4).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "maildir/message/MessageFile.h"
#include "maildir/message/Structure.h"
#include "maildir/message/TransferEncoder.h"

namespace maildir {

class BinaryRewriter {
public:
    // message: the octets as they came; outlives this. Reads it to its end. Throws as MessageFile::readStored.
    explicit BinaryRewriter(const MessageFile& message, StructureLimits limits = {});

    // Appends the next piece; false once all was given. Throws as above.
    bool write(std::string& out);
    // It cannot be written so, and what was given is no message. Known for sure once all was given.
    [[nodiscard]] bool isRefused() const { return _isRefused; }

private:
    // A part that gets another encoding, as places in the message.
    struct Encoded {
        std::uint64_t header = 0, body = 0, end = 0;
        bool isMessage = false;
    };

    void plan(const Part& part, std::uint32_t depth);
    [[nodiscard]] bool needsEncoding(const Part& part, std::uint32_t depth);
    std::string read(std::uint64_t end);
    void writeHeader(const Encoded& part, std::string& out);

    const MessageFile* _message;
    StructureLimits _limits;
    std::vector<Encoded> _parts;  // in the order of the message
    std::size_t _next = 0;        // of these
    bool _isInBody = false;       // of that
    std::uint64_t _at = 0;
    Base64Encoder _encoder;
    bool _isRefused = false;
};

}  // namespace maildir
