#include "imapd/connection/PassedSockets.h"

#include <Poco/Environment.h>
#include <Poco/StringTokenizer.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <system_error>

namespace imapd {

namespace {

constexpr int firstDescriptor = 3;
constexpr int maxDescriptors = 1024;

int numberOf(const std::string& variable) {
    const std::string text = Poco::Environment::get(variable, "");
    int number = 0;
    const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    return error == std::errc() && stop == text.data() + text.size() ? number : 0;
}

}  // namespace

std::vector<int> passedSockets(const std::string& name) {
    std::vector<int> found;
    if (numberOf("LISTEN_PID") != ::getpid()) return found;
    const Poco::StringTokenizer names(Poco::Environment::get("LISTEN_FDNAMES", ""), ":");
    const int count = std::clamp(numberOf("LISTEN_FDS"), 0, maxDescriptors);
    for (int i = 0; i < count && static_cast<std::size_t>(i) < names.count(); ++i) {
        const int descriptor = firstDescriptor + i;
        // Neither the original nor the copy is for programs that this one starts.
        ::fcntl(descriptor, F_SETFD, FD_CLOEXEC);
        if (names[static_cast<std::size_t>(i)] != name) continue;
        const int copy = ::fcntl(descriptor, F_DUPFD_CLOEXEC, firstDescriptor + count);
        if (copy < 0) throw std::system_error(errno, std::generic_category(), "LISTEN_FDS");
        found.push_back(copy);
    }
    return found;
}

}  // namespace imapd
