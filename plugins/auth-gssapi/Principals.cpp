#include "plugins/auth-gssapi/Principals.h"

#include <Poco/String.h>
#include <Poco/UTF8String.h>

#include <algorithm>

#include "plugins/common/AccountFields.h"

namespace maildock::gssapi {

std::optional<Principal> parsePrincipal(const std::string& text) {
    const std::size_t at = text.rfind('@');
    if (at == std::string::npos || at + 1 == text.size() || text.find('\\') != std::string::npos) return std::nullopt;
    Principal principal{common::split(text.substr(0, at), '/', text.size()), text.substr(at + 1)};
    const bool hasEmpty = std::any_of(principal.components.begin(), principal.components.end(),
                                      [](const std::string& component) { return component.empty(); });
    if (principal.components.empty() || hasEmpty || text.find('@') != at) return std::nullopt;
    return principal;
}

bool isServicePrincipal(const Principal& principal, const std::string& service, const std::string& host) {
    return principal.components.size() == 2 && Poco::icompare(principal.components[0], service) == 0 &&
           (host.empty() || Poco::icompare(principal.components[1], host) == 0);
}

MappedName userNamed(const std::string& name, const NameRules& rules) {
    if (!common::isUsableUtf8Name(name)) return {{}, name + " is no name that a user can have"};
    return {rules.isLowerCased ? Poco::UTF8::toLower(name) : name, {}};
}

MappedName userOf(const std::string& principal, const NameRules& rules) {
    const std::optional<Principal> parsed = parsePrincipal(principal);
    // anna/admin is another principal than anna, and imap/host is no person.
    if (!parsed || parsed->components.size() != 1) return {{}, principal + " is no principal of a user"};
    const std::string& name = parsed->components.front();
    if (std::find(rules.realms.begin(), rules.realms.end(), parsed->realm) != rules.realms.end()) {
        return userNamed(name, rules);
    }
    if (!rules.keepsOtherRealms) return {{}, principal + " is of a realm that is not in auth.gssapi.realms"};
    return userNamed(name + "@" + parsed->realm, rules);
}

}  // namespace maildock::gssapi
