#include "imapd/session/MailLocation.h"

#include <optional>
#include <unordered_map>

#include "maildir/Error.h"
#include "modules/api/Variables.h"

namespace imapd {

using maildir::Error;
using maildir::ErrorKind;
using maildock::Account;
using maildock::Finding;
using maildock::hasVariable;

namespace {

constexpr char locationKey[] = "mail.location";

// A part of a path that comes from a user's name: never more than one level of it.
std::string pathPart(const std::string& text) {
    if (text.empty() || text[0] == '.' || text.find('/') != std::string::npos || text.find('\0') != std::string::npos) {
        throw Error(ErrorKind::InvalidName, "a user's name that cannot be part of a path");
    }
    return text;
}

std::string valueOf(char variable, const Account& account, const std::string& what, const std::string& home) {
    if (variable == '%') return "%";
    if (variable == 'h') {
        if (!home.empty()) return home;
        throw Error(ErrorKind::InvalidName, what + " has %h, but the user has no home");
    }
    const std::string part = maildock::namePart(variable, account.user).value_or("");
    if (variable == 'd' && part.empty()) {
        throw Error(ErrorKind::InvalidName, what + " has %d, but the user " + account.user +
                                                " has no domain: sign in as " + account.user +
                                                "@DOMAIN, or have the plugin tell the name with its domain");
    }
    return pathPart(part);
}

// `what`: whose pattern it is, for the log.
std::string expanded(const std::string& pattern, const Account& account, const std::string& what,
                     const std::string& home) {
    if (const std::string fault = maildock::faultOfVariables(pattern, "undh"); !fault.empty())
        throw Error(ErrorKind::InvalidName, what + " " + fault);
    std::string path;
    for (std::size_t at = 0; at < pattern.size();) {
        if (pattern[at] != '%') {
            path += pattern[at++];
            continue;
        }
        const maildock::VariableReference found = maildock::variableAt(pattern, at);
        path += valueOf(found.name, account, what, home);
        at += found.length;
    }
    return path;
}

// Dovecot writes locations as "maildir:/path:LAYOUT=fs"; its plain form is understood.
std::string plainLocation(std::string location) {
    if (location.starts_with("maildir:")) location.erase(0, 8);
    return location.substr(0, location.find(':'));
}

// Finds users of several domains, whom %n alone does not tell apart.
class Domains {
public:
    void add(const std::string& user) {
        const std::string domain = maildock::namePart('d', user).value_or("");
        if (!_firstUser) {
            _firstUser = user;
            _first = domain;
        } else if (domain != _first && _otherUser.empty()) {
            _otherUser = user;
        }
    }
    [[nodiscard]] std::optional<Finding> finding() const {
        if (_otherUser.empty()) return std::nullopt;
        const auto local = [](const std::string& user) { return maildock::namePart('n', user).value_or(""); };
        const std::string domain = maildock::namePart('d', _otherUser).value_or("");
        const std::string twin = local(*_firstUser) + (domain.empty() ? "" : "@" + domain);
        return Finding{Finding::Error, locationKey,
                       "has %n, but the users have several domains: " + *_firstUser + " and " + twin +
                           " would share one mailbox; write %u, or %d/%n"};
    }

private:
    std::optional<std::string> _firstUser;
    std::string _first, _otherUser;
};

}  // namespace

std::string mailRootOf(const std::string& pattern, const Account& account) {
    const bool isTold = !account.mailLocation.empty();
    // A home is of one user, but back ends may tell a pattern for it, too.
    const std::string home = account.home.find('%') != std::string::npos
                                 ? expanded(account.home, account, "the home " + account.home, "")
                                 : account.home;
    const std::string path = isTold ? expanded(plainLocation(account.mailLocation), account,
                                               "the location " + account.mailLocation + " that the plugin tells", home)
                                    : expanded(pattern, account, locationKey, home);
    if (path.empty() || path[0] != '/') throw Error(ErrorKind::InvalidName, "the mail location is not absolute", path);
    return path;
}

std::vector<Finding> checkMailLocation(const std::string& pattern) {
    if (pattern.starts_with("maildir:"))
        return {
            {Finding::Error, locationKey,
             "is written without Dovecot's `maildir:`; what stands behind a colon there has keys of its own, such as "
             "mail.layout for LAYOUT"}};
    if (pattern.empty() || (pattern[0] != '/' && !pattern.starts_with("%h")))
        return {{Finding::Error, locationKey, "must be an absolute path, or begin with %h"}};
    if (const std::string fault = maildock::faultOfVariables(pattern, "undh"); !fault.empty())
        return {{Finding::Error, locationKey, fault}};
    if (hasVariable(pattern, 'u') || hasVariable(pattern, 'n') || hasVariable(pattern, 'h')) return {};
    return {
        {Finding::Error, locationKey,
         "is the same folder for every user: write %u (the user), %n (the part before @) or %h (the home) into it"}};
}

std::vector<Finding> checkMailLocation(const std::string& pattern, const maildock::MailTrees::Users& users) {
    struct Owner {
        std::string user;
        bool isTold = false;
    };
    std::unordered_map<std::string, Owner> owners;  // by folder
    std::vector<Finding> findings;
    Domains domains;
    bool isWarned = false;
    users([&](const Account& account) {
        std::string root;
        try {
            root = mailRootOf(pattern, account);
        } catch (const Error&) {
            return true;  // is told at the sign-in, and by a look at the trees; another plugin may know more
        }
        // Of a user whose own line says where the mail lies, the admin has said it.
        const bool isTold = !account.mailLocation.empty() || hasVariable(pattern, 'h');
        if (!isTold) domains.add(account.user);
        const auto [known, isNew] = owners.try_emplace(root, Owner{account.user, isTold});
        if (isNew) return true;
        const std::string both = known->second.user + " and " + account.user + " share one mailbox, " + root;
        if (!isTold && !known->second.isTold) {
            findings.push_back({Finding::Error, locationKey, both + ": write %u, or %d/%n"});
            return false;
        }
        if (!isWarned) findings.push_back({Finding::Warning, locationKey, both + ", as their homes or locations say"});
        isWarned = true;
        return true;
    });
    const bool isOnlyLocal = hasVariable(pattern, 'n') && !hasVariable(pattern, 'u') && !hasVariable(pattern, 'd') &&
                             !hasVariable(pattern, 'h');
    const bool hasError = !findings.empty() && findings.back().severity == Finding::Error;
    if (const auto finding = domains.finding(); finding && isOnlyLocal && !hasError) findings.push_back(*finding);
    return findings;
}

}  // namespace imapd
