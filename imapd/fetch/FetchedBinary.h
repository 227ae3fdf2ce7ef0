// One BINARY or BINARY.SIZE item of a FETCH response, written in pieces (RFC 3516 4.3, RFC 9051 7.5.2).
#pragma once

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>

#include "imapd/fetch/BinaryContent.h"
#include "imapd/fetch/FetchPlan.h"
#include "imapd/fetch/MessageContent.h"
#include "imapd/response/ResponseWriter.h"

namespace imapd {

// A part has a Content-Transfer-Encoding that nobody here can undo: NO [UNKNOWN-CTE].
class UnknownEncoding : public std::runtime_error {
public:
    UnknownEncoding() : std::runtime_error("unknown Content-Transfer-Encoding") {}
};

class FetchedBinary {
public:
    // The section's octets are the same decoded as they are sent: BODY answers for BINARY.
    static bool isAsSent(const maildir::Structure& structure, const Section& section);

    // content and part outlive this. extent: of the part's section. Throws maildir::Error.
    FetchedBinary(MessageContent& content, const FetchPlan::Part& part, const maildir::Extent& extent);

    // Does a short piece of the work; true once the item is whole. Throws maildir::Error when the message changes
    // under it: then a literal may have begun.
    bool write(ResponseWriter& writer);

private:
    [[nodiscard]] DecodedReader reader(std::uint64_t first, std::uint64_t count) const;
    void findFacts();
    void begin(ResponseWriter& writer);
    void stream(ResponseWriter& writer);

    MessageContent* _content;
    const FetchPlan::Part* _part;
    maildir::Extent _extent;
    std::string _encoding;
    std::string _factsKey;
    std::optional<BinaryFacts> _facts;     // of the whole part
    std::optional<BinaryCount> _count;     // at work while they are not known
    std::optional<DecodedReader> _stream;  // at work once the literal has begun
    std::uint64_t _remaining = 0;          // octets of the literal still to come
};

}  // namespace imapd
