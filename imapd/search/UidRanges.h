// A set of messages of one view, as ranges of UIDs: small for "1:*", however many messages that is.
#pragma once

#include <span>
#include <utility>
#include <vector>

#include "maildir/mailbox/Snapshot.h"

namespace imapd {

class UidRanges {
public:
    UidRanges() = default;
    // indexes: half-open ranges of indexes in the snapshot, ascending and apart. Messages that are neighbours there
    // share a range, though UIDs between them may be missing.
    UidRanges(std::span<const std::pair<std::size_t, std::size_t>> indexes, const maildir::Snapshot& shown);

    // Only to be asked of messages of the snapshot.
    [[nodiscard]] bool contains(maildir::Uid uid) const;

private:
    std::vector<std::pair<maildir::Uid, maildir::Uid>> _ranges;  // first and last, ascending
};

}  // namespace imapd
