#include "modules/signin/Chain.h"

#include <algorithm>

namespace maildock::signin {

namespace {

void fillIn(Account& account, const Account& other) {
    if (!account.uid) account.uid = other.uid;
    if (!account.gid) account.gid = other.gid;
    if (account.home.empty()) account.home = other.home;
    if (account.mailLocation.empty()) account.mailLocation = other.mailLocation;
    if (account.allowedNetworks.empty()) account.allowedNetworks = other.allowedNetworks;
    account.extra.insert(other.extra.begin(), other.extra.end());
}

// Nobody is asked any more after these.
bool isFinal(Outcome outcome) {
    return outcome == Outcome::Success || outcome == Outcome::Disabled || outcome == Outcome::TemporaryFailure;
}

}  // namespace

Chain Chain::from(std::vector<NamedAuthenticator> plugins, const Settings& settings) {
    const std::string merge = settings.text("auth.merge");
    return {std::move(plugins), settings.text("auth.chain") == "first-success" ? Rule::FirstSuccess : Rule::FirstKnown,
            merge == "always"  ? Merge::Always
            : merge == "never" ? Merge::Never
                               : Merge::WhereMissing,
            settings.list("auth.cacheUnseen")};
}

Verdict Chain::ask(const NamedAuthenticator& plugin, const Question& question) {
    Verdict verdict;
    try {
        verdict = question(*plugin.authenticator);
    } catch (const std::exception& error) {
        verdict = {Outcome::TemporaryFailure, {}, error.what()};
    } catch (...) {
        verdict = {Outcome::TemporaryFailure, {}, "an exception of an unknown kind"};
    }
    verdict.reason = plugin.name + (verdict.reason.empty() ? "" : ": " + verdict.reason);
    return verdict;
}

Decision Chain::decide(const Question& question, bool isUserOfMail) const {
    Decision last{{Outcome::UnknownUser, {}, "no plugin knows the user"}, nullptr};
    for (const NamedAuthenticator& plugin : _plugins) {
        if (isUserOfMail && !plugin.authenticator->providesUsers()) continue;
        Verdict verdict = ask(plugin, question);
        if (isFinal(verdict.outcome)) return {std::move(verdict), &plugin};
        if (verdict.outcome == Outcome::UnknownUser) continue;
        if (_rule == Rule::FirstKnown) return {std::move(verdict), &plugin};
        if (last.decidedBy == nullptr) last = {std::move(verdict), &plugin};
    }
    return last;
}

Decision Chain::verify(const std::string& user, const std::string& password, const std::string& clientAddress) const {
    Decision decision =
        decide([&](Authenticator& plugin) { return plugin.verifyFrom(user, password, clientAddress); }, false);
    if (decision.verdict.outcome != Outcome::Success) return decision;
    if (decision.verdict.account.user.empty()) decision.verdict.account.user = user;
    return completed(*decision.decidedBy, std::move(decision.verdict));
}

Decision Chain::lookup(const std::string& user) const {
    Decision decision = decide([&](Authenticator& plugin) { return plugin.lookup(user); }, true);
    if (decision.verdict.outcome != Outcome::Success) return decision;
    if (decision.verdict.account.user.empty()) decision.verdict.account.user = user;
    return completed(*decision.decidedBy, std::move(decision.verdict));
}

Decision Chain::completed(const NamedAuthenticator& by, Verdict verdict) const {
    if (!by.authenticator->providesUsers()) return {std::move(verdict), &by};
    const bool isWhole = !verdict.account.home.empty() || !verdict.account.mailLocation.empty();
    const bool isToBeKnown = by.authenticator->wantsKnownUsers();
    const bool isFilledIn = _merge == Merge::Always || (_merge == Merge::WhereMissing && !isWhole);
    if (!isFilledIn && !isToBeKnown) return {std::move(verdict), &by};
    const std::string user = verdict.account.user;
    bool isKnown = false;
    for (const NamedAuthenticator& plugin : _plugins) {
        if (plugin.name == by.name || !plugin.authenticator->providesUsers()) continue;
        Verdict told = ask(plugin, [&](Authenticator& other) { return other.lookup(user); });
        if (told.outcome == Outcome::Disabled || told.outcome == Outcome::TemporaryFailure) {
            told.reason += " (" + by.name + " let the user in)";
            return {std::move(told), &plugin};
        }
        if (told.outcome != Outcome::Success) continue;
        isKnown = true;
        if (isFilledIn) fillIn(verdict.account, told.account);
    }
    if (isToBeKnown && !isKnown) {
        return {{Outcome::UnknownUser, {}, verdict.reason + ": no other plugin knows the user " + user}, &by};
    }
    return {std::move(verdict), &by};
}

template <class Take>
Chain::Secret Chain::secretOf(const std::string& user, const Take& take) const {
    Secret none;
    none.decision.verdict.reason = "no plugin knows the user";
    for (const NamedAuthenticator& plugin : _plugins) {
        Secret secret;
        secret.decision.decidedBy = &plugin;
        secret.decision.verdict = ask(plugin, [&](Authenticator& one) {
            Verdict verdict = one.lookup(user);
            // For an unknown user too, since that may take its time: he is not to be told by it.
            take(one, secret);
            return verdict;
        });
        Verdict& verdict = secret.decision.verdict;
        if (verdict.outcome == Outcome::UnknownUser) continue;
        const bool hasSecret = secret.keys || secret.password;
        if (verdict.outcome == Outcome::Success && !hasSecret) {
            verdict = {Outcome::WrongPassword, {}, verdict.reason + ": what the mechanism needs is not stored"};
            if (_rule == Rule::FirstSuccess) {
                if (none.decision.decidedBy == nullptr) none = std::move(secret);
                continue;
            }
        }
        if (verdict.outcome == Outcome::Success) {
            if (verdict.account.user.empty()) verdict.account.user = user;
            secret.decision = completed(plugin, std::move(verdict));
        }
        if (secret.decision.verdict.outcome != Outcome::Success) {
            secret.keys.reset();
            secret.password.reset();
        }
        return secret;
    }
    return none;
}

Chain::Secret Chain::scramKeys(const std::string& user, const std::string& hash) const {
    return secretOf(user, [&](Authenticator& plugin, Secret& secret) { secret.keys = plugin.scramKeys(user, hash); });
}

Chain::Secret Chain::plainPassword(const std::string& user) const {
    return secretOf(user, [&](Authenticator& plugin, Secret& secret) { secret.password = plugin.plainPassword(user); });
}

const NamedAuthenticator* Chain::plugin(const std::string& name) const {
    const auto found =
        std::find_if(_plugins.begin(), _plugins.end(), [&](const NamedAuthenticator& one) { return one.name == name; });
    return found == _plugins.end() ? nullptr : &*found;
}

std::optional<std::string> Chain::stamp() const {
    std::string all;
    for (const NamedAuthenticator& plugin : _plugins) {
        try {
            const std::optional<std::string> one = plugin.authenticator->stamp();
            const bool isTrusted = std::find(_trusted.begin(), _trusted.end(), plugin.name) != _trusted.end();
            if (!one && !isTrusted) return std::nullopt;
            all += one.value_or("unseen") + "\n";
        } catch (const std::exception&) {
            return std::nullopt;
        }
    }
    return all;
}

}  // namespace maildock::signin
