#include "maildir/mailbox/NameIndex.h"

#include <xxhash.h>

#include <bit>
#include <utility>

#include "maildir/LargePages.h"

namespace maildir {

std::uint64_t NameIndex::hashOf(std::string_view baseName) {
    return XXH3_64bits(baseName.data(), baseName.size());
}

void NameIndex::insert(std::uint64_t hash, Uid uid) {
    if ((_taken + 1) * 10 >= _slots.size() * 7) grow(std::bit_ceil((_used + 8) * 2));
    std::size_t at = hash & _mask;
    while (_slots[at].state == State::Used) at = (at + 1) & _mask;
    if (_slots[at].state == State::Free) ++_taken;
    _slots[at] = {hash, uid, State::Used};
    ++_used;
}

void NameIndex::erase(std::uint64_t hash, Uid uid) {
    if (_slots.empty()) return;
    for (std::size_t at = hash & _mask; _slots[at].state != State::Free; at = (at + 1) & _mask) {
        if (_slots[at].state == State::Used && _slots[at].hash == hash && _slots[at].uid == uid) {
            _slots[at].state = State::Erased;
            --_used;
            return;
        }
    }
}

void NameIndex::clear() {
    std::vector<Slot>().swap(_slots);
    _mask = _used = _taken = 0;
}

void NameIndex::reserve(std::size_t messages) {
    if (messages * 10 >= _slots.size() * 7) grow(std::bit_ceil(messages * 2 + 16));
}

void NameIndex::grow(std::size_t slots) {
    std::vector<Slot> larger;
    larger.reserve(slots);
    preferLargePages(larger);
    larger.resize(slots);
    const std::vector<Slot> old = std::exchange(_slots, std::move(larger));
    _mask = slots - 1;
    _used = _taken = 0;
    for (const Slot& slot : old) {
        if (slot.state == State::Used) insert(slot.hash, slot.uid);
    }
}

}  // namespace maildir
