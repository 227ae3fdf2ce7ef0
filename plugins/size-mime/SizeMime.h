// The size strategy "size-mime": exactly as many octets as BODY[] returns.
#pragma once

#include "modules/api/SizeStrategy.h"

namespace maildock {

class SizeMime : public SizeStrategy {
public:
    // RFC 3501 2.3.4: the number of octets in the message, as expressed in RFC 2822 format.
    [[nodiscard]] std::uint64_t octets(MessageFacts& facts) const override { return facts.exactOctets(); }
};

}  // namespace maildock
