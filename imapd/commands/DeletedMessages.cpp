#include "imapd/commands/DeletedMessages.h"

#include <span>

namespace imapd {

std::vector<Uid> shownAsDeleted(const View& view) {
    std::vector<Uid> uids;
    for (const auto& chunk : view.shown().chunks()) {
        if (chunk->deleted() == 0) continue;
        for (const maildir::Record& record : chunk->records()) {
            if (record.flags.has(maildir::Flag::Deleted)) uids.push_back(record.uid);
        }
    }
    return uids;
}

bool DeletedMessages::remove(const View& view, const TimeSlice& slice) {
    while (!_batches.isOver()) {
        if (slice.isOver()) return false;
        _batches.next([&](std::span<const Uid> uids) { view.mailbox().expunge(uids, true, view.viewer()); });
    }
    return true;
}

}  // namespace imapd
