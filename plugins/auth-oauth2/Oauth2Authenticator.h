// The plugin auth-oauth2: who holds a token of the token server is its user. A token is checked here, as a JSON Web
// Token against the server's keys, or by asking the server. It says who somebody is and nothing else: that there is
// such a user, and where the mail is, another plugin has to know.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "modules/api/Authenticator.h"
#include "plugins/auth-oauth2/AcceptedTokens.h"
#include "plugins/auth-oauth2/Claims.h"
#include "plugins/auth-oauth2/Introspection.h"
#include "plugins/auth-oauth2/KeySource.h"
#include "plugins/auth-oauth2/OauthExchange.h"
#include "plugins/auth-oauth2/Turns.h"
#include "plugins/common/BoundedCalls.h"

namespace maildock::oauth2 {

class Oauth2Authenticator : public Authenticator {
public:
    [[nodiscard]] std::vector<KeySpec> keys() const override;
    void configure(const Settings& settings) override;
    [[nodiscard]] std::vector<Finding> check(const Settings& settings) const override;

    // It has no passwords and no list of users.
    [[nodiscard]] Verdict verify(const std::string& user, const std::string& password) override;
    [[nodiscard]] Verdict lookup(const std::string& user) override;
    [[nodiscard]] std::optional<ScramKeys> scramKeys(const std::string& user, const std::string& hash) override;
    [[nodiscard]] bool verifiesPasswords() const override { return false; }
    [[nodiscard]] ScramKeyHolders scramKeyHolders(const std::string&) override { return ScramKeyHolders::Nobody; }
    [[nodiscard]] std::optional<std::string> stamp() override { return ""; }  // verify() never answers otherwise
    [[nodiscard]] bool wantsKnownUsers() const override { return _wantsKnownUsers; }

    [[nodiscard]] std::vector<Mechanism> mechanisms() const override;
    [[nodiscard]] std::unique_ptr<Exchange> begin(const std::string& mechanism, const ExchangeFacts& facts) override;

    // What a token comes to.
    [[nodiscard]] TokenVerdict judgeToken(const std::string& token);

private:
    [[nodiscard]] TokenVerdict judgeHere(const std::string& token);
    [[nodiscard]] TokenVerdict judgeThere(const std::string& token);
    // What the server says of a token; nothing if it does not say, with the reason in `fault`.
    [[nodiscard]] std::optional<Judgement> askServer(const std::string& token, std::string& fault);
    // Whether the token is signed as it says; a failure's verdict if not.
    [[nodiscard]] std::optional<Verdict> faultOfSignature(const std::string& algorithm, const std::string& keyId,
                                                          std::string_view text, std::string_view signature);
    [[nodiscard]] TokenVerdict verdictOf(const Judgement& judgement) const;

    // Set by configure() and constant from then on.
    Rules _rules;
    Advice _advice;
    std::vector<std::string> _algorithms;
    std::string _secret;
    bool _wantsKnownUsers = true;
    OauthExchange::Judge _judge;
    OauthExchange::NameOf _nameOf;
    std::chrono::seconds _timeout{0};
    std::unique_ptr<KeySource> _keys;                     // null: only the secret is there, or none at all
    std::shared_ptr<const Introspection> _introspection;  // null: tokens are checked here
    std::unique_ptr<AcceptedTokens> _accepted;            // with _introspection, as is
    std::unique_ptr<common::BoundedCalls> _calls;

    Turns _turns;  // of introspection
};

}  // namespace maildock::oauth2
