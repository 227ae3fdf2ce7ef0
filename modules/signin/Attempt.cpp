#include "modules/signin/Attempt.h"

#include "modules/signin/GsaslExchange.h"
#include "modules/signin/LoginExchange.h"
#include "modules/signin/PlainExchange.h"

namespace maildock::signin {

Attempt::Attempt(std::shared_ptr<const Desk> desk, Client client, std::string mechanism, bool offersBinding)
    : _desk(std::move(desk)),
      _inquiry(_desk, std::move(client)),
      _plugin(_desk->pluginFor(mechanism)),
      _mechanism(std::move(mechanism)),
      _offersBinding(offersBinding),
      _isServerFirst(_mechanism == "LOGIN" || _mechanism == "CRAM-MD5") {
    if (_plugin != nullptr) _isServerFirst = _desk->mechanismOfPlugin(_mechanism)->isServerFirst;
}

std::unique_ptr<Attempt> Attempt::byPassword(std::shared_ptr<const Desk> desk, Client client, std::string user,
                                             Secret password) {
    auto attempt = std::make_unique<Attempt>(std::move(desk), std::move(client), "", false);
    attempt->_typedUser = std::move(user);
    attempt->_typedPassword = std::move(password);
    return attempt;
}

std::unique_ptr<Exchange> Attempt::makeExchange() {
    if (_mechanism == "PLAIN") return std::make_unique<PlainExchange>(_inquiry);
    if (_mechanism == "LOGIN") return std::make_unique<LoginExchange>(_inquiry);
    if (_plugin == nullptr) return std::make_unique<GsaslExchange>(_inquiry, _mechanism, _offersBinding);
    auto exchange = _plugin->authenticator->begin(_mechanism, _inquiry.client().facts);
    if (!exchange) throw std::runtime_error("does not serve " + _mechanism + " after all");
    return exchange;
}

Attempt::Result Attempt::step(const std::string& octets) {
    try {
        return advance(octets);
    } catch (const MalformedAnswer& error) {
        Result result;
        result.kind = Result::Kind::Malformed;
        result.text = error.what();
        return result;
    } catch (const std::exception& error) {
        Result result;
        result.user = _inquiry.user();
        result.verdict = {Outcome::TemporaryFailure, {}, error.what()};
        if (_plugin != nullptr) result.verdict.reason = _plugin->name + ": " + result.verdict.reason;
        return result;
    }
}

Attempt::Result Attempt::advance(const std::string& octets) {
    if (_mechanism.empty()) {
        const bool isRight = _inquiry.verify(_typedUser, _typedPassword.text());
        _typedPassword = Secret();
        return settled({isRight ? ExchangeStep::Kind::Success : ExchangeStep::Kind::Failure, {}, {}, {}});
    }
    if (!_exchange) _exchange = makeExchange();
    // RFC 4422 3.5: a protocol whose success carries no octets sends them as a challenge, answered by nothing.
    if (_isLastTold) {
        if (!octets.empty()) throw MalformedAnswer("Nothing was left to be answered");
        return settled(_last);
    }
    if (_refusal) return std::move(*_refusal);
    ExchangeStep step = _exchange->step(octets);
    // Counted now: a client may cancel, or just go away.
    if (step.kind == ExchangeStep::Kind::Failure && !step.octets.empty()) {
        _refusal = settled(step);
        Result result;
        result.kind = Result::Kind::Challenge;
        result.isRefused = true;
        result.challenge = std::move(step.octets);
        return result;
    }
    if (step.kind == ExchangeStep::Kind::Success && !step.octets.empty()) {
        _isLastTold = true;
        _last = std::move(step);
        Result result;
        result.kind = Result::Kind::Challenge;
        result.challenge = _last.octets;
        return result;
    }
    if (step.kind == ExchangeStep::Kind::Challenge) {
        if (++_challenges > maxChallenges) throw MalformedAnswer("The exchange comes to no end");
        Result result;
        result.kind = Result::Kind::Challenge;
        result.challenge = std::move(step.octets);
        return result;
    }
    return settled(step);
}

Attempt::Result Attempt::settled(const ExchangeStep& step) {
    if (_plugin != nullptr) _inquiry.take(*_plugin, step.verdict);
    // Without one too: an admin is nobody's account.
    if (step.kind == ExchangeStep::Kind::Success) _inquiry.actFor(step.authorization);
    Result result;
    result.verdict = _inquiry.decision().verdict;
    if (step.kind == ExchangeStep::Kind::Failure && result.verdict.outcome == Outcome::Success) {
        result.verdict = {Outcome::WrongPassword, {}, step.verdict.reason};
    }
    if (result.verdict.reason.empty()) result.verdict.reason = step.verdict.reason;
    result.user = _inquiry.user();
    result.actingBy = _inquiry.actingBy();
    result.refusal = _inquiry.refusal();
    if (!_inquiry.client().isExempt) result.nearness = _desk->guesses().nearness(_inquiry.client().facts.clientAddress);
    _desk->lookAtKeys();
    return result;
}

}  // namespace maildock::signin
