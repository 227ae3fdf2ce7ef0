// Blocks of facts in a cache file. A block has the facts of up to maxMessages messages, UIDs ascending:
//
//   number of messages; a message each: UID less the one before, octets of its facts; then those facts (FactCodec.h)
//
// Of several blocks that have a message the last one counts, and has all that is known of it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "maildir/Types.h"
#include "maildir/cache/CacheFile.h"

namespace maildir {

struct FactBlock {
    BlockPlace place;
    Uid first, last;
    std::uint32_t messages = 0;
};

// Guarded by its owner.
class FactBlocks {
public:
    static constexpr std::size_t maxMessages = 512;
    static constexpr std::size_t maxOctets = 1u << 20;  // of a block, but for one larger message

    FactBlocks() = default;
    FactBlocks(std::shared_ptr<CacheFile> file, std::vector<FactBlock> blocks)
        : _file(std::move(file)), _blocks(std::move(blocks)) {}

    [[nodiscard]] const std::vector<FactBlock>& blocks() const { return _blocks; }
    // The facts of a message, as encodeFacts() made them; valid until the next call.
    [[nodiscard]] std::optional<std::string_view> find(Uid uid);
    // All messages with their UIDs, ascending, that isKept; each once.
    void each(const std::function<bool(Uid)>& isKept, const std::function<void(Uid, std::string_view)>& take);
    // What all blocks take. A message that is in several of them counts in each.
    struct Load {
        std::size_t blocks = 0;
        std::uint64_t octets = 0, messages = 0;
    };
    [[nodiscard]] Load load() const;
    void noteWritten(FactBlock block) { _blocks.push_back(block); }
    void dropRead() { _read.clear(); }  // what was read stays in memory for the next look

private:
    struct Entry {
        Uid uid;
        std::uint32_t offset = 0, octets = 0;
    };
    struct Read {
        std::uint64_t offset = 0;  // which block
        std::string bytes;
        std::vector<Entry> entries;  // UIDs ascending
    };
    // How much of the blocks that were read stays in memory: a few for messages that are looked at one by one, more
    // while all of them are, in the order of UIDs.
    static constexpr std::size_t readOctets = 4u << 20, readOctetsOfAll = 64u << 20;
    // Null if the block is damaged: it does not count any more.
    const Read* read(std::size_t number);

    std::shared_ptr<CacheFile> _file;
    std::vector<FactBlock> _blocks;
    std::vector<std::unique_ptr<Read>> _read;  // used last at the end
    std::size_t _readOctets = readOctets;      // at most in _read, but for the last one
};

// Gathers facts, UIDs ascending, into blocks of a file.
class FactBlockWriter {
public:
    FactBlockWriter(CacheFile& file, std::function<void(FactBlock)> take) : _file(file), _take(std::move(take)) {}
    void add(Uid uid, std::string_view facts);
    void finish();

private:
    CacheFile& _file;
    std::function<void(FactBlock)> _take;
    std::string _table, _facts;
    Uid _first, _last;
    std::uint32_t _messages = 0;
};

}  // namespace maildir
