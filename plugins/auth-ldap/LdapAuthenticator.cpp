#include "plugins/auth-ldap/LdapAuthenticator.h"

#include <Poco/String.h>
#include <unistd.h>

#include <algorithm>
#include <stdexcept>

#include "plugins/auth-ldap/Filter.h"
#include "plugins/common/AccountFields.h"

namespace maildock::ldap {

using common::HashError;
using common::PasswordHash;

namespace {

constexpr char uriKey[] = "auth.ldap.uri";
constexpr char startTlsKey[] = "auth.ldap.startTls";
constexpr char caFileKey[] = "auth.ldap.caFile";
constexpr char verifyKey[] = "auth.ldap.verifyCertificate";
constexpr char bindDnKey[] = "auth.ldap.bindDn";
constexpr char bindPasswordKey[] = "auth.ldap.bindPassword";
constexpr char baseKey[] = "auth.ldap.base";
constexpr char scopeKey[] = "auth.ldap.scope";
constexpr char filterKey[] = "auth.ldap.filter";
constexpr char attributesKey[] = "auth.ldap.attributes";
constexpr char passwordsKey[] = "auth.ldap.passwords";
constexpr char passwordAttributeKey[] = "auth.ldap.passwordAttribute";
constexpr char schemeKey[] = "auth.ldap.defaultScheme";
constexpr char lowerCaseKey[] = "auth.ldap.lowercase";
constexpr char connectionsKey[] = "auth.ldap.connections";
constexpr char timeoutKey[] = "auth.ldap.timeout";

// Throws std::invalid_argument.
Mapping mappingOf(const Settings& settings) {
    Mapping mapping;
    for (const std::string& item : settings.list(attributesKey)) {
        const std::size_t equals = item.find('=');
        const std::string field = Poco::trim(item.substr(0, equals));
        const std::string attribute = equals == std::string::npos ? "" : Poco::trim(item.substr(equals + 1));
        const bool isAttribute = !attribute.empty() && std::all_of(attribute.begin(), attribute.end(), [](char c) {
            return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == ';' || c == '.' || c == '_';
        });
        if (field.empty() || !isAttribute) {
            throw std::invalid_argument("`" + item + "` is not of the form FIELD=ATTRIBUTE");
        }
        mapping.emplace_back(field, attribute);
    }
    return mapping;
}

std::shared_ptr<const Directory> directoryOf(const Settings& settings, const Mapping& mapping) {
    auto directory = std::make_shared<Directory>();
    directory->uri = settings.text(uriKey);
    directory->isStartTls = settings.boolean(startTlsKey);
    directory->caFile = settings.path(caFileKey);
    directory->isCertificateVerified = settings.boolean(verifyKey);
    directory->bindDn = settings.text(bindDnKey);
    directory->bindPassword = settings.text(bindPasswordKey);
    directory->base = settings.text(baseKey);
    directory->filter = settings.text(filterKey);
    const std::string scope = settings.text(scopeKey);
    directory->scope = scope == "base"       ? LDAP_SCOPE_BASE
                       : scope == "onelevel" ? LDAP_SCOPE_ONELEVEL
                                             : LDAP_SCOPE_SUBTREE;
    for (const auto& [field, attribute] : mapping) directory->attributes.push_back(attribute);
    const std::string passwords = settings.text(passwordsKey);
    directory->passwords = passwords == "bind"      ? Passwords::Bind
                           : passwords == "compare" ? Passwords::Compare
                                                    : Passwords::Hash;
    directory->passwordAttribute = settings.text(passwordAttributeKey);
    if (directory->passwords == Passwords::Hash) directory->attributes.push_back(directory->passwordAttribute);
    // Without any the library would ask for all; RFC 4511 4.5.1.8 has this name for none.
    if (directory->attributes.empty()) directory->attributes.emplace_back(LDAP_NO_ATTRS);
    directory->timeoutSeconds = static_cast<int>(settings.seconds(timeoutKey));
    return directory;
}

const std::vector<std::string>& valuesOf(const Entry& entry, const std::string& attribute) {
    static const std::vector<std::string> none;
    const auto values = entry.values.find(Poco::toLower(attribute));
    return values == entry.values.end() ? none : values->second;
}

}  // namespace

std::vector<KeySpec> LdapAuthenticator::keys() const {
    return {
        {uriKey, KeyKind::Text, "", "The directory: ldap://HOST, ldaps://HOST, ldapi://SOCKET.", {}, {}, {}},
        {startTlsKey, KeyKind::Boolean, "true", "Whether STARTTLS is used with ldap://.", {}, {}, {}},
        {caFileKey, KeyKind::Path, "", "The certificates of authorities; empty: the system's.", {}, {}, {}},
        {verifyKey, KeyKind::Boolean, "true", "Whether the directory's certificate has to be right.", {}, {}, {}},
        {bindDnKey, KeyKind::Text, "", "Whom searches are made as; empty: anonymously.", {}, {}, {}},
        {bindPasswordKey, KeyKind::Text, "", "The password of that entry.", {}, {}, {}},
        {baseKey, KeyKind::Text, "", "The entry below which users are searched for.", {}, {}, {}},
        {scopeKey, KeyKind::Choice, "subtree", "How far below.", {"subtree", "onelevel", "base"}, {}, {}},
        {filterKey, KeyKind::Text, "(uid=%u)", "What finds one user; %u, %n, %d are escaped.", {}, {}, {}},
        {attributesKey,
         KeyKind::List,
         "user=uid, uid=uidNumber, gid=gidNumber, home=homeDirectory",
         "Which field of the account comes from which attribute.",
         {},
         {},
         {}},
        {passwordsKey,
         KeyKind::Choice,
         "bind",
         "How a password is proved: by a bind as the user, by a compare with the entry's, or by the hash in the entry.",
         {"bind", "compare", "hash"},
         {},
         {}},
        {passwordAttributeKey,
         KeyKind::Text,
         "userPassword",
         "The attribute with the password, for compare and hash.",
         {},
         {},
         {}},
        {schemeKey, KeyKind::Text, "PLAIN", "The scheme of passwords without {SCHEME}.", {}, {}, {}},
        {lowerCaseKey, KeyKind::Boolean, "true", "Whether names are turned into lower case.", {}, {}, {}},
        {connectionsKey, KeyKind::Number, "4", "How many log-ins ask the directory at once.", {}, 1, 64},
        {timeoutKey, KeyKind::Seconds, "10", "How long a log-in waits for the directory at most.", {}, 1, 300},
    };
}

void LdapAuthenticator::configure(const Settings& settings) {
    _mapping = mappingOf(settings);
    const auto directory = directoryOf(settings, _mapping);
    if (const std::string fault = directory->faultOfUri(); !fault.empty()) {
        throw std::runtime_error(std::string(uriKey) + " " + fault);
    }
    if (const std::string fault = faultOfFilter(directory->filter); !fault.empty()) {
        throw std::runtime_error(std::string(filterKey) + " " + fault);
    }
    _passwordAttribute = settings.text(passwordAttributeKey);
    _defaultScheme = settings.text(schemeKey);
    _passwords = directory->passwords;
    _isLowerCased = settings.boolean(lowerCaseKey);
    _searcher = std::make_unique<Searcher>(directory, static_cast<std::size_t>(settings.number(connectionsKey)));
}

std::vector<Finding> LdapAuthenticator::check(const Settings& settings) const {
    std::vector<Finding> findings;
    const auto complain = [&findings](const char* key, const std::string& text) {
        findings.push_back({Finding::Error, key, text});
    };
    Mapping mapping;
    try {
        mapping = mappingOf(settings);
    } catch (const std::invalid_argument& e) {
        complain(attributesKey, e.what());
    }
    const auto directory = directoryOf(settings, mapping);
    if (const std::string fault = directory->faultOfUri(); !fault.empty()) complain(uriKey, fault);
    if (const std::string fault = faultOfFilter(directory->filter); !fault.empty()) complain(filterKey, fault);
    if (directory->base.empty()) complain(baseKey, "is not set, and the plugin auth-ldap needs it");
    if (!directory->bindDn.empty() && directory->bindPassword.empty()) {
        complain(bindPasswordKey, "is not set, and a name without a password proves nothing (RFC 4513 5.1.2)");
    }
    if (!directory->caFile.empty() && ::access(directory->caFile.c_str(), R_OK) != 0) {
        complain(caFileKey, directory->caFile + " can't be read");
    }
    if (!PasswordHash::isScheme(settings.text(schemeKey))) {
        complain(schemeKey, "there is no password scheme " + settings.text(schemeKey));
    }
    if (!findings.empty()) return findings;
    if (directory->isInTheClear()) {
        findings.push_back({Finding::Warning, startTlsKey, "passwords pass the network to the directory in the clear"});
    }
    Searcher searcher(directory, 1);
    const Found found = searcher.find("maildock-check@example.invalid", std::nullopt);
    if (found.isUnreachable) {
        // It may be up again when it is needed, and this is asked at each start too.
        findings.push_back({Finding::Warning, uriKey, found.reason});
    } else if (found.outcome == Outcome::TemporaryFailure) {
        complain(filterKey, found.reason);
    }
    return findings;
}

std::optional<std::string> LdapAuthenticator::nameOf(const std::string& typedName) const {
    const std::string name = _isLowerCased ? Poco::toLower(typedName) : typedName;
    // RFC 4518 2.6.1: blanks at the ends make no difference to a directory.
    if (!common::isUsableUtf8Name(name) || Poco::trim(name) != name) return std::nullopt;
    return name;
}

Verdict LdapAuthenticator::verdictOf(const Entry& entry, const std::string& name) const {
    common::AccountFields fields;
    fields.account.user = name;
    for (const auto& [field, attribute] : _mapping) {
        const std::vector<std::string>& values = valuesOf(entry, attribute);
        if (values.empty()) continue;
        if (field == "user") {
            // Of several spellings the one that was typed.
            const auto typed = std::find_if(values.begin(), values.end(), [&name](const std::string& value) {
                return Poco::icompare(value, name) == 0;
            });
            const std::string& user = typed == values.end() ? values.front() : *typed;
            fields.account.user = _isLowerCased ? Poco::toLower(user) : user;
        } else if (field != "nologin" || common::meansYes(values.front())) {
            fields.set(field, values.front());
        }
    }
    std::string fault = fields.finish();
    if (!common::isUsableName(fields.account.user)) fault = "the attribute for user has a name that can't be used";
    if (!fault.empty()) return {Outcome::TemporaryFailure, {}, fault};
    if (fields.isDisabled) return {Outcome::Disabled, {}, "nologin is set"};
    return {Outcome::Success, fields.account, {}};
}

Verdict LdapAuthenticator::byHash(const Found& found, const std::string& name, const std::string& password) {
    if (found.outcome == Outcome::TemporaryFailure) return {found.outcome, {}, found.reason};
    bool isRight = false;
    std::string reason = "no password is set";
    bool isCompared = false;
    for (const std::string& value : valuesOf(found.entry, _passwordAttribute)) {
        try {
            const auto hash = PasswordHash::parse(value, _defaultScheme);
            _decoy.note(hash);
            isRight = common::isRightPassword(*hash, password) || isRight;
            isCompared = true;
        } catch (const HashError& e) {
            reason = e.what();
        }
    }
    if (!isCompared) {
        _decoy.compare(password);
        if (found.outcome != Outcome::Success) return {found.outcome, {}, found.reason};
        return {Outcome::Disabled, {}, reason};
    }
    if (!isRight) return {Outcome::WrongPassword, {}, "wrong password"};
    return verdictOf(found.entry, name);
}

Verdict LdapAuthenticator::verify(const std::string& user, const std::string& password) {
    const auto name = nameOf(user);
    if (_passwords == Passwords::Hash) {
        Found found;
        found.reason = "no name that a user can have";
        if (name) found = _searcher->find(*name, std::nullopt);
        return byHash(found, name.value_or(""), password);
    }
    if (!name) return {Outcome::UnknownUser, {}, "no name that a user can have"};
    const bool isPossible = !password.empty() && password.size() <= PasswordHash::maxPasswordOctets;
    const Found found = _searcher->find(*name, isPossible ? password : std::string());
    if (found.outcome != Outcome::Success) return {found.outcome, {}, found.reason};
    switch (found.proof.proof) {
        case Proof::Right:
            return verdictOf(found.entry, *name);
        case Proof::Barred:
            return {Outcome::Disabled, {}, found.proof.reason};
        case Proof::Wrong:
            break;
    }
    return {Outcome::WrongPassword, {}, found.proof.reason};
}

Verdict LdapAuthenticator::lookup(const std::string& user) {
    const auto name = nameOf(user);
    if (!name) return {Outcome::UnknownUser, {}, "no name that a user can have"};
    const Found found = _searcher->find(*name, std::nullopt);
    if (found.outcome != Outcome::Success) return {found.outcome, {}, found.reason};
    return verdictOf(found.entry, *name);
}

std::optional<ScramKeys> LdapAuthenticator::scramKeys(const std::string& user, const std::string& hash) {
    const auto name = nameOf(user);
    if (!name || _passwords != Passwords::Hash) return std::nullopt;
    const Found found = _searcher->find(*name, std::nullopt);
    if (found.outcome != Outcome::Success || verdictOf(found.entry, *name).outcome != Outcome::Success)
        return std::nullopt;
    for (const std::string& value : valuesOf(found.entry, _passwordAttribute)) {
        try {
            if (const ScramKeys* keys = PasswordHash::parse(value, _defaultScheme)->scramKeys(hash)) return *keys;
        } catch (const HashError&) {
            // Another value may do.
        }
    }
    return std::nullopt;
}

}  // namespace maildock::ldap
