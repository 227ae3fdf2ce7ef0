// The one exception of the storage library: what kind of failure, a text for the log, and the path it is about.
// Ordinary absence is std::optional, not an Error.
#pragma once

#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <string>
#include <system_error>

namespace maildir {

enum class ErrorKind {
    NotFound,       // no such mailbox
    AlreadyExists,  // a mailbox of that name is there
    NoPermission,   // EACCES, EPERM, EROFS
    OverQuota,      // EDQUOT, ENOSPC
    Expunged,       // the message is gone
    Busy,           // a lock was not to be had in time
    Corrupt,        // a file of ours that cannot be understood
    Limit,          // a bound of ours or of the file system: name too long, too many keywords
    InvalidName,    // a mailbox name that cannot exist
    Unavailable,    // what should be there can't be reached at the moment, such as a disk that is not mounted
    Io              // anything else the system said
};

class Error : public std::runtime_error {
public:
    // text: for the log; of InvalidName and Limit without a path for the client too. path: what it is about, or empty.
    Error(ErrorKind kind, const std::string& text, std::string path = {})
        : std::runtime_error(path.empty() ? text : text + ": " + path), _kind(kind), _path(std::move(path)) {}

    // From errno: the kind follows from the number.
    static Error fromErrno(const std::string& what, const std::string& path, int number = errno) {
        return Error(kindOf(number), what + ": " + std::generic_category().message(number), path);
    }

    [[nodiscard]] ErrorKind kind() const { return _kind; }
    [[nodiscard]] const std::string& path() const { return _path; }

private:
    static ErrorKind kindOf(int number) {
        switch (number) {
            case ENOENT:
            case ENOTDIR:
                return ErrorKind::NotFound;
            case EEXIST:
            case ENOTEMPTY:
                return ErrorKind::AlreadyExists;
            case EACCES:
            case EPERM:
            case EROFS:
                return ErrorKind::NoPermission;
            case EDQUOT:
            case ENOSPC:
                return ErrorKind::OverQuota;
            case ENAMETOOLONG:
                return ErrorKind::Limit;
            default:
                return ErrorKind::Io;
        }
    }

    ErrorKind _kind;
    std::string _path;
};

}  // namespace maildir
