// The helper of the plugin auth-pam: one process, started with the server and with the rights that the server has then,
// which it keeps when the server gives up its own (server.user): what needs root, such as /etc/shadow, is here and not
// in the server. It takes questions over a socket that the server alone has, looks into none of them, and starts a
// process for each, which it ends when its time is over. It ends itself as soon as the server has.
//
//     auth-pam-helper serve SERVICE FOLDER             the control socket is descriptor 3
//     auth-pam-helper answer SECONDS SERVICE FOLDER    one question is on descriptor 3
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <list>
#include <stdexcept>
#include <vector>

#include "modules/api/Account.h"
#include "plugins/auth-pam/Answer.h"
#include "plugins/auth-pam/Protocol.h"
#include "plugins/common/ChildProcess.h"

namespace {

using namespace maildock;
using common::ChildProcess;
using common::Deadline;
using common::Descriptor;

constexpr std::size_t maxQuestions = 64;

struct Service {
    std::string program, name, folder;
};

// A question that is being answered.
class Question {
public:
    Question(const Service& service, Descriptor socket, unsigned seconds)
        : _socket(std::move(socket)),
          _deadline(Deadline::clock::now() + std::chrono::seconds(seconds)),
          _process(startOf(service, _socket, seconds)) {}

    [[nodiscard]] int endDescriptor() const { return _process.endDescriptor(); }
    [[nodiscard]] int socket() const { return _socket.number(); }
    [[nodiscard]] Deadline deadline() const { return _deadline; }

    // Says in the process's place what became of it, if it did not answer. To be called once it has ended or its time
    // is over.
    void conclude() {
        const std::optional<int> status = _process.wait(Deadline::clock::now());
        if (status && *status == 0) return;
        std::vector<std::string> answer(pam::answerFields);
        answer[pam::outcome] = std::to_string(static_cast<int>(Outcome::TemporaryFailure));
        answer[pam::reason] = status ? "the process ended without an answer, " + common::nameOfStatus(*status)
                                     : "no answer in time; the process was ended";
        const std::string message = pam::encode(answer);
        const ssize_t ignored = ::send(_socket.number(), message.data(), message.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
        static_cast<void>(ignored);
    }

private:
    static ChildProcess::Start startOf(const Service& service, const Descriptor& socket, unsigned seconds) {
        ChildProcess::Start start;
        start.program = service.program;
        // Some seconds more, for the case that this process has ended.
        start.arguments = {"answer", std::to_string(seconds + 5), service.name, service.folder};
        start.environment = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8"};
        start.descriptors = {socket.number()};
        return start;
    }

    Descriptor _socket;  // kept here too: to answer in the process's place, and to see that nobody waits any more
    Deadline _deadline;
    ChildProcess _process;
};

struct Opening {
    bool isEnd = false;
    unsigned seconds = 0;
    Descriptor socket;  // none: the message was not as it should be
};

// What comes over the control socket.
Opening receive() {
    char octets[pam::openingOctets + 1];
    iovec part{octets, sizeof octets};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))];
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    const ssize_t got = ::recvmsg(pam::helperDescriptor, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    Opening opening;
    if (got <= 0) {
        opening.isEnd = got == 0 || (errno != EINTR && errno != EAGAIN);
        return opening;
    }
    // Padding makes room for more than one, and the kernel closes only those for which there is none.
    std::vector<Descriptor> sockets;
    const cmsghdr* const header = CMSG_FIRSTHDR(&message);
    if (header != nullptr && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS) {
        int numbers[sizeof control / sizeof(int)];
        const std::size_t octetsOfNumbers = std::min(header->cmsg_len - CMSG_LEN(0), sizeof numbers);
        std::memcpy(numbers, CMSG_DATA(header), octetsOfNumbers);
        for (std::size_t i = 0; i < octetsOfNumbers / sizeof(int); ++i) sockets.emplace_back(numbers[i]);
    }
    const bool isCut = (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0;
    if (isCut || sockets.size() != 1 || got != static_cast<ssize_t>(pam::openingOctets)) return opening;
    opening.seconds = static_cast<unsigned char>(octets[0]) * 256U + static_cast<unsigned char>(octets[1]);
    opening.seconds = std::clamp(opening.seconds, 1U, pam::maxSeconds);
    opening.socket = std::move(sockets.front());
    return opening;
}

int serve(const Service& service) {
    std::list<Question> questions;
    for (;;) {
        std::vector<pollfd> polled{{pam::helperDescriptor, POLLIN, 0}};
        Deadline next = Deadline::clock::now() + std::chrono::hours(1);
        for (const Question& question : questions) {
            polled.push_back({question.endDescriptor(), POLLIN, 0});
            polled.push_back({question.socket(), 0, 0});
            next = std::min(next, question.deadline());
        }
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(next - Deadline::clock::now());
        if (::poll(polled.data(), polled.size(), static_cast<int>(std::max<std::int64_t>(left.count(), 0))) < 0) {
            if (errno == EINTR) continue;
            return 1;
        }
        const Deadline now = Deadline::clock::now();
        std::size_t at = 1;
        for (auto question = questions.begin(); question != questions.end(); at += 2) {
            const bool hasEnded = polled[at].revents != 0;
            const bool isAwaited = polled[at + 1].revents == 0;
            if (hasEnded || question->deadline() <= now) question->conclude();
            question =
                hasEnded || !isAwaited || question->deadline() <= now ? questions.erase(question) : std::next(question);
        }
        if (polled[0].revents == 0) continue;
        Opening opening = receive();
        if (opening.isEnd) return 0;
        if (opening.socket.number() < 0 || questions.size() >= maxQuestions) continue;
        try {
            questions.emplace_back(service, std::move(opening.socket), opening.seconds);
        } catch (const std::exception&) {  // NOLINT(bugprone-empty-catch): its socket is closed, which says it
        }
    }
}

int answer(const char* seconds, const Service& service) {
    const std::string text = seconds;
    unsigned number = 0;
    std::from_chars(text.data(), text.data() + text.size(), number);
    ::alarm(std::clamp(number, 1U, pam::maxSeconds + 5));
    return pam::answerOne(pam::helperDescriptor, service.name, service.folder);
}

}  // namespace

int main(int count, char** arguments) {
    ::prctl(PR_SET_DUMPABLE, 0);  // no password in a core
    const std::vector<std::string> given(arguments, arguments + count);
    if (count == 4 && given[1] == "serve") return serve({given[0], given[2], given[3]});
    // What modules registered to be done at the end is of no use here.
    if (count == 5 && given[1] == "answer") ::_exit(answer(arguments[2], {given[0], given[3], given[4]}));
    return 2;
}
