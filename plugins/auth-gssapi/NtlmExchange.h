// The server's side of the mechanism NTLM, as Exchange has it ([MS-OXIMAP4] 3.1.4.1): the three messages of [MS-NLMP]
// with nothing around them. The proof is gss-ntlmssp's to look at; whose password it is about, ours. One exchange; one
// thread at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "modules/api/Exchange.h"
#include "plugins/auth-gssapi/Gss.h"
#include "plugins/auth-gssapi/NtHash.h"
#include "plugins/auth-gssapi/Principals.h"

namespace maildock::gssapi {

struct NtlmRules {
    std::string usersFile;
    std::string host;  // what the challenge says the server is called; some clients want it to be the name they know
    NameRules names;
    std::shared_ptr<const NtHash> hash;
};

class NtlmExchange : public Exchange {
public:
    // The rules outlive it. Throws std::runtime_error if the library can't serve.
    NtlmExchange(const NtlmRules& rules, const std::string& service);
    [[nodiscard]] ExchangeStep step(const std::string& octets) override;

    // What lets the library accept; usersFile: the only source of its users then, it asks no Winbind and looks at no
    // NTLM_USER_FILE. Throws std::runtime_error.
    [[nodiscard]] static Credential credentialFor(const std::string& service, const std::string& usersFile) {
        return {ntlmMechanism(), service, {"ntlmssp_keyfile", usersFile}};
    }
    // Whom the library is asked with at first, when it needs no user yet.
    static constexpr char noUsers[] = "/dev/null";

private:
    ExchangeStep answerNegotiate(const std::string& message);
    ExchangeStep settle(const std::string& message);
    [[nodiscard]] Context::Step prove(const std::string& message, const std::string& hash);
    [[nodiscard]] ExchangeStep failure(Outcome outcome, const std::string& reason) const;

    const NtlmRules& _rules;
    const std::string _service;  // imap@HOST
    Context _context;
    bool _isChallenged = false;
    std::uint32_t _flags = 0;  // of the challenge
    std::string _claimed;      // who the client says it is, DOMAIN\USER
    std::string _user;         // who that is
};

}  // namespace maildock::gssapi
