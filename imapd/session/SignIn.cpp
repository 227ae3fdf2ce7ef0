#include "imapd/session/SignIn.h"

#include <algorithm>
#include <mutex>

#include "imapd/response/ErrorReply.h"
#include "imapd/session/MailLocation.h"
#include "imapd/session/Networks.h"
#include "imapd/session/Services.h"
#include "imapd/session/Session.h"
#include "imapd/session/UserMail.h"

namespace imapd {

using maildock::Outcome;
using maildock::signin::Attempt;
using maildock::signin::Guesses;

struct SignIn::Work {
    std::unique_ptr<Attempt> attempt;  // the pool's, as the next two, from give() until there is a result
    maildock::Secret given;
    Waker waker;

    std::mutex mutex;  // guards what follows
    std::optional<Attempt::Result> result;

    void advance() {
        Attempt::Result next = attempt->step(given.text());
        given = maildock::Secret();  // before the session goes on
        {
            const std::lock_guard lock(mutex);
            result = std::move(next);
        }
        waker.wake();
    }
};

namespace {

constexpr std::size_t maxDoublings = 5;  // of the delay of an answer

}  // namespace

Reply openMail(Session& session, const maildock::Account& known, const std::string& how, const std::string& actingBy) {
    const Policy& policy = session.policy();
    std::shared_ptr<const maildir::FileIdentity> identity;
    if (policy.actsAsAccount) {
        if (!known.uid || !known.gid) {
            throw maildir::Error(maildir::ErrorKind::NoPermission,
                                 "mail.accessAs is account, but no plugin tells the user's uid and gid");
        }
        identity = maildir::FileIdentity::of(*known.uid, *known.gid);
    }
    const maildir::FileIdentity::Scope scope(identity);
    maildir::TreeSettings settings;
    settings.root = mailRootOf(policy.mailLocation, known);
    settings.layout = policy.layout;
    settings.encoding = policy.encoding;
    settings.escapeCharacter = policy.escapeCharacter;
    settings.mayMakeRoot = policy.createsTrees;
    auto mail = std::make_unique<UserMail>(std::move(settings), session.sharedPolicy(), session.services().store(),
                                           session.features());
    if (const maildir::EncodingFinding& finding = mail->tree().encodingFinding(); finding.isMixed) {
        session.log("folder names of " + known.user + " are written in several encodings, such as " +
                        (finding.witnesses.empty() ? std::string("?") : finding.witnesses.front()) +
                        ": set mail.encoding to the right one",
                    LogLevel::Warning);
    }
    if (mail->prepare())
        session.log("there was no mail of " + known.user + ": made a new tree, " + mail->tree().settings().root,
                    LogLevel::Notice);
    if (!session.services().connections().admitUser(known.user, session.peer().client.host().toString(),
                                                    policy.connections)) {
        session.log("log-in of " + known.user + " refused: too many connections", LogLevel::Warning);
        // RFC 5530 has LIMIT; the text is for the person who reads it.
        return Reply::no("Too many connections of this user from this address (" +
                             std::to_string(policy.connections.perUserAndNetwork) +
                             " at most): close some, or ask the admin to raise imap.limit.perUserAndAddress",
                         "LIMIT");
    }
    session.setFileIdentity(identity);
    session.authenticated(std::move(mail), known.user);
    session.log("logged in (" + how + (session.tls().isActive ? ", " + session.tls().protocol : ", no TLS") + ")" +
                (actingBy.empty() ? std::string() : ", acted for by " + actingBy));
    return Reply::ok("Logged in", policy.announceCapability ? "CAPABILITY " + session.capabilityText() : std::string());
}

Reply replyToUnopened(const maildir::Error& error) {
    if (error.kind() == maildir::ErrorKind::Unavailable) return replyTo(error);
    return Reply::no("Your mail cannot be opened; the admin's log tells why", "CONTACTADMIN");
}

SignIn::SignIn(std::unique_ptr<Attempt> attempt, std::string shownMechanism)
    : _mechanism(std::move(shownMechanism)), _work(std::make_shared<Work>()) {
    _work->attempt = std::move(attempt);
}

maildock::signin::Client SignIn::clientOf(const Session& session) {
    const Policy& policy = session.policy();
    const TlsFacts& tls = session.tls();
    maildock::signin::Client client;
    client.facts.service = "imap";
    client.facts.hostName = tls.serverName;
    client.facts.clientAddress = session.peer().client.host().toString();
    client.facts.isTls = tls.isActive;
    client.facts.exporterBinding = tls.exporterBinding;
    client.facts.uniqueBinding = tls.uniqueBinding;
    if (tls.clientCertificate) {
        const bool takesEmail = policy.externalName != Policy::ExternalName::CommonName;
        if (takesEmail && !tls.clientCertificate->emails.empty())
            client.certificateUser = tls.clientCertificate->emails.front();
        else if (policy.externalName != Policy::ExternalName::Email)
            client.certificateUser = tls.clientCertificate->commonName;
    }
    client.mayRevealSecrets = session.mayLogInPlainly();
    client.isExempt = isWithin(client.facts.clientAddress, policy.exemptNetworks);
    return client;
}

void SignIn::give(Session& session, maildock::Secret octets) {
    _challenge.reset();
    _work->waker = session.waker();
    _work->given = std::move(octets);
    if (session.services().authenticationPool().submit([work = _work] { work->advance(); })) return;
    _work->given = maildock::Secret();
    Result refused;
    refused.verdict = {Outcome::TemporaryFailure, {}, "too many log-ins at once"};
    const std::lock_guard lock(_work->mutex);
    _work->result = std::move(refused);
}

Progress SignIn::step(Session& session) {
    if (_heldBackUntil) {
        if (std::chrono::steady_clock::now() >= *_heldBackUntil) return Progress::Done;
        session.wakeAt(*_heldBackUntil);
        return Progress::Waiting;
    }
    std::optional<Result> result;
    {
        const std::lock_guard lock(_work->mutex);
        result.swap(_work->result);
    }
    if (!result) return Progress::Waiting;
    switch (result->kind) {
        case Result::Kind::Challenge:
            _challenge = std::move(result->challenge);
            _isRefused = result->isRefused;
            return Progress::Done;
        case Result::Kind::Malformed:
            _reply = Reply::bad(result->text);
            return Progress::Done;
        case Result::Kind::Settled:
            break;
    }
    return settle(session, std::move(*result));
}

Progress SignIn::settle(Session& session, Result result) {
    maildock::Verdict& verdict = result.verdict;
    if (verdict.outcome == Outcome::Success && !verdict.account.allowedNetworks.empty() &&
        !isWithin(session.peer().client.host().toString(), verdict.account.allowedNetworks)) {
        verdict.outcome = Outcome::Disabled;
        verdict.reason += ": the password is right, but the address is in none of the user's allowed networks";
    }
    if (verdict.outcome != Outcome::Success) return fail(session, result);
    try {
        _reply = openMail(session, verdict.account, _mechanism, result.actingBy);
        if (_reply.status == Reply::Ok) session.tellNotice();
    } catch (const maildir::Error& error) {
        session.log("log-in of " + result.user + ": cannot open the mail: " + error.what(), LogLevel::Error);
        _reply = replyToUnopened(error);
    }
    return Progress::Done;
}

Progress SignIn::fail(Session& session, const Result& result) {
    const std::string user = result.user.empty() ? "-" : result.user;
    if (result.verdict.outcome == Outcome::TemporaryFailure) {
        session.log("log-in of " + user + ": temporary failure (" + result.verdict.reason + ")", LogLevel::Error);
        _reply = Reply::no("Authentication is not possible at the moment; try again later", "UNAVAILABLE");
        return Progress::Done;
    }
    // A guess failed; an account that may not sign in, or has no usable password, is refused whatever was guessed.
    // Filters that lock addresses out count the first alone.
    const bool isGuess = result.verdict.outcome != Outcome::Disabled;
    session.log("log-in of " + user + (isGuess ? " failed (" : " refused (") + result.verdict.reason + ")",
                LogLevel::Warning);
    // The same for an unknown user as for a wrong password.
    _reply = result.refusal == Guesses::Refusal::None
                 ? Reply::no("Wrong user name or password", "AUTHENTICATIONFAILED")
                 : Reply::no("Too many failed log-ins: try again in some minutes", "LIMIT");
    const std::size_t failures = ++session.failures();
    if (failures >= session.policy().maxFailures) {
        session.log("too many failed log-ins", LogLevel::Warning);
        session.logOut("Too many failed log-ins");
        return Progress::Done;
    }
    // A new connection does not begin anew: what the address has failed with before counts too.
    const auto ofConnection = std::min<std::size_t>(failures - 1, maxDoublings);
    const auto ofAddress = static_cast<std::size_t>(result.nearness * maxDoublings);
    const auto penalty = session.policy().penalty * (1 << std::max(ofConnection, ofAddress));
    if (penalty.count() == 0) return Progress::Done;
    _heldBackUntil = std::chrono::steady_clock::now() + penalty;
    session.wakeAt(*_heldBackUntil);
    return Progress::Waiting;
}

}  // namespace imapd
