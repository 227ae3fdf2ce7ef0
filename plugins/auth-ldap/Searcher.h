// Finds users in a directory, over a bounded number of connections and threads that ask over them. Any thread may ask;
// nobody waits longer than the directory's timeout.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>

#include "modules/api/Authenticator.h"
#include "plugins/auth-ldap/Connection.h"
#include "plugins/common/BoundedCalls.h"
#include "plugins/common/ConnectionPool.h"

namespace maildock::ldap {

struct Found {
    Outcome outcome = Outcome::UnknownUser;  // Success: there is such an entry, and it is one
    std::string reason;                      // for the log, if it is not Success
    bool isUnreachable = false;              // of a TemporaryFailure: the directory did not answer at all
    Entry entry;
    ProofAnswer proof;  // if a password was given
};

class Searcher {
public:
    Searcher(std::shared_ptr<const Directory> directory, std::size_t connections);

    // The user's entry, and if there is a password, whether it is the entry's, as the directory says.
    [[nodiscard]] Found find(const std::string& user, const std::optional<std::string>& password);

private:
    // Searches and binds have connections of their own: a bind changes who its connection is.
    struct Pools {
        explicit Pools(const std::shared_ptr<const Directory>& directory);
        [[nodiscard]] Found find(const std::string& user, const std::optional<std::string>& password);
        const Passwords passwords;
        common::ConnectionPool<Connection> searches, binds;
    };

    const std::chrono::seconds _timeout;
    const std::shared_ptr<Pools> _pools;  // the running calls' too
    common::BoundedCalls _calls;
};

}  // namespace maildock::ldap
