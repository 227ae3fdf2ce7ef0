// Remembers of what the log was told, so that a thing is told of once and not at every look. Any thread.
#pragma once

#include <cstddef>
#include <functional>
#include <mutex>
#include <string>
#include <unordered_set>

namespace maildir {

class ToldOnce {
public:
    // True the first time for this thing: it is to be told of now.
    bool isFirst(const std::string& thing) {
        constexpr std::size_t most = 1000;  // then they are told of anew
        const std::lock_guard lock(_mutex);
        if (_told.size() >= most) _told.clear();
        return _told.insert(std::hash<std::string>()(thing)).second;
    }

private:
    std::mutex _mutex;
    std::unordered_set<std::size_t> _told;  // hashes; guarded by _mutex
};

}  // namespace maildir
