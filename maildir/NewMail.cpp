#include "maildir/NewMail.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <memory>

#include "maildir/FileOps.h"

namespace maildir {

bool hasNewMail(int folder, const std::string& directory) {
    const std::string path = directory + "/new";
    FileDescriptor place(::openat(folder, path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    const std::unique_ptr<DIR, int (*)(DIR*)> entries(place.isOpen() ? ::fdopendir(place.get()) : nullptr, &::closedir);
    if (!entries) {
        const int number = errno;
        const bool isMissing = number == ENOENT || number == ENOTDIR || number == ELOOP || number == ENAMETOOLONG;
        if (isMissing) return false;
        throw Error::fromErrno("cannot list", path, number);
    }
    place.release();  // the stream's now
    for (;;) {
        errno = 0;
        // readdir() is safe on a stream that only this thread has.
        const dirent* const entry = ::readdir(entries.get());  // NOLINT(concurrency-mt-unsafe)
        if (entry == nullptr) break;
        if (entry->d_name[0] == '.') continue;
        if (entry->d_type == DT_REG) return true;
        struct stat status {};
        // Some file systems do not tell in the listing of what kind an entry is.
        if (entry->d_type == DT_UNKNOWN &&
            ::fstatat(::dirfd(entries.get()), entry->d_name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
            S_ISREG(status.st_mode)) {
            return true;
        }
    }
    if (errno != 0) throw Error::fromErrno("cannot list", path);
    return false;
}

}  // namespace maildir
