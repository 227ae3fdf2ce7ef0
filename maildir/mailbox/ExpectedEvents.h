// Events that our own calls are about to cause, each by a mark. They come nearly always in the order in which they were
// expected, so that a row of numbers serves better than a table. Not shared between threads.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace maildir {

class ExpectedEvents {
public:
    // As many as the kernel keeps (inotify(7), max_queued_events): with more, some were lost.
    static constexpr std::size_t most = 16384;

    [[nodiscard]] std::size_t size() const { return _marks.size() - _first; }
    void add(std::uint64_t mark) { _marks.push_back(mark); }
    // Whether it was expected; once for each add().
    bool take(std::uint64_t mark) {
        const auto first = _marks.begin() + static_cast<std::ptrdiff_t>(_first);
        const auto found = std::find(first, _marks.end(), mark);
        if (found == _marks.end()) return false;
        std::move_backward(first, found, found + 1);
        if (++_first == _marks.size()) {
            clear();
        } else if (_first >= keptMarks && _first >= _marks.size() / 2) {
            _marks.erase(_marks.begin(), _marks.begin() + static_cast<std::ptrdiff_t>(_first));
            _first = 0;
        }
        return true;
    }
    void clear() {
        if (_marks.capacity() > keptMarks) std::vector<std::uint64_t>().swap(_marks);
        _marks.clear();
        _first = 0;
    }

private:
    static constexpr std::size_t keptMarks = 256;  // whose memory a quiet mailbox may keep

    std::vector<std::uint64_t> _marks;
    std::size_t _first = 0;
};

}  // namespace maildir
