#include "plugins/auth-gssapi/GssapiAuthenticator.h"

#include <Poco/Environment.h>
#include <Poco/Glob.h>
#include <Poco/String.h>

#include <algorithm>
#include <stdexcept>

#include "plugins/auth-gssapi/Keytab.h"
#include "plugins/auth-gssapi/NtlmUsers.h"

namespace maildock::gssapi {

namespace {

constexpr char mechanismsKey[] = "auth.gssapi.mechanisms";
constexpr char keytabKey[] = "auth.gssapi.keytab";
constexpr char hostKey[] = "auth.gssapi.host";
constexpr char realmsKey[] = "auth.gssapi.realms";
constexpr char otherRealmsKey[] = "auth.gssapi.otherRealms";
constexpr char localNamesKey[] = "auth.gssapi.localNames";
constexpr char lowerCaseKey[] = "auth.gssapi.lowercase";
constexpr char bindingKey[] = "auth.gssapi.channelBinding";
constexpr char adminsKey[] = "auth.gssapi.admins";
constexpr char adminsForKey[] = "auth.gssapi.adminsFor";
constexpr char ntlmUsersKey[] = "auth.gssapi.ntlmUsers";

constexpr char kerberosName[] = "GSSAPI";  // RFC 4752
constexpr char ntlmName[] = "NTLM";        // [MS-OXIMAP4] 1.7
constexpr char serviceName[] = "imap";

constexpr std::size_t maxLinesTold = 10;

NameRules namesOf(const Settings& settings) {
    NameRules names;
    names.realms = settings.list(realmsKey);
    names.keepsOtherRealms = settings.text(otherRealmsKey) == "keep";
    names.isLowerCased = settings.boolean(lowerCaseKey);
    return names;
}

bool isNamed(const std::vector<std::string>& mechanisms, const char* name) {
    return std::any_of(mechanisms.begin(), mechanisms.end(),
                       [name](const std::string& one) { return Poco::icompare(one, name) == 0; });
}

}  // namespace

std::vector<KeySpec> GssapiAuthenticator::keys() const {
    return {
        {mechanismsKey, KeyKind::List, "", "GSSAPI, NTLM; empty: those that can be served.", {}, {}, {}},
        {keytabKey, KeyKind::Path, "", "The Kerberos keytab; empty: the system's.", {}, {}, {}},
        {hostKey, KeyKind::Text, "", "The host in the service's principal imap/HOST; empty: any.", {}, {}, {}},
        {realmsKey,
         KeyKind::List,
         "",
         "The realms whose users are known by their name alone; empty: those of the service's principals.",
         {},
         {},
         {}},
        {otherRealmsKey,
         KeyKind::Choice,
         "deny",
         "Whether users of other realms are refused, or known as NAME@REALM.",
         {"deny", "keep"},
         {},
         {}},
        {localNamesKey,
         KeyKind::Boolean,
         "false",
         "Whether auth_to_local of krb5.conf says which user a principal is, instead of the realm.",
         {},
         {},
         {}},
        {lowerCaseKey, KeyKind::Boolean, "true", "Whether names are turned into lower case.", {}, {}, {}},
        {bindingKey,
         KeyKind::Choice,
         "ignored",
         "Whether a ticket must be bound to the TLS connection: ignored; checked, where it is; required.",
         {"ignored", "checked", "required"},
         {},
         {}},
        {adminsKey, KeyKind::List, "", "Users who may act for others by a ticket.", {}, {}, {}},
        {adminsForKey, KeyKind::List, "*", "For whom they may; * and ? as in file names.", {}, {}, {}},
        {ntlmUsersKey, KeyKind::Path, "", "The file of NTLM's users; empty: NTLM is not offered.", {}, {}, {}},
    };
}

void GssapiAuthenticator::planKerberos(const Settings& settings, bool isDemanded, Plan& plan) {
    KerberosRules rules;
    const std::string path = settings.path(keytabKey);
    rules.keytab = Keytab::nameOf(path);
    rules.host = settings.text(hostKey);
    rules.names = namesOf(settings);
    rules.usesLocalNames = settings.boolean(localNamesKey);
    const std::string binding = settings.text(bindingKey);
    rules.binding = binding == "required"  ? Binding::Required
                    : binding == "checked" ? Binding::Checked
                                           : Binding::Ignored;
    // A keytab that nobody named may be missing.
    const bool isWanted = isDemanded || !path.empty();
    std::vector<std::string> realms;
    try {
        const Keytab keytab = Keytab::read(path);
        for (const std::string& principal : keytab.principals) {
            const std::optional<Principal> parsed = parsePrincipal(principal);
            if (parsed && isServicePrincipal(*parsed, serviceName, rules.host)) realms.push_back(parsed->realm);
        }
        if (realms.empty()) {
            const std::string wanted = std::string(serviceName) + "/" + (rules.host.empty() ? "HOST" : rules.host);
            throw std::runtime_error(keytab.name + " has no key of a principal " + wanted);
        }
    } catch (const std::runtime_error& error) {
        if (isWanted) plan.findings.push_back({Finding::Error, keytabKey, error.what()});
        return;
    }
    if (rules.names.realms.empty()) rules.names.realms = realms;
    plan.kerberos = std::move(rules);
}

void GssapiAuthenticator::planNtlm(const Settings& settings, bool isDemanded, Plan& plan) {
    const std::string path = settings.path(ntlmUsersKey);
    const auto complain = [&plan](Finding::Severity severity, const std::string& text) {
        plan.findings.push_back({severity, ntlmUsersKey, text});
    };
    if (path.empty()) {
        if (isDemanded) complain(Finding::Error, "is not set, and NTLM needs it");
        return;
    }
    if (!isInstalled(ntlmMechanism())) {
        complain(Finding::Error, "the GSS-API mechanism of NTLM is not installed (Debian: gss-ntlmssp)");
        return;
    }
    try {
        const NtlmUsers users = NtlmUsers::read(path);
        if (users.size() == 0) complain(Finding::Warning, path + " holds no user");
        for (const std::string& name : users.twins()) {
            std::string text = path;
            text.append(": ").append(name).append(" stands more than once, and is nobody so");
            complain(Finding::Warning, text);
        }
        const std::vector<std::size_t>& useless = users.uselessLines();
        for (std::size_t i = 0; i < std::min(useless.size(), maxLinesTold); ++i) {
            complain(Finding::Warning, path + ":" + std::to_string(useless[i]) + ": names no user that is taken");
        }
        if (users.isOpenToAll()) complain(Finding::Warning, "every user of this machine can read " + path);
        const std::string host = settings.text(hostKey);
        NtlmRules rules{path, host.empty() ? Poco::Environment::nodeName() : host, namesOf(settings),
                        std::make_shared<const NtHash>()};
        const Credential trial =
            NtlmExchange::credentialFor(std::string(serviceName) + "@" + rules.host, NtlmExchange::noUsers);
        plan.ntlm = std::move(rules);
    } catch (const std::runtime_error& error) {
        complain(Finding::Error, error.what());
    }
}

GssapiAuthenticator::Plan GssapiAuthenticator::planOf(const Settings& settings) {
    Plan plan;
    const std::vector<std::string> mechanisms = settings.list(mechanismsKey);
    for (const std::string& name : mechanisms) {
        if (!isNamed({name}, kerberosName) && !isNamed({name}, ntlmName)) {
            plan.findings.push_back({Finding::Error, mechanismsKey, name + " is neither GSSAPI nor NTLM"});
        }
    }
    const bool namesKerberos = isNamed(mechanisms, kerberosName), namesNtlm = isNamed(mechanisms, ntlmName);
    if (mechanisms.empty() || namesKerberos) planKerberos(settings, namesKerberos, plan);
    if (mechanisms.empty() || namesNtlm) planNtlm(settings, namesNtlm, plan);
    const bool hasError = std::any_of(plan.findings.begin(), plan.findings.end(),
                                      [](const Finding& finding) { return finding.severity == Finding::Error; });
    if (!hasError && !plan.kerberos && !plan.ntlm) {
        plan.findings.push_back({Finding::Error, keytabKey,
                                 "no mechanism can be served: the system's keytab has no key of a principal imap/HOST "
                                 "that can be read, and auth.gssapi.ntlmUsers is not set"});
    }
    return plan;
}

void GssapiAuthenticator::configure(const Settings& settings) {
    _plan = planOf(settings);
    for (const Finding& finding : _plan.findings) {
        if (finding.severity == Finding::Error) throw std::runtime_error(finding.key + ": " + finding.text);
    }
    _admins = settings.list(adminsKey);
    _adminsFor = settings.list(adminsForKey);
}

std::vector<Finding> GssapiAuthenticator::check(const Settings& settings) const {
    return planOf(settings).findings;
}

Verdict GssapiAuthenticator::verify(const std::string&, const std::string&) {
    return {Outcome::UnknownUser, {}, "takes no passwords"};
}

Verdict GssapiAuthenticator::lookup(const std::string&) {
    return {Outcome::UnknownUser, {}, "knows nobody without a ticket"};
}

std::optional<ScramKeys> GssapiAuthenticator::scramKeys(const std::string&, const std::string&) {
    return std::nullopt;
}

bool GssapiAuthenticator::mayActFor(const std::string& user, const std::string& other) {
    return std::find(_admins.begin(), _admins.end(), user) != _admins.end() &&
           std::any_of(_adminsFor.begin(), _adminsFor.end(), [&other](const std::string& pattern) {
               return Poco::Glob(pattern, Poco::Glob::GLOB_CASELESS).match(other);
           });
}

std::vector<Mechanism> GssapiAuthenticator::mechanisms() const {
    std::vector<Mechanism> served;
    if (_plan.kerberos) served.push_back({kerberosName, false, false});
    if (_plan.ntlm) served.push_back({ntlmName, false, false});
    return served;
}

std::unique_ptr<Exchange> GssapiAuthenticator::begin(const std::string& mechanism, const ExchangeFacts& facts) {
    if (mechanism == kerberosName && _plan.kerberos) return std::make_unique<GssapiExchange>(*_plan.kerberos, facts);
    if (mechanism == ntlmName && _plan.ntlm) return std::make_unique<NtlmExchange>(*_plan.ntlm, facts.service);
    return nullptr;
}

}  // namespace maildock::gssapi
