// One attempt to sign in by one mechanism, protocol aside: the client's octets in, challenges and in the end a verdict
// out. Owned by whoever holds the connection; used by one thread at a time, and step() may block.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/Secret.h"
#include "modules/api/Exchange.h"
#include "modules/signin/Inquiry.h"

namespace maildock::signin {

class Attempt {
public:
    // More than any mechanism has; GNU SASL's SCRAM answers empty answers forever.
    static constexpr int maxChallenges = 20;

    struct Result {
        enum class Kind {
            Challenge,  // `challenge` goes to the client
            Settled,    // `verdict` says how
            Malformed   // `text`, for the client
        };
        Kind kind = Kind::Settled;
        bool isRefused = false;  // of a Challenge: whatever the client answers, it is refused
        std::string challenge, text;
        Verdict verdict;
        std::string user;      // who signs in, as typed; may be empty if the mechanism came to no name
        std::string actingBy;  // who acts for the user of the verdict, if that is another
        Guesses::Refusal refusal = Guesses::Refusal::None;
        double nearness = 0;  // how near the address is to its limit of failures: 0 far, 1 there
    };

    // A mechanism that offered() names for this client; `offersBinding`: its form with channel binding is among them.
    Attempt(std::shared_ptr<const Desk> desk, Client client, std::string mechanism, bool offersBinding);
    // By user and password, as the command LOGIN has them.
    static std::unique_ptr<Attempt> byPassword(std::shared_ptr<const Desk> desk, Client client, std::string user,
                                               Secret password);

    // Begins with a challenge: step("") first.
    [[nodiscard]] bool isServerFirst() const { return _isServerFirst; }
    // Never throws.
    [[nodiscard]] Result step(const std::string& octets);

private:
    [[nodiscard]] Result advance(const std::string& octets);
    [[nodiscard]] std::unique_ptr<Exchange> makeExchange();
    [[nodiscard]] Result settled(const ExchangeStep& step);

    std::shared_ptr<const Desk> _desk;  // outlives what its plugins made
    Inquiry _inquiry;
    const NamedAuthenticator* _plugin = nullptr;  // whose exchange it is
    std::unique_ptr<Exchange> _exchange;
    const std::string _mechanism;  // empty: the command LOGIN, whose are
    std::string _typedUser;
    Secret _typedPassword;
    const bool _offersBinding;
    bool _isServerFirst = false;
    int _challenges = 0;
    bool _isLastTold = false;  // the exchange is done, and the client still has to take note of its last octets
    ExchangeStep _last;
    std::optional<Result> _refusal;  // likewise; what is left to be told to the client
};

}  // namespace maildock::signin
