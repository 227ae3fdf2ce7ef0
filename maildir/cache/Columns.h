// One value of many messages of a mailbox, side by side in memory: what searches compare. Looking up a hundred thousand
// messages one by one costs far more than the comparison. Everything here is derived and may be forgotten at any time.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "maildir/Types.h"

namespace maildir {

// Values in the order of UIDs. Immutable once it is shared.
class Column {
public:
    // opening: of the mailbox, in which the values are known to be those of the files.
    explicit Column(std::uint64_t opening) : _opening(opening) {}

    [[nodiscard]] std::uint64_t opening() const { return _opening; }
    [[nodiscard]] std::size_t size() const { return _uids.size(); }
    [[nodiscard]] std::uint64_t octets() const;
    // position: below size().
    [[nodiscard]] Uid uid(std::size_t position) const { return _uids[position]; }
    [[nodiscard]] std::string_view value(std::size_t position) const {
        const std::size_t from = position == 0 ? 0 : _ends[position - 1];
        return std::string_view(_text).substr(from, _ends[position] - from);
    }
    // Position of the first message whose UID is not below this, at `from` or behind it; size() if there is none. Costs
    // nothing where it is at `from`.
    [[nodiscard]] std::size_t lowerBound(Uid uid, std::size_t from) const;
    // uid: above all that were added before. Nothing is added once there are maxOctets.
    void add(Uid uid, std::string_view value);

    static constexpr std::size_t maxOctets = std::size_t(32) << 20;

private:
    const std::uint64_t _opening;
    std::vector<Uid> _uids;
    std::vector<std::uint32_t> _ends;  // of each value in _text
    std::string _text;
};

// Those of the whole process, within a budget; the least recently used go first. Any thread.
class Columns {
public:
    explicit Columns(std::uint64_t budgetOctets = std::uint64_t(64) << 20) : _budget(budgetOctets) {}

    // The column of this name that was kept in this opening; null: there is none.
    std::shared_ptr<const Column> find(std::uint64_t opening, std::string_view name);
    void put(const std::string& name, std::shared_ptr<const Column> column);

private:
    static constexpr std::size_t maxColumns = 256;

    struct Entry {
        std::string name;
        std::shared_ptr<const Column> column;
    };

    const std::uint64_t _budget;
    std::mutex _mutex;          // guards what follows
    std::list<Entry> _entries;  // newest first
    std::uint64_t _held = 0;
};

}  // namespace maildir
