#include "modules/host/RunAs.h"

#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <stdexcept>
#include <system_error>

namespace maildock::host {

namespace {

constexpr const char* userKey = "server.user";
constexpr const char* groupKey = "server.group";
constexpr std::uint32_t forUsers = (1U << CAP_SETUID) | (1U << CAP_SETGID);

[[noreturn]] void fail(const std::string& what) {
    throw std::runtime_error(what + ": " + std::generic_category().message(errno));
}

// A reload looks them up beside running threads, hence the reentrant functions.
std::optional<std::pair<uid_t, gid_t>> findUser(const std::string& name) {
    passwd entry{};
    passwd* found = nullptr;
    std::vector<char> buffer(64 * 1024);
    if (::getpwnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found) != 0 || found == nullptr) return {};
    return std::make_pair(entry.pw_uid, entry.pw_gid);
}

std::optional<gid_t> findGroup(const std::string& name) {
    group entry{};
    group* found = nullptr;
    std::vector<char> buffer(64 * 1024);
    if (::getgrnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found) != 0 || found == nullptr) return {};
    return entry.gr_gid;
}

// capset(2) has no wrapper in glibc.
void keepCapabilities(std::uint32_t kept) {
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    std::array<__user_cap_data_struct, 2> data{};
    data[0].effective = data[0].permitted = kept;
    if (::syscall(SYS_capset, &header, data.data()) != 0) fail("cannot set the capabilities");
}

bool hasCapabilities(std::uint32_t wanted) {
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    std::array<__user_cap_data_struct, 2> data{};
    return ::syscall(SYS_capget, &header, data.data()) == 0 && (data[0].effective & wanted) == wanted;
}

bool actsForUsersBy(const Settings& settings) {
    for (const std::string& key : settings.keysBelow("mail.accessAs")) {
        if (key == "mail.accessAs") return settings.text(key) == "account";
    }
    return false;
}

}  // namespace

std::optional<RunAs> RunAs::from(const Settings& settings) {
    RunAs result;
    result.user = settings.text(userKey);
    const std::string group = settings.text(groupKey);
    if (result.user.empty()) {
        if (!group.empty()) throw std::runtime_error("server.group needs server.user");
        return std::nullopt;
    }
    const auto found = findUser(result.user);
    if (!found) throw std::runtime_error("there is no user " + result.user);
    result.uid = found->first;
    result.gid = found->second;
    if (!group.empty()) {
        const std::optional<gid_t> gid = findGroup(group);
        if (!gid) throw std::runtime_error("there is no group " + group);
        result.gid = *gid;
    }
    result.actsForUsers = actsForUsersBy(settings);
    return result;
}

std::vector<Finding> RunAs::check(const Settings& settings) {
    std::vector<Finding> findings;
    if (actsForUsersBy(settings) && ::geteuid() != 0 && !hasCapabilities(forUsers)) {
        findings.push_back({Finding::Warning, "mail.accessAs", "needs a start as root, or CAP_SETUID and CAP_SETGID"});
    }
    try {
        const std::optional<RunAs> wanted = from(settings);
        if (!wanted) return findings;
        if (wanted->uid == 0) findings.push_back({Finding::Warning, userKey, "is root: nothing is given up"});
        if (::geteuid() != 0 && ::geteuid() != wanted->uid) {
            findings.push_back(
                {Finding::Warning, userKey, "only root can become " + wanted->user + ": start the server as root"});
        }
    } catch (const std::exception& error) {
        const std::string text = error.what();
        findings.push_back({Finding::Error, text.find("group") == std::string::npos ? userKey : groupKey, text});
    }
    return findings;
}

void RunAs::become() const {
    const std::uint32_t kept = actsForUsers ? forUsers : 0;
    if (::geteuid() != 0) {
        if (::geteuid() != uid) throw std::runtime_error("only root can become " + user);
        if (!hasCapabilities(kept)) {
            throw std::runtime_error("mail.accessAs = account needs root, or CAP_SETUID and CAP_SETGID");
        }
        keepCapabilities(kept);
        return;
    }
    if (uid == 0) return;
    if (::initgroups(user.c_str(), gid) != 0) fail("cannot set the groups of " + user);
    if (::prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0) fail("cannot keep capabilities");
    if (::setresgid(gid, gid, gid) != 0) fail("cannot become the group of " + user);
    if (::setresuid(uid, uid, uid) != 0) fail("cannot become " + user);
    keepCapabilities(kept);
    ::prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0);
    if (!actsForUsers && ::setresuid(0, 0, 0) == 0) throw std::runtime_error("root's rights could not be given up");
}

}  // namespace maildock::host
