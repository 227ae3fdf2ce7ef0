// The user of the system that the server runs as once its ports are bound, and what it keeps of root's rights.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "modules/api/Settings.h"

namespace maildock::host {

struct RunAs {
    std::string user;
    uid_t uid = 0;
    gid_t gid = 0;
    // Keeps CAP_SETUID and CAP_SETGID, to touch each user's mail with that user's rights.
    bool actsForUsers = false;

    // What server.user and server.group say, looked up; nothing if they are not set: the server stays who it is. Throws
    // std::runtime_error with a text for the admin.
    static std::optional<RunAs> from(const Settings& settings);
    static std::vector<Finding> check(const Settings& settings);

    // Becomes that user: uid and groups of the whole process, and of this thread's capabilities only those that are
    // kept; threads that it makes from now on have no more, threads that it made before none at all. Without root's
    // rights it is enough to be that user already. Throws std::runtime_error.
    void become() const;
};

}  // namespace maildock::host
