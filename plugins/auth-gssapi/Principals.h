// From the name that a Kerberos ticket has to the user's. Principals are texts as the library shows them:
// component/component@REALM, with a backslash before what would otherwise separate (RFC 1964 2.1.1).
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace maildock::gssapi {

struct Principal {
    std::vector<std::string> components;
    std::string realm;
};

// Nothing for a text without a realm or a component, or with a backslash: no name that is one of ours needs any.
[[nodiscard]] std::optional<Principal> parsePrincipal(const std::string& text);

// Whether it is a service's: SERVICE/HOST, where an empty host stands for any. Active Directory does not tell names
// apart by case, so neither part is compared with it.
[[nodiscard]] bool isServicePrincipal(const Principal& principal, const std::string& service, const std::string& host);

// Who is who.
struct NameRules {
    std::vector<std::string> realms;  // whose users are known by their name alone
    bool keepsOtherRealms = false;    // users of others are NAME@REALM; else they are nobody
    bool isLowerCased = true;
};

struct MappedName {
    std::string user;   // empty: none
    std::string fault;  // then why
};

[[nodiscard]] MappedName userOf(const std::string& principal, const NameRules& rules);
// A name that is a user's already: whether it can be one, in the one spelling.
[[nodiscard]] MappedName userNamed(const std::string& name, const NameRules& rules);

}  // namespace maildock::gssapi
