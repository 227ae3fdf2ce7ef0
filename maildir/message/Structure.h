// The shape of one message: header, MIME structure, where each part lies in the stored file and how large it is as
// sent. Derived in one pass over LF, CRLF or mixed lines; a damaged message gives a structure too, never a failure.
//
// "Stored" octets are those of the file (after decompression); "wire" octets are those sent, where every line ends in
// CRLF: a bare LF counts two, a CR alone stays as it is. RFC 2045, 2046, 2183, 2231, 5322; RFC 3501 6.4.5, 7.4.2.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace maildir {

enum class LineEndings : std::uint8_t { AllLf, AllCrLf, Mixed };  // a file without any newline is AllCrLf

// Octets [storedOffset, storedOffset + storedOctets) of the file, which are wireOctets as sent.
struct Extent {
    std::uint64_t storedOffset = 0;
    std::uint64_t storedOctets = 0;
    std::uint64_t wireOctets = 0;
};

using Parameters = std::vector<std::pair<std::string, std::string>>;  // name as written, value decoded of quoting only

// The header fields that ENVELOPE shows, raw: as they stand after the colon, unfolded (CRLF before white space
// removed), leading and trailing white space removed. has... tells a present but empty field from an absent one.
struct EnvelopeFields {
    enum Field { Date, Subject, From, Sender, ReplyTo, To, Cc, Bcc, InReplyTo, MessageId, Count };
    std::string values[Count];
    bool present[Count] = {};
};

struct Part {
    Extent header;                // from the part's first octet up to and including the empty line
    Extent body;                  // the rest, without the line end that belongs to the next boundary
    std::uint32_t bodyLines = 0;  // lines of the body as sent (its CRLFs)

    // Content fields with RFC 2045 defaults applied (text/plain charset=us-ascii; message/rfc822 inside
    // multipart/digest). type and subtype as written.
    std::string type = "text";
    std::string subtype = "plain";
    Parameters parameters;
    std::string transferEncoding = "7bit";  // the token alone; what is none as it is written
    std::string contentId;                  // empty: absent
    std::string description;                // raw, may hold encoded-words
    std::string md5;
    std::string disposition;  // empty: absent
    Parameters dispositionParameters;
    std::vector<std::string> languages;
    std::string location;

    // multipart: its parts. message/rfc822 (and message/global): exactly one, the enclosed message, whose header is
    // the enclosed message's header. Otherwise none. A multipart without any part has none.
    std::vector<Part> children;
    // The message itself and enclosed messages have one; else null.
    std::unique_ptr<EnvelopeFields> envelope;

    [[nodiscard]] bool isMultipart() const;  // type is multipart, case-insensitively
    [[nodiscard]] bool isMessage() const;    // message/rfc822 or message/global with a child
};

struct Structure {
    std::uint64_t storedOctets = 0;
    std::uint64_t wireOctets = 0;  // exactly what BODY[] sends
    LineEndings lineEndings = LineEndings::AllCrLf;
    bool hasNul = false;
    bool has8Bit = false;
    Part root;
};

// Bounds against hostile messages (Dovecot's figures): what is past them is body text of the part it stands in. Parts
// count the message itself; a multipart or message at the last level of depth is shown as application/octet-stream.
// headerOctets bounds the fields that are kept of the whole message, too.
struct StructureLimits {
    std::uint64_t headerOctets = 10u << 20;  // a header block; beyond it, fields are not looked at, offsets stay right
    std::uint32_t parts = 10000;
    std::uint32_t depth = 100;
};

// Push parser: feed the stored octets in pieces of any size, in order, then finish. Memory is bounded by the limits,
// not by the size of the message.
class StructureParser {
public:
    explicit StructureParser(StructureLimits limits = {});
    ~StructureParser();
    void feed(std::string_view bytes);
    Structure finish();

private:
    struct State;
    std::unique_ptr<State> _state;
};

Structure parseStructure(std::string_view message, StructureLimits limits = {});

}  // namespace maildir
