#include "plugins/common/Slots.h"

#include <algorithm>

namespace maildock::common {

Slots::Lease::Lease(Slots& slots, Clock::time_point deadline) : _slots(slots) {
    std::unique_lock lock(_slots._mutex);
    while (_slots._held.size() >= _slots._count) {
        const Clock::time_point until = std::min(deadline, *_slots._held.rbegin() + _slots._patience);
        if (_slots._freed.wait_until(lock, until) == std::cv_status::timeout && _slots._held.size() >= _slots._count &&
            Clock::now() >= std::min(deadline, *_slots._held.rbegin() + _slots._patience)) {
            return;
        }
    }
    _place = _slots._held.insert(Clock::now());
    _isHeld = true;
}

Slots::Lease::~Lease() {
    if (!_isHeld) return;
    const std::lock_guard lock(_slots._mutex);
    _slots._held.erase(_place);
    _slots._freed.notify_one();
}

}  // namespace maildock::common
