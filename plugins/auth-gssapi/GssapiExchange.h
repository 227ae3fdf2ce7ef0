// The server's side of the mechanism GSSAPI (RFC 4752): Kerberos's context, then the offer of no security layer, then
// the client's choice with the authorization identity. One exchange; one thread at a time.
#pragma once

#include <string>

#include "modules/api/Exchange.h"
#include "plugins/auth-gssapi/Gss.h"
#include "plugins/auth-gssapi/Principals.h"

namespace maildock::gssapi {

// Whether the client's context must be bound to the connection's TLS (RFC 5056).
enum class Binding {
    Ignored,  // what a client says of it is not looked at, as RFC 4752 has it
    Checked,  // must fit where there is any
    Required  // must be there and fit
};

struct KerberosRules {
    std::string keytab;  // as the library names it; empty: the system's
    std::string host;    // of the service's principal; empty: any
    NameRules names;
    bool usesLocalNames = false;  // auth_to_local of krb5.conf says who is who, instead of `names`
    Binding binding = Binding::Ignored;
};

class GssapiExchange : public Exchange {
public:
    // The rules outlive it. Throws std::runtime_error if the keytab can't be used.
    GssapiExchange(const KerberosRules& rules, const ExchangeFacts& facts);
    [[nodiscard]] ExchangeStep step(const std::string& octets) override;

private:
    enum class Stage { Context, LastToken, Choice };

    ExchangeStep accept(const std::string& token);
    ExchangeStep offer();
    ExchangeStep choose(const std::string& message);
    // What speaks against the context that is complete now; empty: nothing.
    [[nodiscard]] std::string objection() const;
    [[nodiscard]] MappedName mappedClient() const;
    [[nodiscard]] bool isSelf(const std::string& authorization, const std::string& user) const;
    [[nodiscard]] ExchangeStep failure(Outcome outcome, const std::string& reason) const;

    const KerberosRules& _rules;
    const std::string _service;
    const bool _isTls;
    std::string _bindingData;
    gss_channel_bindings_struct _bindings{};
    const Credential _credential;
    Context _context;
    Stage _stage = Stage::Context;
    int _rounds = 0;
    std::string _principal;  // the client's, once it is known
};

}  // namespace maildock::gssapi
