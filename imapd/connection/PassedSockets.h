// Listening sockets that the service manager bound and handed over at start (sd_listen_fds(3)): LISTEN_PID says whom
// they are for, LISTEN_FDS how many there are, from descriptor 3 on, LISTEN_FDNAMES their names with colons between.
#pragma once

#include <string>
#include <vector>

namespace imapd {

// Copies of those with this name, which are the caller's to close; none, if there are none. Throws std::system_error.
[[nodiscard]] std::vector<int> passedSockets(const std::string& name);

}  // namespace imapd
