// The plugin auth-ldap: users of a directory. A user is searched for; the password is proved by a bind as the entry
// that was found, by a compare, or held against the hash that the entry has. A directory that can't be asked is a
// temporary failure.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "modules/api/Authenticator.h"
#include "plugins/auth-ldap/Searcher.h"
#include "plugins/common/DecoyHash.h"
#include "plugins/common/PasswordHash.h"

namespace maildock::ldap {

// Which field of an account has its value from which attribute.
using Mapping = std::vector<std::pair<std::string, std::string>>;

class LdapAuthenticator : public Authenticator {
public:
    [[nodiscard]] std::vector<KeySpec> keys() const override;
    void configure(const Settings& settings) override;
    [[nodiscard]] std::vector<Finding> check(const Settings& settings) const override;

    [[nodiscard]] Verdict verify(const std::string& user, const std::string& password) override;
    [[nodiscard]] Verdict lookup(const std::string& user) override;
    [[nodiscard]] std::optional<ScramKeys> scramKeys(const std::string& user, const std::string& hash) override;
    [[nodiscard]] ScramKeyHolders scramKeyHolders(const std::string& /*hash*/) override {
        return _passwords == Passwords::Hash ? ScramKeyHolders::Some : ScramKeyHolders::Nobody;
    }

private:
    // The name as it is asked for; nothing for what can't be a user's.
    [[nodiscard]] std::optional<std::string> nameOf(const std::string& typedName) const;
    [[nodiscard]] Verdict verdictOf(const Entry& entry, const std::string& name) const;
    [[nodiscard]] Verdict byHash(const Found& found, const std::string& name, const std::string& password);

    // Set by configure() and constant from then on.
    Mapping _mapping;
    std::string _passwordAttribute, _defaultScheme;
    Passwords _passwords = Passwords::Bind;
    bool _isLowerCased = true;
    std::unique_ptr<Searcher> _searcher;

    common::DecoyHash _decoy;
};

}  // namespace maildock::ldap
