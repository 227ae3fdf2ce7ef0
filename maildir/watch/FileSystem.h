// Which kind of file system a directory is on: whether inotify is told of every change in it, and whether the times of
// its files come from this machine's clock. Both hold for those of this machine alone. A network or FUSE file system
// takes watches too, but tells of nothing that another machine, or the program behind it, changes. statfs(2) names the
// kind.
#pragma once

#include <sys/types.h>

#include <string>

namespace maildir {

struct FileSystem {
    std::string kind;     // for people: "ext4"; "0x..." if it has no name here, empty if it can't be asked
    dev_t device = 0;     // 0 if it can't be asked
    bool isLocal = true;  // what can't be asked is none of a directory that can be used
};

// Any thread.
FileSystem fileSystemOf(const std::string& path);

}  // namespace maildir
