// Base name -> UID of the messages of one mailbox: an open-addressing table of 64-bit hashes, 16 octets a message. The
// caller compares the name itself where a hash is found, since two names may share one. Guarded by its owner.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "maildir/Types.h"

namespace maildir {

class NameIndex {
public:
    static std::uint64_t hashOf(std::string_view baseName);

    void insert(std::uint64_t hash, Uid uid);
    void erase(std::uint64_t hash, Uid uid);
    void clear();
    void reserve(std::size_t messages);
    // Of what is about to be looked for or inserted: memory fetches its slot while something else is done.
    void prefetch(std::uint64_t hash) const {
        if (!_slots.empty()) __builtin_prefetch(&_slots[hash & _mask]);
    }
    [[nodiscard]] std::size_t slotCount() const { return _slots.size(); }

    // Calls matches(uid) for each entry of this hash until it gives true; returns that UID, or 0.
    template <class Matches>
    [[nodiscard]] Uid find(std::uint64_t hash, Matches&& matches) const {
        if (_slots.empty()) return {};
        for (std::size_t at = hash & _mask;; at = (at + 1) & _mask) {
            const Slot& slot = _slots[at];
            if (slot.state == State::Free) return {};
            if (slot.state == State::Used && slot.hash == hash && matches(slot.uid)) return slot.uid;
        }
    }

private:
    enum class State : std::uint8_t { Free, Used, Erased };
    struct Slot {
        std::uint64_t hash = 0;
        Uid uid;
        State state = State::Free;
    };
    void grow(std::size_t slots);

    std::vector<Slot> _slots;
    std::size_t _mask = 0, _used = 0, _taken = 0;  // taken: used and erased slots
};

// Insertions of many names, each done a little later: a large table waits for memory, which fetches several slots at
// once. All are done at its end.
class NameInsertions {
public:
    explicit NameInsertions(NameIndex& index) : _index(index) {}
    ~NameInsertions() {
        for (; _done < _count; ++_done) insertOldest();
    }
    NameInsertions(const NameInsertions&) = delete;
    NameInsertions& operator=(const NameInsertions&) = delete;

    void insert(std::uint64_t hash, Uid uid) {
        if (_count - _done == _waiting.size()) {
            insertOldest();
            ++_done;
        }
        _index.prefetch(hash);
        _waiting[_count++ % _waiting.size()] = {hash, uid};
    }

private:
    struct Name {
        std::uint64_t hash = 0;
        Uid uid;
    };
    void insertOldest() {
        const Name& name = _waiting[_done % _waiting.size()];
        _index.insert(name.hash, name.uid);
    }

    NameIndex& _index;
    std::array<Name, 16> _waiting;
    std::size_t _count = 0, _done = 0;
};

}  // namespace maildir
