// The mechanism LOGIN (draft-murchison-sasl-login), which Outlook uses: asks for the name, then for the password. Not
// GNU SASL's, whose questions are worded otherwise than the ones that every client was tested with.
#pragma once

#include <string>

#include "modules/api/Exchange.h"
#include "modules/signin/Inquiry.h"

namespace maildock::signin {

class LoginExchange : public Exchange {
public:
    explicit LoginExchange(Inquiry& inquiry) : _inquiry(inquiry) {}

    // The client may send the name with the command, though the mechanism begins with the server: old clients do.
    [[nodiscard]] ExchangeStep step(const std::string& octets) override {
        using Kind = ExchangeStep::Kind;
        if (_wanted == Wanted::Nothing && octets.empty()) {
            _wanted = Wanted::Name;
            return {Kind::Challenge, "Username:", {}, {}};
        }
        if (_wanted != Wanted::Password) {
            _wanted = Wanted::Password;
            _user = octets;
            return {Kind::Challenge, "Password:", {}, {}};
        }
        return {_inquiry.verify(_user, octets) ? Kind::Success : Kind::Failure, {}, {}, {}};
    }

private:
    enum class Wanted { Nothing, Name, Password };

    Inquiry& _inquiry;
    std::string _user;
    Wanted _wanted = Wanted::Nothing;  // what was asked for last
};

}  // namespace maildock::signin
