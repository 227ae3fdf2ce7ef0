// Certificates by the name that a client asks for (SNI, RFC 6066 3), behind the context with which its handshake
// begins.
//
// Immutable once attached. Exact names win over "*.example.org", which stands for one more level (RFC 6125 6.4.3); a
// client that names none of them gets the certificate of the context itself. Case makes no difference.
#pragma once

#include <Poco/Net/Context.h>
#include <openssl/ssl.h>

#include <map>
#include <string>
#include <string_view>

namespace imapd {

class TlsHosts {
public:
    // `name` in lower case.
    void add(const std::string& name, const Poco::Net::Context::Ptr& context) { _contexts[name] = context; }
    // The context keeps a copy, and frees it when its last connection is gone.
    void attachTo(SSL_CTX* context) const;
    // Null: none is configured for this name.
    [[nodiscard]] SSL_CTX* find(std::string_view name) const;

private:
    std::map<std::string, Poco::Net::Context::Ptr> _contexts;
};

}  // namespace imapd
