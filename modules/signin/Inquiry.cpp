#include "modules/signin/Inquiry.h"

#include "base/Secret.h"
#include "modules/signin/Digest.h"
#include "modules/signin/Names.h"

namespace maildock::signin {

// Names that differ only in what plugins may not tell apart are counted as one.
Guesses::Refusal Inquiry::beginGuess(const std::string& name, Guesses::Hold& hold) const {
    if (_client.isExempt) return Guesses::Refusal::None;
    std::string counted = name.substr(0, 255);
    for (char& c : counted) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
    return _desk->guesses().begin(_client.facts.clientAddress, counted, hold);
}

bool Inquiry::refuse(Guesses::Refusal why) {
    _refusal = why;
    _decision = {{Outcome::WrongPassword,
                  {},
                  why == Guesses::Refusal::Address ? "too many failures of this address: not even looked at"
                                                   : "too many failures of this user: not even looked at"},
                 nullptr};
    return false;
}

bool Inquiry::admit(const std::string& typed, std::string& name, Guesses::Hold& hold) {
    _user = typed;
    const std::optional<std::string> prepared = preparedName(typed);
    name = prepared.value_or("");
    if (const Guesses::Refusal why = beginGuess(name, hold); why != Guesses::Refusal::None) return refuse(why);
    if (prepared) return true;
    _decision = {{Outcome::UnknownUser, {}, "the name is none that RFC 4013 allows"}, nullptr};
    settle(hold, "");
    return false;
}

void Inquiry::settle(Guesses::Hold& hold, const std::string& tried) const {
    const Outcome outcome = _decision.verdict.outcome;
    if (outcome == Outcome::Success)
        hold.succeeded();
    else if (outcome != Outcome::TemporaryFailure)
        hold.failed(tried);
}

bool Inquiry::verify(const std::string& user, const std::string& password) {
    Guesses::Hold hold;
    std::string name;
    if (!admit(user, name, hold)) return false;
    const std::optional<std::string> stamp =
        _desk->cache().isInUse() ? _desk->chain().stamp() : std::optional<std::string>();
    const SuccessCache::Asked asked{name, _client.facts.clientAddress, password};
    const std::optional<SuccessCache::Success> remembered =
        stamp ? _desk->cache().find(asked, *stamp) : std::optional<SuccessCache::Success>();
    if (remembered) {
        _decision = {remembered->verdict, _desk->chain().plugin(remembered->by)};
    } else {
        _decision = _desk->chain().verify(name, password, _client.facts.clientAddress);
        if (stamp && _decision.verdict.outcome == Outcome::Success) {
            _desk->cache().remember(asked, *stamp, {_decision.verdict, _decision.decidedBy->name});
        }
    }
    Secret tried;
    tried.reserve(name.size() + 1 + password.size());
    settle(hold, tried.append(name).append({"", 1}).append(password).text());
    return _decision.verdict.outcome == Outcome::Success;
}

bool Inquiry::lookup(const std::string& user) {
    Guesses::Hold hold;
    std::string name;
    if (!admit(user, name, hold)) return false;
    _decision = _desk->chain().lookup(name);
    settle(hold, "");
    return _decision.verdict.outcome == Outcome::Success;
}

std::optional<ScramKeys> Inquiry::scramKeys(const std::string& user, const std::string& hash) {
    Guesses::Hold hold;  // nothing is tried yet: gone without a trace
    if (!admit(user, _name, hold)) {
        if (_refusal != Guesses::Refusal::None) return std::nullopt;
        return _desk->decoyKeys(user, hash);
    }
    Chain::Secret secret = _desk->chain().scramKeys(_name, hash);
    _decision = std::move(secret.decision);
    if (_decision.verdict.outcome == Outcome::TemporaryFailure) return std::nullopt;
    return secret.keys ? std::move(secret.keys) : _desk->decoyKeys(_name, hash);
}

std::optional<std::string> Inquiry::plainPassword(const std::string& user) {
    Guesses::Hold hold;
    if (!admit(user, _name, hold)) {
        if (_refusal != Guesses::Refusal::None) return std::nullopt;
        return randomOctets(16);
    }
    Chain::Secret secret = _desk->chain().plainPassword(_name);
    _decision = std::move(secret.decision);
    if (_decision.verdict.outcome == Outcome::TemporaryFailure) return std::nullopt;
    return secret.password ? std::move(secret.password) : randomOctets(16);
}

bool Inquiry::beginProof() {
    const Guesses::Refusal why = beginGuess(_name, _proof);
    return why == Guesses::Refusal::None || refuse(why);
}

void Inquiry::endProof(bool isRight) {
    Verdict& verdict = _decision.verdict;
    // A decoy's proof can't be right; if it were, the decision stays what it is.
    if (!isRight && verdict.outcome == Outcome::Success) {
        verdict.outcome = Outcome::WrongPassword;
        verdict.reason += ": wrong password";
    }
    settle(_proof, "");
    _proof = Guesses::Hold();
}

void Inquiry::take(const NamedAuthenticator& plugin, Verdict verdict) {
    _user = verdict.account.user;
    verdict.reason = plugin.name + (verdict.reason.empty() ? "" : ": " + verdict.reason);
    const std::optional<std::string> prepared = preparedName(_user);
    Guesses::Hold hold;
    if (const Guesses::Refusal why = beginGuess(prepared.value_or(""), hold); why != Guesses::Refusal::None) {
        static_cast<void>(refuse(why));
        return;
    }
    if (verdict.outcome == Outcome::Success && !prepared) {
        verdict = {Outcome::UnknownUser, {}, verdict.reason + ": tells a name that RFC 4013 does not allow"};
    }
    if (verdict.outcome == Outcome::Success) {
        verdict.account.user = *prepared;
        _decision = _desk->chain().completed(plugin, std::move(verdict));
    } else {
        _decision = {std::move(verdict), &plugin};
    }
    settle(hold, "");
}

bool Inquiry::allowsActingFor(const std::string& self, const std::string& other) const {
    return !other.empty() && _decision.decidedBy != nullptr &&
           _decision.decidedBy->authenticator->mayActFor(self, other);
}

void Inquiry::actFor(const std::string& other) {
    if (_decision.verdict.outcome != Outcome::Success) return;
    const std::string self = _decision.verdict.account.user;
    const std::string name = preparedName(other).value_or("");
    const bool isOnlyForOthers = _decision.decidedBy != nullptr && !_decision.decidedBy->authenticator->providesUsers();
    if (!isOnlyForOthers && (other.empty() || name == self || other == _user)) return;
    if (other.empty()) {
        _decision.verdict = {
            Outcome::Disabled, {}, _decision.verdict.reason + ": an admin has to name whom to act for"};
        return;
    }
    if (!allowsActingFor(self, name)) {
        _decision.verdict = {
            Outcome::WrongPassword, {}, _decision.verdict.reason + ": acting for another user is not allowed"};
        return;
    }
    _actingBy = self;
    const std::vector<std::string> networks = _decision.verdict.account.allowedNetworks;
    _decision = _desk->chain().lookup(name);
    // Where the admin may come from is the admin's matter; the user's own networks do not bind him.
    _decision.verdict.account.allowedNetworks = networks;
    _decision.verdict.reason += " (for the user " + name + ")";
}

}  // namespace maildock::signin
