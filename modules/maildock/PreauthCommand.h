// `maildock --preauth USER`: serves one user on standard input and output, asking for no password. Whoever runs it
// reads the mail with the rights that the system gives them.
#pragma once

#include <string>

namespace maildock {

// The exit status. Complaints go to standard error.
int servePreauthenticated(const std::string& configFile, const std::string& user);

}  // namespace maildock
