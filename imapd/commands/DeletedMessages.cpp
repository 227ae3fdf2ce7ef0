#include "imapd/commands/DeletedMessages.h"

#include <algorithm>
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
    constexpr std::size_t batch = 128;
    while (_next < _uids.size()) {
        if (slice.isOver()) return false;
        const std::size_t count = std::min(batch, _uids.size() - _next);
        view.mailbox().expunge(std::span(_uids).subspan(_next, count), true, view.viewer());
        _next += count;
    }
    return true;
}

}  // namespace imapd
