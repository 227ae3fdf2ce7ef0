// What a Kerberos keytab holds: whose keys, not the keys. For the check of the settings and for the service's realms;
// the library reads the file itself at each sign-in.
#pragma once

#include <string>
#include <vector>

namespace maildock::gssapi {

struct Keytab {
    std::string name;                     // as the library names it, such as FILE:/etc/krb5.keytab
    std::vector<std::string> principals;  // each once

    // path: empty for the system's (default_keytab_name of krb5.conf, or KRB5_KTNAME). Throws std::runtime_error with a
    // text for the admin.
    static Keytab read(const std::string& path);
    // The name of the keytab in this file, for the library's credential store; empty for the system's.
    [[nodiscard]] static std::string nameOf(const std::string& path) { return path.empty() ? path : "FILE:" + path; }
};

}  // namespace maildock::gssapi
