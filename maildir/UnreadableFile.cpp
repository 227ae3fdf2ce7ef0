#include "maildir/UnreadableFile.h"

#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <string_view>

#include "maildir/FileIdentity.h"

namespace maildir {

namespace {

std::string nameOf(uid_t user) {
    std::array<char, 4096> memory{};
    passwd entry{};
    passwd* found = nullptr;
    const std::string number = std::to_string(user);
    const bool isKnown = getpwuid_r(user, &entry, memory.data(), memory.size(), &found) == 0 && found != nullptr;
    return isKnown ? std::string(entry.pw_name) + " (" + number + ")" : number;
}

}  // namespace

bool isOfOneMessage(const Error& error) {
    if (error.kind() != ErrorKind::NoPermission && error.kind() != ErrorKind::Io) return false;
    const std::string_view path = error.path();
    const std::size_t end = path.rfind('/');
    if (end == std::string_view::npos) return false;
    const std::string_view folder = path.substr(0, end);
    return folder.ends_with("/cur") || folder.ends_with("/new") || folder.ends_with("/tmp");
}

std::string describeUnreadable(const Error& error) {
    std::string text = std::string("a message cannot be read: ") + error.what();
    struct stat status {};
    if (lstat(error.path().c_str(), &status) != 0) return text;
    std::array<char, 8> mode{};
    (void)std::snprintf(mode.data(), mode.size(), "%04o", static_cast<unsigned>(status.st_mode & 07777));
    const std::shared_ptr<const FileIdentity> identity = FileIdentity::current();
    const std::string reader = nameOf(identity ? identity->user() : geteuid());
    text += "; the file belongs to user " + nameOf(status.st_uid) + ", group " + std::to_string(status.st_gid) +
            ", its mode is " + mode.data() + ", and it is read as user " + reader;
    if (error.kind() == ErrorKind::NoPermission) text += ": give it to that user (chown), or let that user read it";
    return text;
}

}  // namespace maildir
