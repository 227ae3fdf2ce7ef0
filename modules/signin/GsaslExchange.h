// The exchanges that GNU SASL has the server's side of: EXTERNAL (RFC 4422 A), CRAM-MD5 (RFC 2195),
// SCRAM-SHA-1 and SCRAM-SHA-256 with and without channel binding (RFC 5802, RFC 7677). What it needs to know it asks
// for by a callback, which asks the inquiry. No mechanism here negotiates a security layer: TLS is the layer.
#pragma once

#include <gsasl.h>

#include <memory>
#include <string>

#include "modules/api/Exchange.h"
#include "modules/signin/Inquiry.h"
#include "modules/signin/MalformedAnswer.h"

namespace maildock::signin {

class GsaslExchange : public Exchange {
public:
    // offersBinding: the form with channel binding is offered too, so that a client that says it was not has been
    // lied to (RFC 5802 6). Throws std::runtime_error.
    GsaslExchange(Inquiry& inquiry, const std::string& mechanism, bool offersBinding);
    // Throws MalformedAnswer.
    [[nodiscard]] ExchangeStep step(const std::string& octets) override;

    static int callback(Gsasl* library, Gsasl_session* session, Gsasl_property property);

private:
    int answer(Gsasl_property property);
    [[nodiscard]] std::string property(Gsasl_property property) const;
    int giveScramKeys();
    int giveBinding(Gsasl_property property, const std::string& octets);
    void set(Gsasl_property property, const std::string& octets);
    void setBase64(Gsasl_property property, const std::string& octets);

    struct Finish {
        void operator()(Gsasl_session* session) const { gsasl_finish(session); }
    };

    Inquiry& _inquiry;
    const std::string _mechanism;
    const bool _offersBinding;
    bool _isProof = false;  // keys are out: what comes next is the client's proof
    std::unique_ptr<Gsasl_session, Finish> _session;
};

}  // namespace maildock::signin
