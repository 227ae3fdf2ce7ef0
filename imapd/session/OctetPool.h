// Memory that all who take from it share, in blocks of one size; who gets none does without. What comes back is given
// to the next one, since to free on one thread what another allocates costs both the allocator's locks; most of it goes
// once no block is taken. Any thread.
#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace imapd {

class OctetPool : public std::enable_shared_from_this<OctetPool> {
    using Memory = std::unique_ptr<char[]>;  // NOLINT(modernize-avoid-c-arrays): not filled with zeros first

public:
    OctetPool(std::size_t blockOctets, std::size_t blocks);

    [[nodiscard]] std::size_t blockOctets() const { return _blockOctets; }

    // A block, whose end gives it back. Its octets have any value.
    class Block {
    public:
        Block(Block&& other) noexcept = default;
        Block& operator=(Block&& other) noexcept {
            std::swap(_pool, other._pool);
            std::swap(_memory, other._memory);
            return *this;
        }
        Block(const Block&) = delete;
        Block& operator=(const Block&) = delete;
        ~Block() {
            if (_pool) _pool->giveBack(std::move(_memory));
        }

        [[nodiscard]] std::span<char> octets() const { return {_memory.get(), _pool->_blockOctets}; }

    private:
        friend class OctetPool;
        Block(std::shared_ptr<OctetPool> pool, Memory memory) : _pool(std::move(pool)), _memory(std::move(memory)) {}
        std::shared_ptr<OctetPool> _pool;
        Memory _memory;
    };

    // Nothing: all blocks are taken.
    [[nodiscard]] std::optional<Block> take();

private:
    void giveBack(Memory memory);

    const std::size_t _blockOctets, _blocks;
    std::mutex _mutex;  // guards what follows
    std::size_t _left;  // blocks that may still be taken
    std::vector<Memory> _unused;
};

}  // namespace imapd
