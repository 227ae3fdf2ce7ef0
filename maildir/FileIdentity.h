// With whose rights this thread touches files: the server's own, or those of the user whose mail it works on.
//
// Where each tree belongs to a user of the system, the kernel has to tell users apart, not this program: whatever a
// symbolic link or a wrong path in a tree leads to, it leads no further than its owner may go. On Linux user, group and
// supplementary groups for file access belong to a thread (setfsuid(2), setfsgid(2), and setgroups(2) by the raw system
// call: glibc's would change every thread). They are changed here and nowhere else. The process needs CAP_SETUID and
// CAP_SETGID.
//
// Whoever hands work on a user's files to another thread takes current() along and opens a Scope there. Long-lived
// threads must not be started within a Scope: a new thread begins with the rights of its maker. access(2) asks for
// the real user, who stays the same: use faccessat(2) with AT_EACCESS.
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>

namespace maildir {

class FileIdentity {
public:
    // Null if the server runs as that very user and group: its own rights are those. Throws Error(NoPermission) for
    // root, and for no user: their files are nobody's mail.
    static std::shared_ptr<const FileIdentity> of(uid_t user, gid_t group);
    // The identity of this thread; null: the server's own rights.
    static std::shared_ptr<const FileIdentity> current();
    // Whether this thread works with these rights (null: the server's own).
    static bool isCurrent(const std::shared_ptr<const FileIdentity>& identity);

    // Under which name something is kept that was learnt of `name` with these rights (null: the server's own, and the
    // name itself), so that nobody is told of it who would not have been let at it.
    static std::string nameFor(const std::string& name, const std::shared_ptr<const FileIdentity>& identity);

    [[nodiscard]] uid_t user() const { return _user; }
    [[nodiscard]] gid_t group() const { return _group; }

    // From here to the end of the block the thread has these rights (null: the server's own), and afterwards those it
    // had before. Scopes of one thread nest. The user has the one group and no supplementary ones.
    class Scope {
    public:
        // Throws Error(NoPermission) if the kernel refuses; then the thread's rights are as before.
        explicit Scope(std::shared_ptr<const FileIdentity> identity);
        // Ends the process if the kernel refuses: work for others must not go on with the wrong rights.
        ~Scope();
        Scope(const Scope&) = delete;
        Scope& operator=(const Scope&) = delete;

    private:
        std::shared_ptr<const FileIdentity> _before;
        bool _isChange = false;
    };

private:
    FileIdentity(uid_t user, gid_t group) : _user(user), _group(group) {}
    const uid_t _user;
    const gid_t _group;
};

}  // namespace maildir
