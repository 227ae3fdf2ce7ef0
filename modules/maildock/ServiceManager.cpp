#include "modules/maildock/ServiceManager.h"

#include <Poco/Environment.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>
#include <cstring>

namespace maildock {

void notifyServiceManager(const std::string& state) {
    const std::string path = Poco::Environment::get("NOTIFY_SOCKET", "");
    sockaddr_un address{};
    if (path.empty() || path.size() >= sizeof address.sun_path) return;
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.data(), path.size());
    if (path.front() == '@') address.sun_path[0] = '\0';  // sd_notify(3): the abstract namespace
    const int descriptor = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (descriptor < 0) return;
    const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size());
    const ssize_t ignored = ::sendto(descriptor, state.data(), state.size(), MSG_NOSIGNAL,
                                     reinterpret_cast<const sockaddr*>(&address), length);
    static_cast<void>(ignored);
    ::close(descriptor);
}

}  // namespace maildock
