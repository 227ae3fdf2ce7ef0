// One connection to a directory, by OpenLDAP's library. Used by one thread at a time.
#pragma once

#include <ldap.h>

#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "plugins/common/ConnectionPool.h"

namespace maildock::ldap {

using common::Unreachable;

// How a password is proved: by a bind as the user's entry; by asking the directory to compare it with a value of the
// entry (RFC 4511 4.10); or here, by the hash in the entry.
enum class Passwords { Bind, Compare, Hash };

// Where the directory is and what is asked. Immutable.
struct Directory {
    std::string uri;  // several by blanks
    bool isStartTls = true;
    std::string caFile;
    bool isCertificateVerified = true;
    std::string bindDn, bindPassword;  // empty: anonymous
    std::string base, filter;
    int scope = LDAP_SCOPE_SUBTREE;
    std::vector<std::string> attributes;  // to read
    Passwords passwords = Passwords::Bind;
    std::string passwordAttribute;
    int timeoutSeconds = 10;

    // What can be seen to be wrong with the address; empty: nothing.
    [[nodiscard]] std::string faultOfUri() const;
    // Whether passwords would pass a network in the clear.
    [[nodiscard]] bool isInTheClear() const;
};

struct Entry {
    std::string dn;
    std::map<std::string, std::vector<std::string>> values;  // by attribute in lower case
};

// What the directory answers instead of what was asked for; the text is for the log.
class Refused : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

enum class Proof { Right, Wrong, Barred };

struct ProofAnswer {
    Proof proof = Proof::Wrong;
    std::string reason;
};

class Connection {
public:
    enum class Purpose { Search, Bind };  // only one for searches, and compares, is bound as bindDn

    Connection(std::shared_ptr<const Directory> directory, Purpose purpose);

    [[nodiscard]] bool isOpen() const { return _ldap != nullptr; }
    // Throws Unreachable.
    void open();
    void close() { _ldap.reset(); }

    // The entries of a user, two at most. Throws Refused.
    [[nodiscard]] std::vector<Entry> find(const std::string& user);
    // Whether this is the password of an entry. Throws Refused where the directory does not say.
    [[nodiscard]] ProofAnswer bind(const std::string& dn, const std::string& password);
    [[nodiscard]] ProofAnswer compare(const std::string& dn, const std::string& password);

private:
    struct Unbind {
        void operator()(LDAP* ldap) const { ldap_unbind_ext(ldap, nullptr, nullptr); }
    };
    using Handle = std::unique_ptr<LDAP, Unbind>;

    void configure(LDAP* ldap) const;
    [[nodiscard]] std::string textOf(LDAP* ldap, int code) const;
    // Throws Refused; closes if it is the connection that failed.
    [[noreturn]] void fail(const std::string& what, int code);
    [[nodiscard]] Entry entryOf(LDAPMessage* message);
    static int simpleBind(LDAP* ldap, const std::string& dn, const std::string& password);

    const std::shared_ptr<const Directory> _directory;
    const Purpose _purpose;
    Handle _ldap;
};

}  // namespace maildock::ldap
