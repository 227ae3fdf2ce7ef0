// The exchanges of OAUTHBEARER (RFC 7628) and XOAUTH2: one answer of the client; then success, or an error in JSON that
// the client acknowledges before it is refused.
#pragma once

#include <functional>
#include <string>

#include "modules/api/Exchange.h"

namespace maildock::oauth2 {

// What a token came to.
struct TokenVerdict {
    Verdict verdict;
    std::string claimed;          // the name as the token has it
    bool isScopeMissing = false;  // that is all that is wrong with it
};

// What clients are told, and how their answers are read. Immutable.
struct Advice {
    std::string scope;                // what a token should have; empty: nothing
    std::string openIdConfiguration;  // where clients find the token server; empty: not told
    std::size_t maxTokenOctets = 0;
};

class OauthExchange : public Exchange {
public:
    enum class Form { OauthBearer, Xoauth2 };
    using Judge = std::function<TokenVerdict(const std::string& token)>;
    using NameOf = std::function<std::string(const std::string& name)>;

    // judge: what a token is; nameOf: a name as the judge tells names, or empty; both outlive the exchange.
    OauthExchange(Form form, std::string hostName, const Advice& advice, const Judge& judge, const NameOf& nameOf)
        : _form(form), _hostName(std::move(hostName)), _advice(advice), _judge(judge), _nameOf(nameOf) {}

    [[nodiscard]] ExchangeStep step(const std::string& octets) override;

private:
    [[nodiscard]] ExchangeStep refused(Verdict verdict, const char* status, const char* number) const;

    const Form _form;
    const std::string _hostName;  // that the client asked for by TLS; may be empty
    const Advice& _advice;
    const Judge& _judge;
    const NameOf& _nameOf;
};

}  // namespace maildock::oauth2
