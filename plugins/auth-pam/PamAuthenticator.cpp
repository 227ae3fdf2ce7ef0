#include "plugins/auth-pam/PamAuthenticator.h"

#include <Poco/Logger.h>
#include <dlfcn.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <stdexcept>
#include <system_error>

#include "plugins/auth-pam/Protocol.h"
#include "plugins/common/AccountFields.h"
#include "plugins/common/ChildProcess.h"

namespace maildock::pam {

using common::Deadline;
using common::Descriptor;

namespace {

constexpr char serviceKey[] = "auth.pam.service";
constexpr char folderKey[] = "auth.pam.folder";
constexpr char processesKey[] = "auth.pam.processes";
constexpr char timeoutKey[] = "auth.pam.timeout";
constexpr std::chrono::seconds patience{2};

// Beside the library that this is in.
std::string helperPath() {
    Dl_info info{};
    static const char here = 0;
    if (::dladdr(&here, &info) == 0 || info.dli_fname == nullptr) return "auth-pam-helper";
    const std::string library = info.dli_fname;
    const std::size_t slash = library.rfind('/');
    return (slash == std::string::npos ? "./" : library.substr(0, slash + 1)) + "auth-pam-helper";
}

bool isServiceName(const std::string& name) {
    return !name.empty() && name.size() <= 64 && name.front() != '.' &&
           std::all_of(name.begin(), name.end(), [](char c) {
               return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '_' || c == '.';
           });
}

void send(int descriptor, const std::string& message) {
    for (std::size_t sent = 0; sent < message.size();) {
        const ssize_t put = ::send(descriptor, message.data() + sent, message.size() - sent, MSG_NOSIGNAL);
        if (put < 0 && errno == EINTR) continue;
        if (put <= 0) throw std::system_error(errno, std::generic_category(), "the helper takes no request");
        sent += static_cast<std::size_t>(put);
    }
}

std::string receive(int descriptor, Deadline deadline) {
    std::string message;
    for (;;) {
        const auto length = lengthOf(message);
        if (length && *length == 0) throw std::runtime_error("the helper answers nonsense");
        if (length && message.size() >= *length) return message;
        if (!common::waitReadable(descriptor, deadline)) throw std::runtime_error("no answer in time");
        char buffer[4096];
        const ssize_t got = ::recv(descriptor, buffer, sizeof buffer, 0);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return message;
        message.append(buffer, static_cast<std::size_t>(got));
    }
}

std::optional<std::uint32_t> toId(const std::string& text) {
    std::uint32_t number = 0;
    const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (text.empty() || error != std::errc() || stop != text.data() + text.size()) return std::nullopt;
    return number;
}

}  // namespace

std::vector<KeySpec> PamAuthenticator::keys() const {
    return {
        {serviceKey, KeyKind::Text, "maildock", "The PAM service.", {}, {}, {}},
        {folderKey, KeyKind::Path, "", "The folder of PAM services; empty: the system's.", {}, {}, {}},
        {processesKey, KeyKind::Number, "3", "How many log-ins ask PAM at once.", {}, 1, 64},
        {timeoutKey, KeyKind::Seconds, "30", "How long PAM may take for one log-in.", {}, 1, 300},
    };
}

void PamAuthenticator::configure(const Settings& settings) {
    const std::string service = settings.text(serviceKey);
    _timeout = std::chrono::seconds(settings.seconds(timeoutKey));
    if (!isServiceName(service)) throw std::runtime_error(std::string(serviceKey) + " is no name of a PAM service");
    _helper = HelperProcess::of(helperPath(), service, settings.path(folderKey));
    _slots = std::make_unique<common::Slots>(static_cast<std::size_t>(settings.number(processesKey)), patience);
}

std::vector<Finding> PamAuthenticator::check(const Settings& settings) const {
    std::vector<Finding> findings;
    const std::string service = settings.text(serviceKey);
    const std::string folder = settings.path(folderKey);
    if (!isServiceName(service)) {
        findings.push_back({Finding::Error, serviceKey, "`" + service + "` is no name of a PAM service"});
    } else {
        const auto isThere = [&service](const std::string& in) {
            return ::access((in + "/" + service).c_str(), R_OK) == 0;
        };
        if (!folder.empty() && !isThere(folder)) {
            findings.push_back({Finding::Error, folderKey, "there is no file " + service + " in " + folder});
        } else if (folder.empty() && !isThere("/etc/pam.d") && !isThere("/usr/lib/pam.d")) {
            findings.push_back(
                {Finding::Warning, serviceKey,
                 "there is no file /etc/pam.d/" + service + ", so PAM takes the rules of /etc/pam.d/other"});
        }
    }
    if (::access(helperPath().c_str(), X_OK) != 0) {
        findings.push_back({Finding::Error, serviceKey, "the plugin's helper " + helperPath() + " can't be run"});
    }
    return findings;
}

std::vector<std::string> PamAuthenticator::answerTo(const std::string& request, Deadline deadline) const {
    // Rounded up: who is still asked then is ended by the helper.
    const auto left = std::chrono::ceil<std::chrono::seconds>(deadline - Deadline::clock::now());
    const Descriptor socket = _helper->open(left);
    send(socket.number(), request);
    if (auto answer = decode(receive(socket.number(), deadline), answerFields)) return *answer;
    throw std::runtime_error("the helper does not answer");
}

Verdict PamAuthenticator::ask(const Request& asked) {
    const Deadline deadline = Deadline::clock::now() + _timeout;
    const common::Slots::Lease slot(*_slots, deadline);
    if (!slot.isHeld()) return {Outcome::TemporaryFailure, {}, "all that may be asked at once wait for PAM"};
    const Secret request = messageOf(asked);
    std::vector<std::string> answer;
    try {
        answer = answerTo(request.text(), deadline);
    } catch (const std::exception& e) {
        return {Outcome::TemporaryFailure, {}, e.what()};
    }
    Poco::Logger& logger = Poco::Logger::get("auth-pam");
    for (const std::string& line : common::split(answer[messages], '\n', 100)) {
        if (!line.empty()) logger.information("of " + asked.user + ", PAM says: " + line);
    }
    Verdict verdict;
    const std::string& digit = answer[outcome];
    const bool isOutcome = digit.size() == 1 && digit[0] >= '0' && digit[0] <= '4';
    verdict.outcome = isOutcome ? static_cast<Outcome>(digit[0] - '0') : Outcome::TemporaryFailure;
    verdict.reason = isOutcome ? answer[reason] : "the helper answers nonsense";
    if (verdict.outcome != Outcome::Success) return verdict;
    if (!common::isUsableName(answer[answerUser])) {
        return {Outcome::TemporaryFailure, {}, "PAM gives the user a name that can't be used"};
    }
    verdict.account.user = answer[answerUser];
    verdict.account.uid = toId(answer[uid]);
    verdict.account.gid = toId(answer[gid]);
    verdict.account.home = answer[home];
    return verdict;
}

Verdict PamAuthenticator::verify(const std::string& user, const std::string& password) {
    return verifyFrom(user, password, "");
}

Verdict PamAuthenticator::verifyFrom(const std::string& user, const std::string& password,
                                     const std::string& clientAddress) {
    if (!common::isUsableName(user)) return {Outcome::UnknownUser, {}, "no name that a user can have"};
    // Modules take the password up to the first NUL, and some take an empty one for right.
    if (password.empty() || password.size() > maxFieldOctets || password.find('\0') != std::string::npos) {
        return {Outcome::WrongPassword, {}, "no password that a user can have"};
    }
    return ask({false, user, Secret(password), clientAddress});
}

Verdict PamAuthenticator::lookup(const std::string& user) {
    if (!common::isUsableName(user)) return {Outcome::UnknownUser, {}, "no name that a user can have"};
    return ask({true, user, Secret(), ""});
}

std::optional<ScramKeys> PamAuthenticator::scramKeys(const std::string&, const std::string&) {
    return std::nullopt;
}

}  // namespace maildock::pam
