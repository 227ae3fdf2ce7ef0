#include "modules/maildock/AuthCommands.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <functional>
#include <iostream>
#include <optional>

#include "modules/host/Assembly.h"
#include "modules/maildock/NewPassword.h"
#include "modules/maildock/Terminal.h"
#include "modules/maildock/TreeCheck.h"
#include "modules/maildock/UsersFile.h"
#include "modules/signin/Chain.h"
#include "modules/signin/Names.h"

namespace maildock {

namespace {

constexpr std::uint32_t scramIterations = 4096;  // the default of auth.scram.iterations

const char* nameOf(Outcome outcome) {
    switch (outcome) {
        case Outcome::Success:
            return "yes";
        case Outcome::WrongPassword:
            return "wrong password";
        case Outcome::UnknownUser:
            return "unknown user";
        case Outcome::Disabled:
            return "disabled";
        case Outcome::TemporaryFailure:
            return "could not ask";
    }
    return "";
}

void tell(const Account& account, std::ostream& out) {
    const auto line = [&out](const std::string& name, const std::string& value) {
        if (!value.empty()) out << "    " << name << ": " << value << '\n';
    };
    line("user", account.user);
    line("uid", account.uid ? std::to_string(*account.uid) : "");
    line("gid", account.gid ? std::to_string(*account.gid) : "");
    line("home", account.home);
    line("mail location", account.mailLocation);
    std::string networks;
    for (const std::string& network : account.allowedNetworks) networks += (networks.empty() ? "" : ", ") + network;
    line("allowed networks", networks);
    for (const auto& [name, value] : account.extra) line(name, value.empty() ? "(set)" : value);
}

// What one source answers, and after how long.
Verdict tellAnswer(const std::string& name, const std::function<Verdict()>& ask, std::ostream& out) {
    const auto began = std::chrono::steady_clock::now();
    Verdict verdict;
    try {
        verdict = ask();
    } catch (const std::exception& error) {
        verdict = {Outcome::TemporaryFailure, {}, error.what()};
    }
    const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - began;
    out << name << ": " << nameOf(verdict.outcome);
    if (!verdict.reason.empty()) out << " (" << verdict.reason << ")";
    out << ", " << std::round(took.count() * 10) / 10 << " ms\n";
    if (verdict.outcome == Outcome::Success) tell(verdict.account, out);
    return verdict;
}

// RFC 7628 3.1, the client's side.
std::string bearerAnswer(const std::string& user, const std::string& token) {
    std::string name;
    for (const char c : user) name += c == ',' ? "=2C" : c == '=' ? "=3D" : std::string(1, c);
    return "n,a=" + name + ",\x01" + "auth=Bearer " + token + "\x01\x01";
}

// Which plugin takes the token, and what the others tell of the user.
int testToken(const host::Assembly& assembly, const signin::Chain& chain, const std::string& user,
              const std::string& token, std::ostream& out) {
    ExchangeFacts facts;
    facts.service = "imap";
    facts.isTls = true;
    bool isServed = false;
    for (const NamedAuthenticator& plugin : chain.plugins()) {
        const std::vector<Mechanism> mechanisms = plugin.authenticator->mechanisms();
        const bool takesTokens = std::any_of(mechanisms.begin(), mechanisms.end(),
                                             [](const Mechanism& one) { return one.name == "OAUTHBEARER"; });
        if (!takesTokens || isServed) continue;
        isServed = true;
        ExchangeStep step;
        const auto ask = [&] {
            step = plugin.authenticator->begin("OAUTHBEARER", facts)->step(bearerAnswer(user, token));
            return step.verdict;
        };
        const Verdict told = tellAnswer(plugin.name, ask, out);
        const auto complete = [&]() -> Verdict {
            Verdict verdict = told;
            verdict.reason = plugin.name + (told.reason.empty() ? "" : ": " + told.reason);
            if (verdict.outcome != Outcome::Success) return verdict;
            if (step.authorization.empty()) return chain.completed(plugin, std::move(verdict)).verdict;
            if (plugin.authenticator->mayActFor(told.account.user, user)) return chain.lookup(user).verdict;
            return {Outcome::WrongPassword, {}, verdict.reason + ": acting for another user is not allowed"};
        };
        if (const Verdict verdict = tellAnswer("all together", complete, out); verdict.outcome == Outcome::Success) {
            out << "decided by " << plugin.name << std::endl;
            tellTree(assembly, verdict.account, out);
            return 0;
        }
    }
    if (!isServed) out << "no plugin takes tokens" << std::endl;
    return 1;
}

}  // namespace

int makePassword(const std::string& scheme, const std::string& user, const std::string& usersFile, std::ostream& out) {
    try {
        if (user.find_first_of(":\n\r") != std::string::npos) throw std::runtime_error("a user's name has no colon");
        const std::string& chosen = scheme.empty() ? passwordSchemes().front() : scheme;
        static_cast<void>(newPassword(chosen, "to know whether there is such a scheme", scramIterations));
        const std::string password = askSecret("Password: ");
        if (askSecret("The same again: ") != password) throw std::runtime_error("the two passwords differ");
        const std::string field = newPassword(chosen, password, scramIterations);
        if (usersFile.empty()) {
            out << (user.empty() ? field : user + ":" + field + "::::::") << std::endl;
        } else {
            const bool wasKnown = setPassword(usersFile, user, field);
            out << usersFile << ": " << user << (wasKnown ? " has a new password" : " is new") << std::endl;
        }
        return 0;
    } catch (const std::runtime_error& error) {
        std::cerr << "maildock: " << error.what() << std::endl;
        return 1;
    }
}

int testUser(const std::string& configFile, const std::string& user, CommandLine::Proof proof, std::ostream& out) {
    host::Assembly assembly(configFile);
    if (!host::hasErrors(assembly.complaints())) assembly.configurePlugins();
    if (host::hasErrors(assembly.complaints())) {
        for (const host::Complaint& one : assembly.complaints()) std::cerr << one.toString() << '\n';
        return 78;
    }
    const std::optional<std::string> name = signin::preparedName(user);
    if (!name) {
        std::cerr << "maildock: " << user << " is no name that RFC 4013 allows\n";
        return 1;
    }
    std::optional<std::string> password, token;
    if (proof != CommandLine::Proof::None) {
        try {
            if (proof == CommandLine::Proof::Password)
                password = askSecret("Password: ");
            else
                token = askLongSecret("Token: ");
        } catch (const TerminalError& error) {
            std::cerr << "maildock: " << error.what() << std::endl;
            return 1;
        }
    }
    const auto environment = assembly.environmentFor("maildock");
    const signin::Chain chain = signin::Chain::from(environment->authenticators, *environment->settings);
    if (token) return testToken(assembly, chain, *name, *token, out);
    for (const NamedAuthenticator& plugin : environment->authenticators) {
        const auto ask = [&] {
            return password ? plugin.authenticator->verify(*name, *password) : plugin.authenticator->lookup(*name);
        };
        tellAnswer(plugin.name, ask, out);
        for (const char* const hash : {"SHA-256", "SHA-1"}) {
            try {
                if (plugin.authenticator->scramKeys(*name, hash)) out << "    keys for SCRAM-" << hash << '\n';
            } catch (const std::exception&) {  // NOLINT(bugprone-empty-catch): told above
            }
        }
    }
    std::string decidedBy;
    const Verdict verdict = tellAnswer(
        "all together",
        [&] {
            const signin::Decision decision = password ? chain.verify(*name, *password) : chain.lookup(*name);
            if (decision.decidedBy != nullptr) decidedBy = decision.decidedBy->name;
            return decision.verdict;
        },
        out);
    if (!decidedBy.empty()) out << "decided by " << decidedBy << std::endl;
    if (verdict.outcome == Outcome::Success) tellTree(assembly, verdict.account, out);
    return verdict.outcome == Outcome::Success ? 0 : 1;
}

}  // namespace maildock
