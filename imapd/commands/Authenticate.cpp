#include "imapd/commands/Authenticate.h"

#include <algorithm>
#include <optional>

#include "imapd/session/Base64.h"
#include "imapd/session/Services.h"
#include "imapd/session/Session.h"
#include "imapd/session/SignIn.h"

namespace imapd {

namespace {

const char* const plaintextRefusal = "Passwords are not taken without TLS: use STARTTLS or the TLS port";

// Carries challenges and answers between the client and the attempt.
class AuthenticateExecution : public Execution {
public:
    AuthenticateExecution(SignIn signIn, bool isServerFirst, const std::optional<maildock::Secret>& initialResponse)
        : _signIn(std::move(signIn)) {
        if (initialResponse)
            takeAnswer(initialResponse->view() == "=" ? "" : initialResponse->view());  // RFC 4959 3
        else if (isServerFirst)
            _answer.emplace();
    }

    [[nodiscard]] bool wantsLines() const override { return _isAsked && !_refusal && !_answer; }

    void line(std::string_view text, bool isTooLong) override {
        if (text == "*" && _signIn.isRefused()) {
            // Who is refused and told so may cancel (RFC 7628 3.2.3), and pays for the failure all the same.
            _answer.emplace();
            _isCancelled = true;
        } else if (text == "*")
            _refusal = cancelled();
        else if (isTooLong)
            _refusal = Reply::bad("The answer is too long");
        else
            takeAnswer(text);
    }

    Progress step(Session& session) override {
        if (_refusal) return Progress::Done;
        if (_answer) {
            _signIn.give(session, std::move(*_answer));
            _answer.reset();
            _hasBegun = true;
            _isAsked = false;
        }
        if (_isAsked) return Progress::Waiting;
        if (_hasBegun) {
            const Progress progress = _signIn.step(session);
            if (!_signIn.challenge()) return progress;  // at work, held back, or settled
        }
        session.writer().continuation(_signIn.challenge() ? encodeBase64(*_signIn.challenge()) : "");
        _isAsked = true;
        return Progress::Again;  // the answer may be there already
    }

    Reply reply() override {
        if (_refusal) return *_refusal;
        return _isCancelled ? cancelled() : _signIn.reply();
    }

private:
    static Reply cancelled() { return Reply::bad("AUTHENTICATE was cancelled"); }  // RFC 3501 6.2.2

    void takeAnswer(std::string_view text) {
        if (auto octets = decodeBase64(text))
            _answer = std::move(*octets);
        else
            _refusal = Reply::bad("The answer is not valid base64");
    }

    SignIn _signIn;
    std::optional<maildock::Secret> _answer;  // of the client, to be given to the attempt
    bool _hasBegun = false;                   // the attempt was given something
    bool _isAsked = false;                    // the client's turn
    bool _isCancelled = false;                // after it was refused
    std::optional<Reply> _refusal;
};

class LoginExecution : public Execution {
public:
    explicit LoginExecution(SignIn signIn) : _signIn(std::move(signIn)) {}
    Progress step(Session& session) override { return _signIn.step(session); }
    Reply reply() override { return _signIn.reply(); }

private:
    SignIn _signIn;
};

}  // namespace

std::vector<std::string> offeredMechanisms(const Session& session) {
    return session.sharedServices()->desk()->offered(session.policy().mechanisms, SignIn::clientOf(session));
}

namespace {

// The password may have been read on its way, so whoever is behind it has to hear of it; bots try no other way.
std::unique_ptr<Execution> refuseWithoutTls(Session& session, const std::string& user) {
    session.log("log-in of " + user + " refused (passwords are taken under TLS alone)", LogLevel::Warning);
    return finished(Reply::no(plaintextRefusal, "PRIVACYREQUIRED"));
}

}  // namespace

std::unique_ptr<Execution> startAuthenticate(Session& session, Arguments&& arguments) {
    Authenticate& command = std::get<Authenticate>(arguments);
    const std::string& mechanism = command.mechanism;
    const std::vector<std::string> offered = offeredMechanisms(session);
    const auto has = [](const std::vector<std::string>& names, const std::string& name) {
        return std::find(names.begin(), names.end(), name) != names.end();
    };
    if (!has(offered, mechanism)) {
        maildock::signin::Client protectedClient = SignIn::clientOf(session);
        protectedClient.mayRevealSecrets = true;
        const std::vector<std::string> underTls =
            session.services().desk()->offered(session.policy().mechanisms, protectedClient);
        if (has(underTls, mechanism)) return refuseWithoutTls(session, "-");
        return finished(Reply::no("This mechanism is not offered", "CANNOT"));
    }
    auto attempt =
        std::make_unique<maildock::signin::Attempt>(session.services().desk(), SignIn::clientOf(session), mechanism,
                                                    mechanism.ends_with("-PLUS") || has(offered, mechanism + "-PLUS"));
    const bool isServerFirst = attempt->isServerFirst();
    return std::make_unique<AuthenticateExecution>(SignIn(std::move(attempt), mechanism), isServerFirst,
                                                   command.initialResponse);
}

std::unique_ptr<Execution> startLogin(Session& session, Arguments&& arguments) {
    Login& login = std::get<Login>(arguments);
    if (!session.mayLogInPlainly()) return refuseWithoutTls(session, login.user);
    SignIn signIn(maildock::signin::Attempt::byPassword(session.services().desk(), SignIn::clientOf(session),
                                                        std::move(login.user), std::move(login.password)),
                  "LOGIN command");
    signIn.give(session, maildock::Secret());
    return std::make_unique<LoginExecution>(std::move(signIn));
}

}  // namespace imapd
