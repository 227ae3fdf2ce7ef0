#include "modules/maildock/AsServer.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>

#include "base/UserName.h"
#include "modules/host/RunAs.h"

namespace maildock {

namespace {

constexpr std::size_t mostOctets = 4 << 20;

std::optional<host::RunAs> wantedBy(const Settings& settings) {
    try {
        return host::RunAs::from(settings);
    } catch (const std::exception&) {
        return std::nullopt;  // its own check tells why
    }
}

void writeLine(int to, std::string line) {
    std::replace(line.begin(), line.end(), '\n', ' ');
    line += '\n';
    for (std::size_t at = 0; at < line.size();) {
        const ssize_t written = ::write(to, line.data() + at, line.size() - at);
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) ::_exit(1);
        at += static_cast<std::size_t>(written);
    }
}

// True: to its end.
bool readUntil(int from, std::chrono::steady_clock::time_point deadline, std::string& text) {
    while (text.size() < mostOctets) {
        const auto left =
            std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
        pollfd waited{from, POLLIN, 0};
        const int ready = left.count() <= 0 ? 0 : ::poll(&waited, 1, static_cast<int>(left.count()));
        if (ready < 0 && errno == EINTR) continue;
        if (ready <= 0) return false;
        std::array<char, 65536> buffer{};
        const ssize_t got = ::read(from, buffer.data(), buffer.size());
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return got == 0;
        text.append(buffer.data(), static_cast<std::size_t>(got));
    }
    return false;
}

}  // namespace

AsServerResult asServer(const Settings& settings, std::chrono::seconds patience,
                        const std::function<void(const std::function<void(std::string)>& tell)>& work) {
    AsServerResult result;
    const auto deadline = std::chrono::steady_clock::now() + patience;
    const std::optional<host::RunAs> wanted = wantedBy(settings);
    const bool canBecome = wanted && (::geteuid() == 0 || ::geteuid() == wanted->uid);
    result.user = canBecome ? wanted->user : nameOfUser(::geteuid());
    result.isServersUser = !wanted || canBecome;
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) return result;
    const pid_t child = ::fork();
    if (child == 0) {
        ::close(ends[0]);
        try {
            if (canBecome) wanted->become();
            work([&ends](std::string line) { writeLine(ends[1], std::move(line)); });
            ::_exit(0);
        } catch (const std::exception&) {
            ::_exit(1);  // what was told is told
        }
    }
    ::close(ends[1]);
    std::string text;
    const bool isAtEnd = child > 0 && readUntil(ends[0], deadline, text);
    ::close(ends[0]);
    int status = 0;
    if (child > 0) {
        // One that hangs in a call of the system ends when that does: nobody waits for it.
        if (!isAtEnd) ::kill(child, SIGKILL);
        (void)::waitpid(child, &status, isAtEnd ? 0 : WNOHANG);
    }
    result.isWhole = isAtEnd && WIFEXITED(status) && WEXITSTATUS(status) == 0;
    for (std::size_t at = 0, end = 0; (end = text.find('\n', at)) != std::string::npos; at = end + 1)
        result.lines.push_back(text.substr(at, end - at));
    return result;
}

}  // namespace maildock
