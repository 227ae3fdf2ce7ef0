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
    NotFound,       // proven: there is no such mailbox. What the system can't find or tell is Unavailable
    AlreadyExists,  // a mailbox of that name is there
    NoPermission,   // EACCES, EPERM, EROFS
    OverQuota,      // EDQUOT, ENOSPC
    Expunged,       // the message is gone
    Busy,           // a lock was not to be had in time, or was lost
    WouldWait,      // another has a lock, and this thread may not wait (Patience): try the same again
    Corrupt,        // a file of ours that cannot be understood
    Limit,          // a bound of ours or of the file system: name too long, too many keywords
    InvalidName,    // a mailbox name that cannot exist
    Unavailable,    // can't be looked at now, or is not where it should be: it is looked at again
    Io              // anything else, such as a directory where a file should be
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
    // Whether the log has been told already, by whoever knows more of it than the one that catches this.
    [[nodiscard]] bool isLogged() const { return _isLogged; }
    [[nodiscard]] Error logged() const {
        Error same = *this;
        same._isLogged = true;
        return same;
    }

private:
    // No number is NotFound: a mount, a server or a folder above may be away, and what can't be looked at is not gone.
    static ErrorKind kindOf(int number) {
        switch (number) {
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
            case EBADF:
            case EFAULT:
            case EINVAL:
            case EISDIR:
                return ErrorKind::Io;
            default:
                return ErrorKind::Unavailable;
        }
    }

    ErrorKind _kind;
    std::string _path;
    bool _isLogged = false;
};

}  // namespace maildir
