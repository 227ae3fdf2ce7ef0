// The plugin auth-master: admins who may sign in as other users, in a passwd-file of their own.
//
// An admin proves who he is by his own password and names the user as the authorization identity (RFC 4422 2). He is no
// user of the mail: on his own he is let in nowhere, unless another plugin knows him too.
#pragma once

#include <string>
#include <vector>

#include "modules/api/Authenticator.h"
#include "plugins/auth-passwdfile/PasswdFileAuthenticator.h"

namespace maildock::master {

class MasterAuthenticator : public Authenticator {
public:
    [[nodiscard]] std::vector<KeySpec> keys() const override;
    void configure(const Settings& settings) override;
    [[nodiscard]] std::vector<Finding> check(const Settings& settings) const override;

    [[nodiscard]] Verdict verify(const std::string& user, const std::string& password) override;
    [[nodiscard]] Verdict lookup(const std::string& user) override;
    [[nodiscard]] std::optional<ScramKeys> scramKeys(const std::string& user, const std::string& hash) override;
    [[nodiscard]] ScramKeyHolders scramKeyHolders(const std::string& hash) override;
    [[nodiscard]] std::optional<std::string> stamp() override { return _file.stamp(); }
    [[nodiscard]] bool mayActFor(const std::string& user, const std::string& other) override;
    [[nodiscard]] bool providesUsers() const override { return false; }

private:
    passwdfile::PasswdFileAuthenticator _file;
    std::vector<std::string> _users, _except;  // patterns with '*' and '?'
};

}  // namespace maildock::master
