// The mechanism PLAIN (RFC 4616). Not GNU SASL's, which changes a password by SASLprep before anybody looks at it:
// hashes in existing files were made of passwords as they were typed.
#pragma once

#include <string>

#include "base/Secret.h"
#include "modules/api/Exchange.h"
#include "modules/signin/Inquiry.h"
#include "modules/signin/MalformedAnswer.h"

namespace maildock::signin {

class PlainExchange : public Exchange {
public:
    explicit PlainExchange(Inquiry& inquiry) : _inquiry(inquiry) {}

    // authzid NUL authcid NUL password (RFC 4616 2). Throws MalformedAnswer.
    [[nodiscard]] ExchangeStep step(const std::string& octets) override {
        const std::size_t first = octets.find('\0');
        const std::size_t second = first == std::string::npos ? first : octets.find('\0', first + 1);
        if (second == std::string::npos || octets.find('\0', second + 1) != std::string::npos)
            throw MalformedAnswer("The answer is not what PLAIN asks for");
        const Secret password(std::string_view(octets).substr(second + 1));
        const bool isRight = _inquiry.verify(octets.substr(first + 1, second - first - 1), password.text());
        return {isRight ? ExchangeStep::Kind::Success : ExchangeStep::Kind::Failure, {}, {}, octets.substr(0, first)};
    }

private:
    Inquiry& _inquiry;
};

}  // namespace maildock::signin
