// One attempt to sign in: lets the authentication plugins answer on their own pool, while the session stays parked;
// then opens the user's mail, or holds the answer back for a while. LOGIN and AUTHENTICATE both end in it. Owned by an
// execution; what the pool works on is shared, so that a session may end meanwhile.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "base/Secret.h"
#include "imapd/session/Execution.h"
#include "maildir/Error.h"
#include "modules/signin/Attempt.h"

namespace imapd {

class Session;

// Opens the mail of a user who is known by now: the session is theirs if the reply is OK, which has CAPABILITY as its
// code where that is told. how, and who acts for the user (empty: nobody else): for the log. Throws maildir::Error.
Reply openMail(Session& session, const maildock::Account& account, const std::string& how,
               const std::string& actingBy = {});
// What a client is told where that threw.
[[nodiscard]] Reply replyToUnopened(const maildir::Error& error);

class SignIn {
public:
    // shownMechanism: for the log.
    SignIn(std::unique_ptr<maildock::signin::Attempt> attempt, std::string shownMechanism);

    // The connection, as far as signing in goes by it.
    static maildock::signin::Client clientOf(const Session& session);

    // What the client sent; the pool is at work on it from now on. Once at first, then after each challenge().
    void give(Session& session, maildock::Secret octets);
    // Done: reply() is final, unless there is a challenge().
    Progress step(Session& session);
    // The challenge that the last step() came to; the client's answer goes to give().
    [[nodiscard]] const std::optional<std::string>& challenge() const { return _challenge; }
    // Whether the log-in is refused, whatever the client answers to the challenge.
    [[nodiscard]] bool isRefused() const { return _isRefused; }
    [[nodiscard]] const Reply& reply() const { return _reply; }

private:
    using Result = maildock::signin::Attempt::Result;
    struct Work;  // what the pool and the session share
    Progress settle(Session& session, Result result);
    Progress fail(Session& session, const Result& result);

    std::string _mechanism;
    std::shared_ptr<Work> _work;
    std::optional<std::string> _challenge;
    bool _isRefused = false;
    std::optional<std::chrono::steady_clock::time_point> _heldBackUntil;
    Reply _reply;
};

}  // namespace imapd
