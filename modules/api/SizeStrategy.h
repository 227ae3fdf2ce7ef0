// The interface of size-* plugins: what RFC822.SIZE says of a message. One method: facts in, octets out. Called by
// many threads at once, for every message of a listing: it asks for no fact that it does not need, since each has its
// price.
#pragma once

#include <cstdint>
#include <optional>

#include "modules/api/Version.h"

namespace maildock {

// What is known of a message, dearer from top to bottom.
class MessageFacts {
public:
    virtual ~MessageFacts() = default;
    // Free: ",W=" in the file name or W in the UID list (octets with CRLF line ends), as some program recorded it.
    [[nodiscard]] virtual std::optional<std::uint64_t> recordedWireOctets() const = 0;
    // Free: ",S=" in the file name or S in the UID list: octets as stored.
    [[nodiscard]] virtual std::optional<std::uint64_t> recordedStoredOctets() const = 0;
    // A stat(2): octets of the file (after decompression, where it is compressed: then as dear as exact).
    [[nodiscard]] virtual std::uint64_t storedOctets() = 0;
    // Reads the message unless cached: exactly what BODY[] returns.
    [[nodiscard]] virtual std::uint64_t exactOctets() = 0;
};

class SizeStrategy {
public:
    virtual ~SizeStrategy() = default;
    [[nodiscard]] virtual std::uint64_t octets(MessageFacts& facts) const = 0;
};

}  // namespace maildock
