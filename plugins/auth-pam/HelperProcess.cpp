#include "plugins/auth-pam/HelperProcess.h"

#include <Poco/Logger.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "plugins/auth-pam/Protocol.h"

namespace maildock::pam {

using common::ChildProcess;
using common::Deadline;
using common::Descriptor;

namespace {

std::pair<Descriptor, Descriptor> makePair(int type) {
    int ends[2] = {-1, -1};
    if (::socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends) != 0) {
        throw std::system_error(errno, std::generic_category(), "socketpair");
    }
    return {Descriptor(ends[0]), Descriptor(ends[1])};
}

}  // namespace

std::shared_ptr<HelperProcess> HelperProcess::of(const std::string& program, const std::string& service,
                                                 const std::string& folder) {
    static std::mutex mutex;
    static std::weak_ptr<HelperProcess> known;
    const std::lock_guard lock(mutex);
    if (const std::shared_ptr<HelperProcess> running = known.lock()) {
        if (running->_service == service && running->_folder == folder) return running;
        if (running->_uid != ::geteuid()) {
            throw std::runtime_error(
                "auth.pam.service and auth.pam.folder are what they were when root started the "
                "server: to change them, restart it");
        }
    }
    auto made = std::make_shared<HelperProcess>(program, service, folder);
    known = made;
    return made;
}

HelperProcess::HelperProcess(std::string program, std::string service, std::string folder)
    : _program(std::move(program)), _service(std::move(service)), _folder(std::move(folder)), _uid(::geteuid()) {
    start();
    Poco::Logger::get("auth-pam")
        .information(_uid == 0 ? "PAM is asked by root"
                               : "PAM is asked by uid " + std::to_string(_uid) +
                                     ": what root alone may read, as pam_unix reads /etc/shadow, it can't");
}

HelperProcess::~HelperProcess() {
    _control.reset();  // that ends it; by a signal it can't be ended once the server has given up root's rights
    if (_process) static_cast<void>(_process->wait(Deadline::clock::now() + std::chrono::seconds(5)));
}

void HelperProcess::start() {
    auto [ours, theirs] = makePair(SOCK_SEQPACKET);
    ChildProcess::Start start;
    start.program = _program;
    start.arguments = {"serve", _service, _folder};
    start.environment = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8"};
    start.descriptors = {theirs.number()};
    _process = std::make_unique<ChildProcess>(start);
    _control = std::move(ours);
}

bool HelperProcess::give(int socket, unsigned seconds) {
    char octets[openingOctets] = {static_cast<char>(seconds / 256), static_cast<char>(seconds % 256)};
    iovec part{octets, sizeof octets};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    cmsghdr* const header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(header), &socket, sizeof socket);
    while (::sendmsg(_control.number(), &message, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) {
        if (errno == EINTR) continue;
        if (errno == EPIPE || errno == ECONNRESET || errno == ENOTCONN) return false;
        throw std::system_error(errno, std::generic_category(), "the helper takes no question");
    }
    return true;
}

Descriptor HelperProcess::open(std::chrono::seconds timeout) {
    auto [ours, theirs] = makePair(SOCK_STREAM);
    const auto seconds = static_cast<unsigned>(std::clamp<std::int64_t>(timeout.count(), 1, maxSeconds));
    const std::lock_guard lock(_mutex);
    if (give(theirs.number(), seconds)) return std::move(ours);
    if (_uid != ::geteuid()) {
        throw std::runtime_error("the helper has ended, and only a restart of the server can start it as root");
    }
    Poco::Logger::get("auth-pam").warning("the helper has ended, and is started anew");
    start();
    if (give(theirs.number(), seconds)) return std::move(ours);
    throw std::runtime_error("the helper ends at once");
}

}  // namespace maildock::pam
