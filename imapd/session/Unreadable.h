// Messages whose files can't be read: told to the log, each file once. Any thread.
#pragma once

#include <cstddef>
#include <functional>
#include <mutex>
#include <string>
#include <unordered_set>

#include "maildir/UnreadableFile.h"

namespace imapd {

class Unreadable {
public:
    // Gives log() the line to log, unless the file was told of before.
    void note(const maildir::Error& error, const std::function<void(const std::string&)>& log) {
        constexpr std::size_t maxFiles = 1000;  // then they are told of anew
        // Without the flags: they change.
        const std::string file = error.path().substr(0, error.path().rfind(":2,"));
        {
            const std::lock_guard lock(_mutex);
            if (_told.size() >= maxFiles) _told.clear();
            if (!_told.insert(std::hash<std::string>()(file)).second) return;
        }
        log(maildir::describeUnreadable(error));
    }

private:
    std::mutex _mutex;
    std::unordered_set<std::size_t> _told;  // hashes of paths; guarded by _mutex
};

}  // namespace imapd
