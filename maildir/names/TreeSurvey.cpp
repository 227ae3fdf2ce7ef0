#include "maildir/names/TreeSurvey.h"

#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <system_error>

#include "base/UserName.h"
#include "maildir/Error.h"
#include "maildir/FileOps.h"
#include "maildir/names/ForeignStore.h"

namespace maildir {

namespace {

using maildock::nameOfUser;

constexpr std::size_t mostRootEntries = 5000, mostMessages = 200'000, mostSamples = 8;

std::string nameOfGroup(gid_t id) {
    std::array<char, 16384> buffer{};
    group entry{};
    group* found = nullptr;
    const bool isKnown = ::getgrgid_r(id, &entry, buffer.data(), buffer.size(), &found) == 0 && found != nullptr;
    return isKnown ? entry.gr_name : std::to_string(id);
}

std::string ownerOf(const struct stat& status) {
    std::array<char, 16> mode{};
    std::snprintf(mode.data(), mode.size(), "%04o", static_cast<unsigned>(status.st_mode & 07777));
    return nameOfUser(status.st_uid) + ":" + nameOfGroup(status.st_gid) + ", mode " + mode.data();
}

// Gives each name to `take` until that says false. False: the directory can't be read; errno says why.
bool eachName(const std::string& path, const std::function<bool(const dirent&)>& take) {
    const std::unique_ptr<DIR, int (*)(DIR*)> directory(::opendir(path.c_str()), &::closedir);
    if (!directory) return false;
    // readdir() is safe on a stream that only this thread has.
    while (const dirent* const entry = ::readdir(directory.get())) {  // NOLINT(concurrency-mt-unsafe)
        if (!take(*entry)) break;
    }
    return true;
}

bool isFolder(const std::string& path) {
    struct stat status {};
    return ::stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

// How a file is kept that is no plain message, by its first octets; what is read here is not told.
std::optional<TreeSurvey::Fault> formOf(std::string_view begin) {
    struct Form {
        std::string_view magic;
        bool isRead;
        const char* name;
    };
    using std::string_view_literals::operator""sv;
    static constexpr std::array forms = {
        Form{"\x1f\x8b"sv, true, "gzip"},
        Form{"\x28\xb5\x2f\xfd"sv, true, "zstd"},
        Form{"CRYPTED\x03\x07"sv, false, "are encrypted by Dovecot's mail_crypt: decrypt them first"},
        Form{"Dovecot-LZ4"sv, false, "are compressed by LZ4 (Dovecot's zlib_save = lz4): decompress them first"},
        Form{"BZh"sv, false, "are compressed by bzip2: decompress them first"},
        Form{"\xfd"
             "7zXZ"sv,
             false, "are compressed by xz: decompress them first"},
    };
    for (const Form& form : forms) {
        if (!begin.starts_with(form.magic)) continue;
        if (form.isRead) return std::nullopt;
        return TreeSurvey::Fault{true, std::string("messages ") + form.name};
    }
    return std::nullopt;
}

class Surveyor {
public:
    Surveyor(const std::string& root, Layout layout, std::chrono::steady_clock::time_point deadline)
        : _root(root), _layout(layout), _deadline(deadline) {}

    TreeSurvey look() {
        struct stat status {};
        if (::stat(_root.c_str(), &status) != 0) {
            if (errno != ENOENT && errno != ENOTDIR) unreadable("the folder");
            return std::move(_survey);
        }
        _survey.owner = ownerOf(status);
        for (const char* const part : {"/cur", "/new", "/tmp"}) _survey.isThere |= isFolder(_root + part);
        if (_survey.isThere) {
            lookAtRoot();
            for (const char* const part : {"/cur", "/new"}) lookAtMessages(_root + part);
        } else {
            lookForOthers();
        }
        return std::move(_survey);
    }

private:
    void add(bool isError, std::string text) { _survey.faults.push_back({isError, std::move(text)}); }
    void unreadable(const std::string& what) {
        const int number = errno;
        add(true, what + " can't be read: " + std::generic_category().message(number) +
                      (_survey.owner.empty() ? "" : " (it belongs to " + _survey.owner + ")"));
    }
    [[nodiscard]] bool isLate() const { return std::chrono::steady_clock::now() >= _deadline; }

    void lookForOthers() {
        try {
            if (const auto store = foreignStoreIn(_root)) add(true, "the folder holds " + *store);
        } catch (const Error&) {
            errno = EACCES;
            unreadable("the folder");
        }
    }

    void lookAtRoot() {
        const bool isPlusPlus = _layout == Layout::MaildirPlusPlus;
        std::size_t seen = 0;
        bool hasOther = false, hasLink = false, hasAcl = false;
        const bool isRead = eachName(_root, [&](const dirent& entry) {
            const std::string_view name = entry.d_name;
            if (++seen > mostRootEntries || isLate()) return false;
            if (name == "." || name == ".." || name == "cur" || name == "new" || name == "tmp") return true;
            hasAcl = hasAcl || name == "dovecot-acl" || name == "courierimapacl" || name == "shared-maildirs";
            if (entry.d_type == DT_REG) return true;
            const bool isOther = name.starts_with('.') != isPlusPlus;
            if ((isOther && hasOther) || !isFolder(_root + '/' + std::string(name) + "/cur")) return true;
            hasOther = hasOther || isOther;
            hasLink = hasLink || entry.d_type == DT_LNK;
            return true;
        });
        if (!isRead) return unreadable("the folder");
        if (hasOther) {
            add(true, isPlusPlus ? "folders lie in it as A/B: mail.layout = fs"
                                 : "directories begin with a dot, so this is Maildir++: mail.layout = maildir++");
        }
        if (hasLink) add(false, "has folders that are symbolic links, shared with others: their rights count");
        if (hasAcl) add(false, "has shared folders with access lists of another server's, which are not looked at");
        if (::faccessat(AT_FDCWD, (_root + "/cur").c_str(), W_OK | X_OK, AT_EACCESS) != 0)
            add(true, "can't be written: the folder belongs to " + _survey.owner);
    }

    void lookAtMessages(const std::string& folder) {
        std::size_t samples = 0;
        const bool isRead = eachName(folder, [&](const dirent& entry) {
            if (entry.d_name[0] == '.' || (entry.d_type != DT_REG && entry.d_type != DT_UNKNOWN)) return true;
            if (_survey.inboxMessages >= mostMessages || isLate()) return _survey.isWholeCount = false;
            ++_survey.inboxMessages;
            if (samples++ < mostSamples) sample(folder + '/' + entry.d_name);
            return true;
        });
        if (!isRead && errno != ENOENT) unreadable("INBOX");
    }

    void sample(const std::string& path) {
        const FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW | O_NOCTTY));
        if (!file.isOpen()) {
            struct stat status {};
            if (errno == EACCES && ::lstat(path.c_str(), &status) == 0 && _isSampleFine)
                add(true, "messages can't be read: they belong to " + ownerOf(status));
            _isSampleFine = _isSampleFine && errno != EACCES;
            return;
        }
        std::array<char, 16> begin{};
        const ssize_t got = ::read(file.get(), begin.data(), begin.size());
        if (got <= 0 || !_isSampleFine) return;
        if (auto fault = formOf({begin.data(), static_cast<std::size_t>(got)})) {
            _survey.faults.push_back(std::move(*fault));
            _isSampleFine = false;
        }
    }

    const std::string& _root;
    const Layout _layout;
    const std::chrono::steady_clock::time_point _deadline;
    TreeSurvey _survey;
    bool _isSampleFine = true;  // one fault of messages is enough
};

}  // namespace

TreeSurvey surveyTree(const std::string& root, Layout layout, std::chrono::steady_clock::time_point deadline) {
    return Surveyor(root, layout, deadline).look();
}

}  // namespace maildir
