#include "plugins/auth-ldap/Connection.h"

#include <Poco/String.h>
#include <sys/time.h>

#include <algorithm>
#include <mutex>

#include "plugins/auth-ldap/Filter.h"
#include "plugins/common/AccountFields.h"

namespace maildock::ldap {

namespace {

constexpr std::size_t maxValues = 20;
constexpr std::size_t maxValueOctets = 16 * 1024;
constexpr int maxEntries = 2;  // one too many already

struct FreeMessage {
    void operator()(LDAPMessage* message) const { ldap_msgfree(message); }
};

// The library reads its defaults at the first use, which must not be two at once.
void initialise() {
    static std::once_flag once;
    std::call_once(once, [] {
        LDAPAPIInfo info{};
        info.ldapai_info_version = LDAP_API_INFO_VERSION;
        if (ldap_get_option(nullptr, LDAP_OPT_API_INFO, &info) == LDAP_OPT_SUCCESS) {
            ldap_memfree(info.ldapai_vendor_name);
            ldap_memvfree(reinterpret_cast<void**>(info.ldapai_extensions));
        }
    });
}

bool isLocal(const std::string& uri) {
    const std::string lower = Poco::toLower(uri);
    if (lower.rfind("ldapi:", 0) == 0) return true;
    for (const char* host : {"ldap://127.", "ldap://localhost", "ldap://[::1]"}) {
        if (lower.rfind(host, 0) == 0) return true;
    }
    return false;
}

std::vector<std::string> addressesOf(const std::string& uri) {
    std::vector<std::string> addresses;
    for (std::string& one : common::split(uri, ' ', 100)) {
        if (!one.empty()) addresses.push_back(std::move(one));
    }
    return addresses;
}

// TLS from the first octet, or a socket of this machine.
bool needsStartTls(const std::string& uri) {
    const std::vector<std::string> addresses = addressesOf(Poco::toLower(uri));
    return std::any_of(addresses.begin(), addresses.end(),
                       [](const std::string& one) { return one.rfind("ldap:", 0) == 0; });
}

std::string oneLine(std::string text) {
    std::replace_if(
        text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20; }, ' ');
    return text.substr(0, 300);
}

}  // namespace

std::string Directory::faultOfUri() const {
    const std::vector<std::string> addresses = addressesOf(uri);
    if (addresses.empty()) return "is not set, and the plugin auth-ldap needs it";
    for (const std::string& one : addresses) {
        LDAPURLDesc* parts = nullptr;
        const int answer = ldap_url_parse(one.c_str(), &parts);
        const std::string scheme = answer == LDAP_URL_SUCCESS ? parts->lud_scheme : "";
        if (answer == LDAP_URL_SUCCESS) ldap_free_urldesc(parts);
        if (scheme != "ldap" && scheme != "ldaps" && scheme != "ldapi") {
            return "`" + one + "` is no address like ldap://HOST:PORT, ldaps://HOST or ldapi://SOCKET";
        }
    }
    const bool isMixed = isStartTls && needsStartTls(uri) &&
                         std::any_of(addresses.begin(), addresses.end(),
                                     [](const std::string& one) { return Poco::toLower(one).rfind("ldap:", 0) != 0; });
    return isMixed ? "mixes ldap: with others, so STARTTLS can't be used for all" : "";
}

bool Directory::isInTheClear() const {
    if (isStartTls) return false;
    const std::vector<std::string> addresses = addressesOf(uri);
    return std::any_of(addresses.begin(), addresses.end(), [](const std::string& one) {
        return Poco::toLower(one).rfind("ldap:", 0) == 0 && !isLocal(one);
    });
}

Connection::Connection(std::shared_ptr<const Directory> directory, Purpose purpose)
    : _directory(std::move(directory)), _purpose(purpose) {
    initialise();
}

void Connection::configure(LDAP* ldap) const {
    const int version = LDAP_VERSION3;
    const timeval limit{_directory->timeoutSeconds, 0};
    bool isSet = ldap_set_option(ldap, LDAP_OPT_PROTOCOL_VERSION, &version) == LDAP_OPT_SUCCESS &&
                 ldap_set_option(ldap, LDAP_OPT_NETWORK_TIMEOUT, &limit) == LDAP_OPT_SUCCESS &&
                 ldap_set_option(ldap, LDAP_OPT_TIMEOUT, &limit) == LDAP_OPT_SUCCESS &&
                 ldap_set_option(ldap, LDAP_OPT_REFERRALS, LDAP_OPT_OFF) == LDAP_OPT_SUCCESS &&
                 ldap_set_option(ldap, LDAP_OPT_RESTART, LDAP_OPT_ON) == LDAP_OPT_SUCCESS;
    const int demand = _directory->isCertificateVerified ? LDAP_OPT_X_TLS_DEMAND : LDAP_OPT_X_TLS_NEVER;
    const int oldest = LDAP_OPT_X_TLS_PROTOCOL_TLS1_2;
    const int isServer = 0;
    isSet = isSet && ldap_set_option(ldap, LDAP_OPT_X_TLS_REQUIRE_CERT, &demand) == LDAP_OPT_SUCCESS &&
            ldap_set_option(ldap, LDAP_OPT_X_TLS_PROTOCOL_MIN, &oldest) == LDAP_OPT_SUCCESS;
    if (isSet && !_directory->caFile.empty()) {
        isSet = ldap_set_option(ldap, LDAP_OPT_X_TLS_CACERTFILE, _directory->caFile.c_str()) == LDAP_OPT_SUCCESS;
    }
    isSet = isSet && ldap_set_option(ldap, LDAP_OPT_X_TLS_NEWCTX, &isServer) == LDAP_OPT_SUCCESS;
    if (!isSet) throw Unreachable("the library refuses an option, perhaps auth.ldap.caFile");
}

std::string Connection::textOf(LDAP* ldap, int code) const {
    char* detail = nullptr;
    ldap_get_option(ldap, LDAP_OPT_DIAGNOSTIC_MESSAGE, &detail);
    std::string text = ldap_err2string(code);
    if (detail != nullptr && *detail != '\0') text += std::string(": ") + detail;
    ldap_memfree(detail);
    return oneLine(text);
}

void Connection::open() {
    LDAP* made = nullptr;
    if (const int code = ldap_initialize(&made, _directory->uri.c_str()); code != LDAP_SUCCESS) {
        throw Unreachable(ldap_err2string(code));
    }
    Handle ldap(made);
    configure(ldap.get());
    if (_directory->isStartTls && needsStartTls(_directory->uri)) {
        if (const int code = ldap_start_tls_s(ldap.get(), nullptr, nullptr); code != LDAP_SUCCESS) {
            throw Unreachable("STARTTLS: " + textOf(ldap.get(), code));
        }
    }
    // A bind for a connection that is for the binds of users too: it shows whether there is a directory at all.
    const bool isOurs = _purpose == Purpose::Search;
    const int code = simpleBind(ldap.get(), isOurs ? _directory->bindDn : "", isOurs ? _directory->bindPassword : "");
    const bool isThere = code == LDAP_SUCCESS || (!isOurs && code > 0 && code != LDAP_UNAVAILABLE);
    if (!isThere) {
        throw Unreachable((isOurs && !_directory->bindDn.empty() ? "bind as " + _directory->bindDn + ": " : "") +
                          textOf(ldap.get(), code));
    }
    _ldap = std::move(ldap);
}

int Connection::simpleBind(LDAP* ldap, const std::string& dn, const std::string& password) {
    berval secret{};
    secret.bv_len = password.size();
    secret.bv_val = const_cast<char*>(password.data());  // is not written to
    return ldap_sasl_bind_s(ldap, dn.c_str(), LDAP_SASL_SIMPLE, &secret, nullptr, nullptr, nullptr);
}

void Connection::fail(const std::string& what, int code) {
    const std::string text = what + textOf(_ldap.get(), code);
    // Below zero are the library's own: no connection, no answer in time.
    const bool isQuestionAtFault = code == LDAP_FILTER_ERROR || code == LDAP_PARAM_ERROR;
    const bool isBroken = (code < 0 && !isQuestionAtFault) || code == LDAP_UNAVAILABLE || code == LDAP_BUSY ||
                          code == LDAP_PROTOCOL_ERROR;
    if (isBroken) close();
    throw Refused(text);
}

std::vector<Entry> Connection::find(const std::string& user) {
    std::vector<char*> wanted;
    for (const std::string& name : _directory->attributes) wanted.push_back(const_cast<char*>(name.c_str()));
    wanted.push_back(nullptr);
    timeval limit{_directory->timeoutSeconds, 0};
    LDAPMessage* received = nullptr;
    const int code = ldap_search_ext_s(_ldap.get(), _directory->base.c_str(), _directory->scope,
                                       filterFor(_directory->filter, user).c_str(), wanted.data(), 0, nullptr, nullptr,
                                       &limit, maxEntries, &received);
    const std::unique_ptr<LDAPMessage, FreeMessage> answer(received);
    // More entries than were asked for come with those that were.
    if (code != LDAP_SUCCESS && code != LDAP_SIZELIMIT_EXCEEDED) fail("search: ", code);
    std::vector<Entry> entries;
    for (LDAPMessage* one = ldap_first_entry(_ldap.get(), answer.get());
         one != nullptr && entries.size() < static_cast<std::size_t>(maxEntries);
         one = ldap_next_entry(_ldap.get(), one)) {
        entries.push_back(entryOf(one));
    }
    return entries;
}

Entry Connection::entryOf(LDAPMessage* message) {
    Entry entry;
    if (char* dn = ldap_get_dn(_ldap.get(), message); dn != nullptr) {
        entry.dn = dn;
        ldap_memfree(dn);
    }
    for (const std::string& name : _directory->attributes) {
        berval** values = ldap_get_values_len(_ldap.get(), message, name.c_str());
        if (values == nullptr) continue;
        std::vector<std::string>& into = entry.values[Poco::toLower(name)];
        for (berval** value = values; *value != nullptr && into.size() < maxValues; ++value) {
            if ((*value)->bv_len <= maxValueOctets) into.emplace_back((*value)->bv_val, (*value)->bv_len);
        }
        ldap_value_free_len(values);
    }
    return entry;
}

ProofAnswer Connection::bind(const std::string& dn, const std::string& password) {
    // RFC 4513 5.1.2: a name with an empty password is an "unauthenticated" bind, which succeeds with no proof.
    if (dn.empty() || password.empty()) return {Proof::Wrong, "wrong password"};
    const int code = simpleBind(_ldap.get(), dn, password);
    switch (code) {
        case LDAP_SUCCESS:
            return {Proof::Right, ""};
        case LDAP_INVALID_CREDENTIALS:
        case LDAP_NO_SUCH_OBJECT:
        case LDAP_INAPPROPRIATE_AUTH:  // there is no password in the entry
            // Active Directory tells in the text why: "data 533" is an account that is disabled.
            return {Proof::Wrong, textOf(_ldap.get(), code)};
        case LDAP_CONSTRAINT_VIOLATION:  // too many attempts
        case LDAP_UNWILLING_TO_PERFORM:
        case LDAP_INSUFFICIENT_ACCESS:
            return {Proof::Barred, textOf(_ldap.get(), code)};
        default:
            fail("bind: ", code);
    }
}

// The values are matched as octets (RFC 4519 2.41), so a directory that stores hashes says no, unless it knows better.
ProofAnswer Connection::compare(const std::string& dn, const std::string& password) {
    if (dn.empty() || password.empty()) return {Proof::Wrong, "wrong password"};
    berval value{};
    value.bv_len = password.size();
    value.bv_val = const_cast<char*>(password.data());  // is not written to
    const int code =
        ldap_compare_ext_s(_ldap.get(), dn.c_str(), _directory->passwordAttribute.c_str(), &value, nullptr, nullptr);
    if (code == LDAP_COMPARE_TRUE) return {Proof::Right, ""};
    if (code == LDAP_COMPARE_FALSE) return {Proof::Wrong, "the directory compares: not the same"};
    if (code == LDAP_NO_SUCH_ATTRIBUTE) return {Proof::Wrong, "no password is set"};
    // No such object among them: the entry was found a moment ago, so bindDn may not ask this.
    fail("compare: ", code);
}

}  // namespace maildock::ldap
