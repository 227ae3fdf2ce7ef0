#include "plugins/auth-pam/Answer.h"

#include <pwd.h>
#include <security/pam_appl.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string>

#include "modules/api/Authenticator.h"
#include "plugins/auth-pam/Protocol.h"

namespace maildock::pam {

namespace {

constexpr std::size_t maxMessages = 20;
constexpr std::size_t maxMessageLength = 500;

// What the modules ask for and what they say.
struct Conversation {
    std::string user;
    Secret password;
    std::string messages;  // lines
    std::size_t count = 0;

    void note(const char* text) {
        if (text == nullptr || ++count > maxMessages) return;
        std::string line = std::string(text).substr(0, maxMessageLength);
        for (char& c : line) {
            if (c == '\n' || c == '\r') c = ' ';
        }
        // No module should repeat it; if one does, nobody is to read it in a log.
        for (std::size_t at = line.find(password.view()); !password.empty() && at != std::string::npos;
             at = line.find(password.view())) {
            line.replace(at, password.size(), password.view().find('*') == std::string::npos ? "***" : "");
        }
        messages += (messages.empty() ? "" : "\n") + line;
    }
};

// Linux-PAM frees what this allocates.
int converse(int count, const pam_message** asked, pam_response** answers, void* data) {
    auto& conversation = *static_cast<Conversation*>(data);
    if (count <= 0 || count > PAM_MAX_NUM_MSG) return PAM_CONV_ERR;
    auto* made = static_cast<pam_response*>(std::calloc(static_cast<std::size_t>(count), sizeof(pam_response)));
    if (made == nullptr) return PAM_BUF_ERR;
    for (int i = 0; i < count; ++i) {
        switch (asked[i]->msg_style) {
            case PAM_PROMPT_ECHO_OFF:
                made[i].resp = ::strdup(conversation.password.text().c_str());
                break;
            case PAM_PROMPT_ECHO_ON:
                made[i].resp = ::strdup(conversation.user.c_str());
                break;
            default:
                conversation.note(asked[i]->msg);
        }
    }
    *answers = made;
    return PAM_SUCCESS;
}

// Called where the library would sleep after a failure: the server holds its answer back itself (auth.penalty).
void dontDelay(int, unsigned, void*) {}

// What a code of pam_authenticate(3) or pam_acct_mgmt(3) comes to.
Outcome outcomeOf(int code) {
    switch (code) {
        case PAM_SUCCESS:
            return Outcome::Success;
        case PAM_USER_UNKNOWN:
            return Outcome::UnknownUser;
        case PAM_AUTH_ERR:
        case PAM_MAXTRIES:
        case PAM_AUTHTOK_ERR:
            return Outcome::WrongPassword;
        case PAM_PERM_DENIED:
        case PAM_ACCT_EXPIRED:
        case PAM_NEW_AUTHTOK_REQD:
        case PAM_AUTHTOK_EXPIRED:
        case PAM_CRED_EXPIRED:
            return Outcome::Disabled;
        default:
            return Outcome::TemporaryFailure;
    }
}

std::string reasonOf(pam_handle_t* handle, const char* step, int code) {
    if (code == PAM_SUCCESS) return "";
    const char* text = ::pam_strerror(handle, code);
    return std::string(step) + ": " + (text == nullptr ? "error " + std::to_string(code) : text);
}

void describe(std::vector<std::string>& answer) {
    const passwd* entry = ::getpwnam(answer[answerUser].c_str());
    if (entry == nullptr) return;
    answer[answerUser] = entry->pw_name;
    answer[uid] = std::to_string(entry->pw_uid);
    answer[gid] = std::to_string(entry->pw_gid);
    answer[home] = entry->pw_dir;
}

void setOutcome(std::vector<std::string>& answer, Outcome which) {
    answer[outcome] = std::to_string(static_cast<int>(which));
}

void verify(const Request& request, const std::string& service, const std::string& folder,
            std::vector<std::string>& answer) {
    Conversation conversation;
    conversation.user = request.user;
    conversation.password = Secret(request.password.view());
    const pam_conv callback{converse, &conversation};
    pam_handle_t* handle = nullptr;
    int code = ::pam_start_confdir(service.c_str(), conversation.user.c_str(), &callback,
                                   folder.empty() ? nullptr : folder.c_str(), &handle);
    const char* step = "pam_start";
    if (code == PAM_SUCCESS) {
        ::pam_set_item(handle, PAM_TTY, "maildock");
        // For modules that go by the client's address (pam_access, pam_faillock), and for the system's log.
        if (!request.clientAddress.empty()) ::pam_set_item(handle, PAM_RHOST, request.clientAddress.c_str());
        ::pam_set_item(handle, PAM_FAIL_DELAY, reinterpret_cast<const void*>(dontDelay));
        step = "pam_authenticate";
        code = ::pam_authenticate(handle, PAM_DISALLOW_NULL_AUTHTOK);
        if (code == PAM_SUCCESS) {
            step = "pam_acct_mgmt";
            code = ::pam_acct_mgmt(handle, PAM_DISALLOW_NULL_AUTHTOK);
        }
    }
    setOutcome(answer, outcomeOf(code));
    answer[reason] = reasonOf(handle, step, code);
    const void* name = nullptr;
    if (handle != nullptr && ::pam_get_item(handle, PAM_USER, &name) == PAM_SUCCESS && name != nullptr) {
        answer[answerUser] = static_cast<const char*>(name);
    }
    if (handle != nullptr) ::pam_end(handle, code);
    answer[messages] = conversation.messages;
    if (code == PAM_SUCCESS) describe(answer);
}

Secret readRequest(int descriptor) {
    Secret message;
    for (;;) {
        const auto length = lengthOf(message);
        if (length && (*length == 0 || message.size() >= *length)) return message;
        char buffer[4096];
        const WipedAtEnd wiped(buffer, sizeof buffer);
        const ssize_t got = ::read(descriptor, buffer, sizeof buffer);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return message;
        message += {buffer, static_cast<std::size_t>(got)};
    }
}

void send(int descriptor, const std::string& message) {
    for (std::size_t sent = 0; sent < message.size();) {
        const ssize_t put = ::send(descriptor, message.data() + sent, message.size() - sent, MSG_NOSIGNAL);
        if (put < 0 && errno == EINTR) continue;
        if (put <= 0) return;
        sent += static_cast<std::size_t>(put);
    }
}

}  // namespace

int answerOne(int descriptor, const std::string& service, const std::string& folder) {
    const std::optional<Request> request = requestFrom(readRequest(descriptor));
    if (!request) return 2;
    std::vector<std::string> answer(answerFields);
    answer[answerUser] = request->user;
    if (request->isLookup) {
        describe(answer);
        setOutcome(answer, answer[uid].empty() ? Outcome::UnknownUser : Outcome::Success);
    } else {
        verify(*request, service, folder, answer);
    }
    send(descriptor, encode(answer));
    return 0;
}

}  // namespace maildock::pam
