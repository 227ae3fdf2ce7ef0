// The plugin auth-sql: users and passwords of a database, by queries of the admin's. A database that can't be asked is
// a temporary failure, never a wrong password.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "modules/api/Authenticator.h"
#include "plugins/auth-sql/Connections.h"
#include "plugins/common/AccountFields.h"
#include "plugins/common/DecoyHash.h"
#include "plugins/common/PasswordHash.h"

namespace maildock::sql {

class SqlAuthenticator : public Authenticator {
public:
    [[nodiscard]] std::vector<KeySpec> keys() const override;
    void configure(const Settings& settings) override;
    [[nodiscard]] std::vector<Finding> check(const Settings& settings) const override;

    [[nodiscard]] Verdict verify(const std::string& user, const std::string& password) override;
    [[nodiscard]] Verdict lookup(const std::string& user) override;
    [[nodiscard]] std::optional<ScramKeys> scramKeys(const std::string& user, const std::string& hash) override;

private:
    // What the database tells of a user.
    struct User {
        Outcome outcome = Outcome::UnknownUser;  // Success: there is one
        std::string reason;
        common::AccountFields fields;
        std::shared_ptr<const common::PasswordHash> password;  // null: none, for the reason `noPassword`
        std::string noPassword;
    };

    [[nodiscard]] User find(const std::string& typedName);
    // Asks userQuery as well. False: that failed, and user.outcome and reason say how.
    [[nodiscard]] bool complete(User& user);
    [[nodiscard]] Verdict verdictOf(User& user);
    [[nodiscard]] User rowOf(const std::shared_ptr<const Query>& query, const std::string& name, Row& row);

    // Set by configure() and constant from then on.
    std::unique_ptr<Connections> _connections;
    std::shared_ptr<const Query> _passwordQuery, _userQuery;  // null: not set
    std::string _defaultScheme;
    bool _isLowerCased = true;

    common::DecoyHash _decoy;
};

}  // namespace maildock::sql
