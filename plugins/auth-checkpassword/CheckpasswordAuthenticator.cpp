#include "plugins/auth-checkpassword/CheckpasswordAuthenticator.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <stdexcept>
#include <system_error>

#include "plugins/auth-checkpassword/Reply.h"
#include "plugins/common/AccountFields.h"
#include "plugins/common/ChildProcess.h"

namespace maildock::checkpassword {

using common::ChildProcess;
using common::Deadline;

namespace {

constexpr char programKey[] = "auth.checkpassword.program";
constexpr char processesKey[] = "auth.checkpassword.processes";
constexpr char timeoutKey[] = "auth.checkpassword.timeout";
constexpr std::chrono::seconds patience{2};
constexpr std::size_t maxInputOctets = 512;  // of the interface

// Beside the library that this is in.
std::string replyPath() {
    Dl_info info{};
    static const char here = 0;
    if (::dladdr(&here, &info) == 0 || info.dli_fname == nullptr) return "auth-checkpassword-reply";
    const std::string library = info.dli_fname;
    const std::size_t slash = library.rfind('/');
    return (slash == std::string::npos ? "./" : library.substr(0, slash + 1)) + "auth-checkpassword-reply";
}

bool isProgram(const std::string& path) {
    struct stat status {};
    return ::stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode) && ::access(path.c_str(), X_OK) == 0;
}

// What comes from `descriptor` until the program has ended; what it left running may keep the other side open. Throws
// if it does not end in time.
std::string readUntilEnd(const ChildProcess& child, int descriptor, Deadline deadline) {
    std::string text;
    for (;;) {
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Deadline::clock::now());
        pollfd both[] = {{descriptor, POLLIN, 0}, {child.endDescriptor(), POLLIN, 0}};
        const int ready = ::poll(both, 2, static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 3'600'000)));
        if (ready < 0 && errno != EINTR) throw std::system_error(errno, std::generic_category(), "poll");
        if (ready == 0 && left.count() <= 0) throw std::runtime_error("the program did not end in time; it was ended");
        if (ready <= 0) continue;
        char buffer[4096];
        const ssize_t got = both[0].revents == 0 ? -1 : ::read(descriptor, buffer, sizeof buffer);
        if (got > 0) {
            text.append(buffer, static_cast<std::size_t>(got));
            if (text.size() > maxReplyOctets) throw std::runtime_error("the program tells too much");
        } else if (both[1].revents != 0) {
            return text;
        } else if (got == 0) {
            descriptor = -1;  // poll() takes no notice of it
        }
    }
}

}  // namespace

// How the program ended, and what it told.
struct CheckpasswordAuthenticator::Ended {
    int status = 0;  // of waitpid(2)
    std::string reply;
};

std::vector<KeySpec> CheckpasswordAuthenticator::keys() const {
    return {
        {programKey, KeyKind::Path, "", "The checkpassword program.", {}, {}, {}},
        {processesKey, KeyKind::Number, "3", "How many run at once.", {}, 1, 64},
        {timeoutKey, KeyKind::Seconds, "30", "How long it may take for one log-in.", {}, 1, 300},
    };
}

void CheckpasswordAuthenticator::configure(const Settings& settings) {
    _program = settings.path(programKey);
    _reply = replyPath();
    _timeout = std::chrono::seconds(settings.seconds(timeoutKey));
    if (_program.empty()) throw std::runtime_error(std::string(programKey) + " is not set");
    _slots = std::make_unique<common::Slots>(static_cast<std::size_t>(settings.number(processesKey)), patience);
}

std::vector<Finding> CheckpasswordAuthenticator::check(const Settings& settings) const {
    std::vector<Finding> findings;
    const std::string program = settings.path(programKey);
    if (program.empty()) {
        findings.push_back({Finding::Error, programKey, "is not set, and the plugin auth-checkpassword needs it"});
    } else if (!isProgram(program)) {
        findings.push_back({Finding::Error, programKey, program + " is no program that this user can run"});
    }
    if (!isProgram(replyPath())) {
        findings.push_back({Finding::Error, programKey, "the plugin's own program " + replyPath() + " can't be run"});
    }
    return findings;
}

CheckpasswordAuthenticator::Ended CheckpasswordAuthenticator::run(Question question, Secret input,
                                                                  Deadline deadline) const {
    auto [read, write] = common::makePipe();
    auto [reply, toReply] = common::makePipe();
    // A pipe takes this much at once.
    const ssize_t put = ::write(write.number(), input.view().data(), input.size());
    if (put != static_cast<ssize_t>(input.size()) || ::fcntl(reply.number(), F_SETFL, O_NONBLOCK) != 0) {
        throw std::system_error(errno, std::generic_category(), "pipe");
    }
    ChildProcess::Start start;
    start.program = _program;
    start.arguments = {_reply};
    start.environment = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "SERVICE=imap"};
    if (question == Question::User) start.environment.emplace_back("AUTHORIZED=1");
    static_assert(inputDescriptor == 3 && replyDescriptor == 4);
    start.descriptors = {read.number(), toReply.number()};
    ChildProcess child(start);
    read.reset();
    write.reset();
    toReply.reset();
    Ended ended;
    ended.reply = readUntilEnd(child, reply.number(), deadline);
    ended.status = child.wait(Deadline::clock::now() + std::chrono::seconds(1)).value_or(0x7F00);
    return ended;
}

Verdict CheckpasswordAuthenticator::verdictOf(Question question, const std::string& user, const Ended& ended) {
    const auto failure = [](const std::string& text) { return Verdict{Outcome::TemporaryFailure, {}, text}; };
    if (!WIFEXITED(ended.status)) return failure("the program ended by " + common::nameOfStatus(ended.status));
    switch (WEXITSTATUS(ended.status)) {
        case 0:
            break;
        case 1:
            if (question == Question::User) return {Outcome::UnknownUser, {}, "the program does not know the user"};
            return {Outcome::WrongPassword, {}, "the program says no"};
        case 3:  // Dovecot's addition
            return {Outcome::UnknownUser, {}, "the program does not know the user"};
        case 2:
            return failure("the program says that it is misused");
        case 111:
            return failure("the program has a temporary problem");
        default:
            return failure("the program ended with " + common::nameOfStatus(ended.status));
    }
    const auto environment = decode(ended.reply);
    if (!environment) return failure("the program ended well without running the one that it was given");
    common::AccountFields fields;
    fields.account.user = user;
    std::string authorized;
    for (const auto& [name, value] : *environment) {
        if (name == "USER") {
            if (!value.empty()) fields.account.user = value;
        } else if (name == "HOME") {
            fields.account.home = value;
        } else if (name == "AUTHORIZED") {
            authorized = value;
        } else if (name != "nologin" || common::meansYes(value)) {
            fields.set(name, value);
        }
    }
    // Dovecot's addition: a program that knows nothing of questions without a password must not be taken to say yes.
    if (question == Question::User && authorized != "2") return failure("the program does not look users up");
    std::string fault = fields.finish();
    if (!common::isUsableName(fields.account.user)) fault = "USER is a name that can't be used";
    if (!fault.empty()) return failure(fault);
    if (fields.isDisabled) return {Outcome::Disabled, {}, "nologin is set"};
    return {Outcome::Success, fields.account, {}};
}

Verdict CheckpasswordAuthenticator::ask(Question question, const std::string& user, const std::string& password) {
    if (!common::isUsableName(user)) return {Outcome::UnknownUser, {}, "no name that a user can have"};
    Secret input;
    const std::string now = std::to_string(std::time(nullptr));
    for (const std::string_view part : {std::string_view(user), std::string_view(password), std::string_view(now)}) {
        input += part;
        input += '\0';
    }
    if (input.size() > maxInputOctets) {
        return {Outcome::WrongPassword, {}, "name and password are too long for a checkpassword program"};
    }
    const Deadline deadline = Deadline::clock::now() + _timeout;
    const common::Slots::Lease slot(*_slots, deadline);
    if (!slot.isHeld()) return {Outcome::TemporaryFailure, {}, "all programs that may run at once hang"};
    try {
        return verdictOf(question, user, run(question, std::move(input), deadline));
    } catch (const std::exception& e) {
        return {Outcome::TemporaryFailure, {}, e.what()};
    }
}

Verdict CheckpasswordAuthenticator::verify(const std::string& user, const std::string& password) {
    if (password.empty() || password.find('\0') != std::string::npos) {
        return {Outcome::WrongPassword, {}, "no password that a user can have"};
    }
    return ask(Question::Password, user, password);
}

Verdict CheckpasswordAuthenticator::lookup(const std::string& user) {
    return ask(Question::User, user, "");
}

std::optional<ScramKeys> CheckpasswordAuthenticator::scramKeys(const std::string&, const std::string&) {
    return std::nullopt;
}

}  // namespace maildock::checkpassword
