// The users of one passwd-file as Dovecot reads it: lines "user:password:uid:gid:gecos:home:shell:extra".
//
// Empty lines, comments ("#") and lines without a user are skipped. Fields at the end may be missing. `extra` is
// "key=value" separated by blanks: nologin, allow_nets, userdb_mail and so on, and may hold ':'. Of a user who is
// there twice the first line counts, as in Dovecot.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "modules/api/Authenticator.h"
#include "plugins/common/PasswordHash.h"

namespace maildock::passwdfile {

using common::HashError;
using common::PasswordHash;

struct User {
    Account account;
    std::shared_ptr<const PasswordHash> password;  // null: no password signs this user in
    bool isDisabled = false;                       // nologin
    std::string reason;                            // why there is no password, for the log
};

struct ParseOptions {
    std::string defaultScheme = "CRYPT";
    bool isLowerCased = true;
};

// What a line has wrong; the text never holds a password or a hash.
struct LineFault {
    unsigned line = 0;
    std::string text;
};

// Immutable once parsed.
class PasswdFile {
public:
    static constexpr std::size_t maxFileOctets = 64 * 1024 * 1024;
    static constexpr std::size_t maxLineOctets = 16 * 1024;
    static constexpr std::size_t maxFaults = 100;  // past these only their number counts

    // Never throws for what the text holds.
    [[nodiscard]] static std::shared_ptr<const PasswdFile> parse(std::string_view text, const ParseOptions& options);

    // By the name as a client typed it; null if there is no such user.
    [[nodiscard]] const User* find(const std::string& name) const;
    // A password that takes as long to compare as most in this file: what an unknown user is held against.
    [[nodiscard]] const PasswordHash& prevailingPassword() const { return *_prevailing; }

    // How many of those who may sign in by password have SCRAM keys for the hash.
    [[nodiscard]] ScramKeyHolders scramKeyHolders(const std::string& hash) const;

    // In no order, until `take` says false.
    void forEach(const std::function<bool(const Account&)>& take) const;
    [[nodiscard]] std::size_t userCount() const { return _users.size(); }
    [[nodiscard]] const std::vector<LineFault>& faults() const { return _faults; }
    [[nodiscard]] std::size_t faultCount() const { return _faultCount; }

private:
    void addLine(std::string_view line, unsigned number);
    void addFault(unsigned line, const std::string& text);
    void readExtra(const std::string& extra, User& user, unsigned number);
    void choosePrevailing();
    [[nodiscard]] ScramKeyHolders countHolders(const std::string& hash) const;

    ParseOptions _options;
    std::unordered_map<std::string, User> _users;
    std::shared_ptr<const PasswordHash> _prevailing;
    ScramKeyHolders _sha1Holders = ScramKeyHolders::Nobody, _sha256Holders = ScramKeyHolders::Nobody;
    std::vector<LineFault> _faults;
    std::size_t _faultCount = 0;
};

}  // namespace maildock::passwdfile
