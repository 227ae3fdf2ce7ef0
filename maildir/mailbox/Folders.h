// new/ and cur/ of a mailbox, for calls as renameat(2): open while many files are named, so that the kernel walks the
// path to them once. One thread.
#pragma once

#include <string>
#include <string_view>

#include "maildir/FileOps.h"

namespace maildir {

class Folders {
public:
    // files: how many are going to be named. The directory outlives this.
    Folders(const std::string& directory, std::size_t files);

    // What such calls want: `path` is relative to the descriptor `folder`, or absolute.
    struct Place {
        int folder = -1;
        std::string path;
    };
    [[nodiscard]] Place at(std::string_view fileName, bool isInNew) const;

private:
    const std::string* _directory;
    FileDescriptor _new, _cur;  // not open: paths are absolute
};

}  // namespace maildir
