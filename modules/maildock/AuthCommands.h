// `maildock passwd` and `maildock auth test`.
#pragma once

#include <ostream>
#include <string>

#include "modules/maildock/CommandLine.h"

namespace maildock {

// Asks twice for a password and writes a line for the users file, or the password field alone if `user` is empty. If
// `usersFile` is not empty, the password is put into that file instead. Returns the exit status.
[[nodiscard]] int makePassword(const std::string& scheme, const std::string& user, const std::string& usersFile,
                               std::ostream& out);

// Asks each plugin of the configuration for the user, then the chain, and writes what each answered, what it told and
// how long it took; with a password, or a token for OAUTHBEARER, which is asked for. Nothing is counted and nothing
// remembered. Returns 0 if the user could sign in, 1 if not, 78 for a configuration with errors.
[[nodiscard]] int testUser(const std::string& configFile, const std::string& user, CommandLine::Proof proof,
                           std::ostream& out);

}  // namespace maildock
