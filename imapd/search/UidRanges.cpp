#include "imapd/search/UidRanges.h"

#include <algorithm>

namespace imapd {

using maildir::Uid;

UidRanges::UidRanges(std::span<const std::pair<std::size_t, std::size_t>> indexes, const maildir::Snapshot& shown) {
    _ranges.reserve(indexes.size());
    for (const auto& [from, to] : indexes) _ranges.emplace_back(shown.at(from)->uid, shown.at(to - 1)->uid);
}

bool UidRanges::contains(Uid uid) const {
    const auto after = std::upper_bound(_ranges.begin(), _ranges.end(), uid,
                                        [](Uid value, const auto& range) { return value < range.first; });
    return after != _ranges.begin() && uid <= std::prev(after)->second;
}

}  // namespace imapd
