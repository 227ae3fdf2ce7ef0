// The helper's answer to one question, by PAM, in a process of its own: modules may change the process, keep what they
// open, wait, or crash.
#pragma once

#include <string>

namespace maildock::pam {

// Reads a request from the socket (see Protocol.h) and answers it. An empty folder is the system's. Returns the
// process's status.
[[nodiscard]] int answerOne(int descriptor, const std::string& service, const std::string& folder);

}  // namespace maildock::pam
