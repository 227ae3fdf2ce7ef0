// Tells systemd (Type=notify) how the program is getting on; without systemd it does nothing.
#pragma once

#include <string>

namespace maildock {

// Sends a state such as "READY=1" to the socket in $NOTIFY_SOCKET. Failures are ignored: nobody may be listening.
void notifyServiceManager(const std::string& state);

}  // namespace maildock
