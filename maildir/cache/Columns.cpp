#include "maildir/cache/Columns.h"

#include <algorithm>

namespace maildir {

std::uint64_t Column::octets() const {
    return _text.capacity() + _uids.capacity() * sizeof(Uid) + _ends.capacity() * sizeof(std::uint32_t);
}

std::size_t Column::lowerBound(Uid uid, std::size_t from) const {
    if (from >= _uids.size() || uid <= _uids[from]) return from;
    const auto first = _uids.begin() + static_cast<std::ptrdiff_t>(from) + 1;
    if (first != _uids.end() && uid <= *first) return from + 1;
    return static_cast<std::size_t>(std::lower_bound(first, _uids.end(), uid) - _uids.begin());
}

void Column::add(Uid uid, std::string_view value) {
    if (_text.size() + value.size() > maxOctets) return;
    _uids.push_back(uid);
    _text += value;
    _ends.push_back(static_cast<std::uint32_t>(_text.size()));
}

std::shared_ptr<const Column> Columns::find(std::uint64_t opening, std::string_view name) {
    const std::lock_guard lock(_mutex);
    const auto found = std::find_if(_entries.begin(), _entries.end(), [&](const Entry& entry) {
        return entry.column->opening() == opening && entry.name == name;
    });
    if (found == _entries.end()) return nullptr;
    _entries.splice(_entries.begin(), _entries, found);
    return found->column;
}

void Columns::put(const std::string& name, std::shared_ptr<const Column> column) {
    std::list<Entry> dropped;  // freed after the lock is given back
    const std::lock_guard lock(_mutex);
    const auto isOld = [&](const Entry& entry) {
        return entry.column->opening() == column->opening() && entry.name == name;
    };
    const auto drop = [&](std::list<Entry>::iterator entry) {
        _held -= entry->column->octets();
        dropped.splice(dropped.begin(), _entries, entry);
    };
    const auto old = std::find_if(_entries.begin(), _entries.end(), isOld);
    if (old != _entries.end()) drop(old);
    _held += column->octets();
    _entries.push_front({name, std::move(column)});
    while (_entries.size() > maxColumns || (_held > _budget && !_entries.empty())) drop(std::prev(_entries.end()));
}

}  // namespace maildir
