#include "maildir/cache/Renderings.h"

#include <algorithm>

namespace maildir {

namespace {

bool isSame(const struct stat& a, const struct stat& b) {
    return a.st_dev == b.st_dev && a.st_ino == b.st_ino && a.st_size == b.st_size &&
           a.st_mtim.tv_sec == b.st_mtim.tv_sec && a.st_mtim.tv_nsec == b.st_mtim.tv_nsec;
}

}  // namespace

Renderings::Renderings(std::string directory, std::uint64_t budgetOctets)
    : _directory(std::move(directory)), _budget(budgetOctets) {}

std::shared_ptr<const RenderedMessage> Renderings::find(const MessageKey& key, const struct stat& source) {
    const std::lock_guard lock(_mutex);
    const auto found = std::find_if(_entries.begin(), _entries.end(), [&](const Entry& entry) {
        return entry.key == key && isSame(entry.source, source);
    });
    if (found == _entries.end()) return nullptr;
    _entries.splice(_entries.begin(), _entries, found);
    return found->rendering;
}

void Renderings::put(const MessageKey& key, const struct stat& source,
                     std::shared_ptr<const RenderedMessage> rendering) {
    std::list<Entry> dropped;  // closed after the lock is given back
    const std::lock_guard lock(_mutex);
    _held += rendering->structure().storedOctets;
    _entries.push_front({key, source, std::move(rendering)});
    while (_entries.size() > 1 && (_entries.size() > maxMessages || _held > _budget)) {
        _held -= _entries.back().rendering->structure().storedOctets;
        dropped.splice(dropped.begin(), _entries, std::prev(_entries.end()));
    }
}

}  // namespace maildir
