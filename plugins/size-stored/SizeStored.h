// The size strategy "size-stored": the cheapest size that is known, which may differ from what BODY[] returns.
//
// The exact size where some program recorded it, else the size of the stored file, which is too small for a file with
// LF line ends: clients that fetch in chunks up to RFC822.SIZE (Thunderbird does) then miss the end of the message.
// Exchange tells such sizes by default ([MS-STANXIMAP] V0006).
#pragma once

#include "modules/api/SizeStrategy.h"

namespace maildock {

class SizeStored : public SizeStrategy {
public:
    // A recorded 0 counts as not recorded: broken deliveries write it, and a client that is told 0 shows nothing.
    [[nodiscard]] std::uint64_t octets(MessageFacts& facts) const override {
        if (const auto wire = facts.recordedWireOctets(); wire.value_or(0) != 0) return *wire;
        if (const auto stored = facts.recordedStoredOctets(); stored.value_or(0) != 0) return *stored;
        return facts.storedOctets();
    }
};

}  // namespace maildock
