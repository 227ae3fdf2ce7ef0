#include "maildir/FileIdentity.h"

#include <sys/fsuid.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "maildir/Error.h"

namespace maildir {

namespace {

struct Rights {
    uid_t user = 0;
    gid_t group = 0;
    std::vector<gid_t> groups;
};

struct ThreadState {
    std::shared_ptr<const FileIdentity> current;
    Rights own;  // the server's, remembered while `current` is another
};

ThreadState& state() {
    thread_local ThreadState mine;
    return mine;
}

// They return what was before, and by no error that they failed; an id that is none changes nothing.
uid_t userNow() {
    return static_cast<uid_t>(::setfsuid(static_cast<uid_t>(-1)));
}

gid_t groupNow() {
    return static_cast<gid_t>(::setfsgid(static_cast<gid_t>(-1)));
}

bool setGroups(const std::vector<gid_t>& groups) {
#ifdef SYS_setgroups32
    return ::syscall(SYS_setgroups32, groups.size(), groups.data()) == 0;
#else
    return ::syscall(SYS_setgroups, groups.size(), groups.data()) == 0;
#endif
}

Rights rightsNow() {
    Rights rights{userNow(), groupNow(), {}};
    const int count = ::getgroups(0, nullptr);
    rights.groups.resize(static_cast<std::size_t>(std::max(count, 0)));
    if (count > 0 && ::getgroups(count, rights.groups.data()) != count) {
        throw Error::fromErrno("cannot ask for the groups of this thread", {});
    }
    return rights;
}

bool setIds(const Rights& rights) {
    ::setfsgid(rights.group);
    ::setfsuid(rights.user);
    return groupNow() == rights.group && userNow() == rights.user;
}

bool become(const Rights& rights) {
    return setGroups(rights.groups) && setIds(rights);
}

Rights rightsOf(const FileIdentity& identity) {
    return {identity.user(), identity.group(), {identity.group()}};
}

}  // namespace

std::shared_ptr<const FileIdentity> FileIdentity::of(uid_t user, gid_t group) {
    if (user == 0 || group == 0 || user == static_cast<uid_t>(-1) || group == static_cast<gid_t>(-1)) {
        throw Error(ErrorKind::NoPermission, "no user's files are touched as root, or as nobody at all");
    }
    if (user == ::geteuid() && group == ::getegid()) return nullptr;
    return std::shared_ptr<const FileIdentity>(new FileIdentity(user, group));
}

std::shared_ptr<const FileIdentity> FileIdentity::current() {
    return state().current;
}

bool FileIdentity::isCurrent(const std::shared_ptr<const FileIdentity>& identity) {
    const std::shared_ptr<const FileIdentity>& mine = state().current;
    if (!mine || !identity) return mine == identity;
    return mine->user() == identity->user() && mine->group() == identity->group();
}

std::string FileIdentity::nameFor(const std::string& name, const std::shared_ptr<const FileIdentity>& identity) {
    if (!identity) return name;
    // No path has a NUL.
    return name + '\0' + std::to_string(identity->user()) + ':' + std::to_string(identity->group());
}

FileIdentity::Scope::Scope(std::shared_ptr<const FileIdentity> identity) {
    if (isCurrent(identity)) return;
    ThreadState& mine = state();
    const Rights before = mine.current ? rightsOf(*mine.current) : rightsNow();
    if (!mine.current) mine.own = before;
    const Rights wanted = identity ? rightsOf(*identity) : mine.own;
    const bool hasGroups = setGroups(wanted.groups);
    if (!hasGroups || !setIds(wanted)) {
        const std::string whom = identity ? std::to_string(identity->user()) : "the server's own";
        if (hasGroups && !become(before)) std::abort();
        throw Error(ErrorKind::NoPermission,
                    "cannot take on the rights of user " + whom +
                        ": the server must be started as root, or have CAP_SETUID, CAP_SETGID");
    }
    _before = std::exchange(mine.current, std::move(identity));
    _isChange = true;
}

FileIdentity::Scope::~Scope() {
    if (!_isChange) return;
    ThreadState& mine = state();
    if (!become(_before ? rightsOf(*_before) : mine.own)) std::abort();
    mine.current = std::move(_before);
}

}  // namespace maildir
