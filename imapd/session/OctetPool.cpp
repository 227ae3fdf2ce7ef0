#include "imapd/session/OctetPool.h"

namespace imapd {

namespace {
constexpr std::size_t keptBlocks = 16;  // when none is taken
}  // namespace

OctetPool::OctetPool(std::size_t blockOctets, std::size_t blocks)
    : _blockOctets(blockOctets), _blocks(blocks), _left(blocks) {
    _unused.reserve(blocks);  // giving back must not fail
}

std::optional<OctetPool::Block> OctetPool::take() {
    Memory memory;
    {
        const std::lock_guard lock(_mutex);
        if (_left == 0) return std::nullopt;
        --_left;
        if (!_unused.empty()) {
            memory = std::move(_unused.back());
            _unused.pop_back();
        }
    }
    Block block(shared_from_this(), std::move(memory));  // given back, should there be no memory
    if (!block._memory) {
        block._memory = std::make_unique_for_overwrite<char[]>(_blockOctets);  // NOLINT(modernize-avoid-c-arrays)
    }
    return block;
}

void OctetPool::giveBack(Memory memory) {
    const std::lock_guard lock(_mutex);
    if (memory) _unused.push_back(std::move(memory));
    if (++_left == _blocks && _unused.size() > keptBlocks) _unused.resize(keptBlocks);
}

}  // namespace imapd
