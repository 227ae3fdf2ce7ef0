#include "imapd/commands/UidRanges.h"

#include <algorithm>

namespace imapd {

using maildir::Uid;

UidRanges::UidRanges(std::span<const Uid> uids, const maildir::Snapshot& shown) {
    std::size_t next = 0;  // index after the last message of the open range
    for (const Uid uid : uids) {
        if (!_ranges.empty() && next < shown.size() && shown.at(next)->uid == uid) {
            _ranges.back().second = uid;
            ++next;
            continue;
        }
        const std::optional<std::size_t> index = shown.indexOf(uid);
        if (!index) continue;
        _ranges.emplace_back(uid, uid);
        next = *index + 1;
    }
}

bool UidRanges::contains(Uid uid) const {
    const auto after = std::upper_bound(_ranges.begin(), _ranges.end(), uid,
                                        [](Uid value, const auto& range) { return value < range.first; });
    return after != _ranges.begin() && uid <= std::prev(after)->second;
}

}  // namespace imapd
