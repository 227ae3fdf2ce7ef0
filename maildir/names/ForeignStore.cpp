#include "maildir/names/ForeignStore.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string_view>

#include "maildir/Error.h"

namespace maildir {

namespace {

struct Sign {
    const char* path;  // below the folder
    bool isFolder;
    const char* text;
};

constexpr std::array signs = {
    Sign{"storage", true, "Dovecot's mdbox (storage/): convert it by `doveadm backup` into a Maildir first"},
    Sign{"mailboxes", true, "Dovecot's sdbox (mailboxes/): convert it by `doveadm backup` into a Maildir first"},
    Sign{"dbox-Mails", true, "Dovecot's dbox (dbox-Mails/): convert it by `doveadm backup` into a Maildir first"},
    Sign{".imap", true, "mbox files of Dovecot's (.imap/): convert them by `doveadm backup` into a Maildir first"},
    Sign{"cyrus.header", false, "a mailbox of Cyrus (cyrus.header): copy it by IMAP, as imapsync or isync do"},
    Sign{"cyrus.index", false, "a mailbox of Cyrus (cyrus.index): copy it by IMAP, as imapsync or isync do"},
    Sign{".mh_sequences", false, "an MH mailbox (.mh_sequences): convert it into a Maildir first"},
    Sign{".mh_profile", false, "MH mailboxes (.mh_profile): convert them into a Maildir first"},
    Sign{"Maildir/cur", true, "a Maildir of its own (Maildir/cur): mail.location has to end in /Maildir"},
    Sign{".maildir/cur", true, "a Maildir of its own (.maildir/cur): mail.location has to end in /.maildir"},
    Sign{"mail/cur", true, "a Maildir of its own (mail/cur): mail.location has to end in /mail"},
    Sign{"INBOX/cur", true,
         "a Maildir of its own (INBOX/cur), with INBOX beside other folders: move its cur/, new/ and tmp/ up"},
};

// Files in which INBOX, or folders, lie as an mbox.
constexpr std::array mboxNames = {"mbox", "inbox", "INBOX", "Inbox"};

bool isAbsence(int number) {
    return number == ENOENT || number == ENOTDIR || number == ELOOP;
}

std::optional<struct stat> statusOf(const std::string& path) {
    struct stat status {};
    if (::stat(path.c_str(), &status) == 0) return status;
    if (!isAbsence(errno)) throw Error::fromErrno("cannot look at", path);
    return std::nullopt;
}

// RFC 4155: a message in an mbox begins with "From ". A file that can't be opened may be one.
bool isMbox(const std::string& path) {
    const std::optional<struct stat> status = statusOf(path);
    if (!status || !S_ISREG(status->st_mode)) return false;
    const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (file < 0) return !isAbsence(errno);
    std::array<char, 5> begin{};
    const ssize_t got = ::read(file, begin.data(), begin.size());
    ::close(file);
    return got == static_cast<ssize_t>(begin.size()) && std::string_view(begin.data(), begin.size()) == "From ";
}

}  // namespace

std::optional<std::string> foreignStoreIn(const std::string& folder) {
    const std::optional<struct stat> status = statusOf(folder);
    if (!status) return std::nullopt;
    if (!S_ISDIR(status->st_mode)) {
        return isMbox(folder) ? "an mbox file: convert it by `doveadm backup` or mb2md into a Maildir first"
                              : "a file, where a folder should be";
    }
    for (const Sign& sign : signs) {
        const std::optional<struct stat> found = statusOf(folder + '/' + sign.path);
        if (found && S_ISDIR(found->st_mode) == sign.isFolder) return sign.text;
    }
    for (const char* const name : mboxNames) {
        if (isMbox(folder + '/' + name))
            return std::string("an mbox file (") + name +
                   "): convert it by `doveadm backup` or mb2md into a Maildir first";
    }
    return std::nullopt;
}

}  // namespace maildir
