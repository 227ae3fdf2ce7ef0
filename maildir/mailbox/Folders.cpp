#include "maildir/mailbox/Folders.h"

#include <fcntl.h>

namespace maildir {

Folders::Folders(const std::string& directory, std::size_t files) : _directory(&directory) {
    constexpr std::size_t many = 8;
    if (files < many) return;
    // One that can't be opened is told of by the call that names a file in it.
    constexpr int flags = O_PATH | O_DIRECTORY | O_CLOEXEC;
    _new = FileDescriptor(open((directory + "/new").c_str(), flags));
    _cur = FileDescriptor(open((directory + "/cur").c_str(), flags));
}

Folders::Place Folders::at(std::string_view fileName, bool isInNew) const {
    const FileDescriptor& folder = isInNew ? _new : _cur;
    if (folder.isOpen()) return {folder.get(), std::string(fileName)};
    return {AT_FDCWD, (*_directory + (isInNew ? "/new/" : "/cur/")).append(fileName)};
}

}  // namespace maildir
