// The messages that a command changes, some by each call: as many as take some ten milliseconds, for which others wait
// for the mailbox. Each call costs a publication, some also syncs, so that few large ones are faster. One thread.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <span>
#include <utility>
#include <vector>

#include "maildir/Types.h"

namespace imapd {

class Batches {
public:
    using Duration = std::chrono::steady_clock::duration;
    static constexpr std::size_t least = 32, first = 128, most = 1024;

    // atMost: by one call, where what it answers is gathered in memory.
    explicit Batches(std::vector<maildir::Uid> uids, std::size_t atMost = most)
        : _uids(std::move(uids)), _atMost(atMost) {}

    [[nodiscard]] bool isOver() const { return _next == _uids.size(); }

    // Calls with the next ones, a span; they are still the next ones if it throws.
    template <class Change>
    void next(const Change& change) {
        const std::size_t count = std::min({_size, _atMost, _uids.size() - _next});
        const auto began = std::chrono::steady_clock::now();
        change(std::span<const maildir::Uid>(_uids).subspan(_next, count));
        _size = sizeAfter(count, std::chrono::steady_clock::now() - began);
        _next += count;
    }

    // How many to take next, if so many took so long.
    static std::size_t sizeAfter(std::size_t size, Duration took) {
        using std::chrono::milliseconds;
        if (took < milliseconds(10)) return std::min(2 * size, most);
        return took > milliseconds(20) ? std::max(size / 2, least) : size;
    }

private:
    std::vector<maildir::Uid> _uids;
    std::size_t _next = 0, _size = first;
    const std::size_t _atMost;
};

}  // namespace imapd
