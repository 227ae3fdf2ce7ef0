// The plugin auth-gssapi: users who prove who they are by a Kerberos ticket (mechanism GSSAPI) or by NTLM. It looks no
// password up itself, and knows nothing of an account but the name: the rest comes from the other plugins of the chain.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "modules/api/Authenticator.h"
#include "plugins/auth-gssapi/GssapiExchange.h"
#include "plugins/auth-gssapi/NtlmExchange.h"

namespace maildock::gssapi {

class GssapiAuthenticator : public Authenticator {
public:
    [[nodiscard]] std::vector<KeySpec> keys() const override;
    void configure(const Settings& settings) override;
    [[nodiscard]] std::vector<Finding> check(const Settings& settings) const override;

    [[nodiscard]] Verdict verify(const std::string& user, const std::string& password) override;
    [[nodiscard]] Verdict lookup(const std::string& user) override;
    [[nodiscard]] std::optional<ScramKeys> scramKeys(const std::string& user, const std::string& hash) override;
    [[nodiscard]] bool verifiesPasswords() const override { return false; }
    [[nodiscard]] ScramKeyHolders scramKeyHolders(const std::string&) override { return ScramKeyHolders::Nobody; }
    // It has no password whose successes could be remembered.
    [[nodiscard]] std::optional<std::string> stamp() override { return std::string(); }
    [[nodiscard]] bool mayActFor(const std::string& user, const std::string& other) override;
    [[nodiscard]] std::vector<Mechanism> mechanisms() const override;
    [[nodiscard]] std::unique_ptr<Exchange> begin(const std::string& mechanism, const ExchangeFacts& facts) override;

private:
    // What the settings come to; a mechanism that is not served has no rules.
    struct Plan {
        std::optional<KerberosRules> kerberos;
        std::optional<NtlmRules> ntlm;
        std::vector<Finding> findings;
    };
    [[nodiscard]] static Plan planOf(const Settings& settings);
    static void planKerberos(const Settings& settings, bool isDemanded, Plan& plan);
    static void planNtlm(const Settings& settings, bool isDemanded, Plan& plan);

    // Set by configure() and constant from then on.
    Plan _plan;
    std::vector<std::string> _admins, _adminsFor;
};

}  // namespace maildock::gssapi
