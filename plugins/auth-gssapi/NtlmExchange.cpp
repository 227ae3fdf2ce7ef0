#include "plugins/auth-gssapi/NtlmExchange.h"

#include <Poco/String.h>
#include <openssl/crypto.h>
#include <sys/mman.h>
#include <unistd.h>

#include <stdexcept>

#include "plugins/auth-gssapi/NtlmMessages.h"
#include "plugins/auth-gssapi/NtlmUsers.h"

namespace maildock::gssapi {

namespace {

// The name without its domain, of a name that the library shows.
std::string withoutDomain(const std::string& name) {
    const std::size_t separator = name.find('\\');
    return separator == std::string::npos ? name : name.substr(separator + 1);
}

// A file of one line that only this process has, for a library that takes its users from a file.
class OneLineFile {
public:
    // Throws std::runtime_error.
    explicit OneLineFile(const std::string& line) : _file(::memfd_create("ntlm-user", MFD_CLOEXEC)) {
        const bool isWritten =
            _file >= 0 && ::write(_file, line.data(), line.size()) == static_cast<ssize_t>(line.size());
        if (isWritten) return;
        if (_file >= 0) ::close(_file);
        throw std::runtime_error("no file in memory can be made");
    }
    ~OneLineFile() { ::close(_file); }
    OneLineFile(const OneLineFile&) = delete;
    OneLineFile& operator=(const OneLineFile&) = delete;
    [[nodiscard]] std::string path() const { return "/proc/self/fd/" + std::to_string(_file); }

private:
    const int _file;
};

// Whom a claim is about.
struct Candidate {
    std::string name;  // as it stands in the file
    std::string hash;
    Outcome outcome = Outcome::Success;
    std::string fault;  // unless Success; the file's name belongs behind it
};

// Throws std::exception.
Candidate candidateFor(const NtlmClaim& claim, const NtlmRules& rules) {
    const NtlmUsers users = NtlmUsers::read(rules.usersFile);
    const std::vector<const NtlmUser*> found = users.find(claim.user);
    // Those who are not in the file are held against a hash too: it takes as long.
    if (found.empty()) {
        return {{}, rules.hash->of("nobody"), Outcome::UnknownUser, "is not in "};
    }
    const NtlmUser& user = *found.front();
    Candidate candidate;
    candidate.name = user.name;
    candidate.hash = user.hash.empty() ? rules.hash->of(user.password) : std::string(user.hash);
    const bool isOfDomain =
        claim.domain.empty() || user.domain.empty() || Poco::icompare(user.domain, claim.domain) == 0;
    const auto refuse = [&candidate](Outcome outcome, const std::string& fault) {
        candidate.outcome = outcome;
        candidate.fault = fault;
    };
    if (found.size() > 1)
        refuse(Outcome::WrongPassword, "stands more than once in ");
    else if (!isOfDomain)
        refuse(Outcome::WrongPassword, "is of another domain in ");
    else if (user.isDisabled)
        refuse(Outcome::Disabled, "is disabled in ");
    return candidate;
}

}  // namespace

NtlmExchange::NtlmExchange(const NtlmRules& rules, const std::string& service)
    : _rules(rules), _service(service + "@" + rules.host) {}

ExchangeStep NtlmExchange::failure(Outcome outcome, const std::string& reason) const {
    Verdict verdict{outcome, {}, reason};
    verdict.account.user = _user;
    return {ExchangeStep::Kind::Failure, {}, verdict, {}};
}

ExchangeStep NtlmExchange::step(const std::string& octets) {
    return _isChallenged ? settle(octets) : answerNegotiate(octets);
}

ExchangeStep NtlmExchange::answerNegotiate(const std::string& message) {
    if (const std::string fault = faultOfNegotiate(message); !fault.empty()) {
        return failure(Outcome::WrongPassword, fault);
    }
    const Context::Step step =
        _context.accept(credentialFor(_service, noUsers), withVersion(message), GSS_C_NO_CHANNEL_BINDINGS);
    if (step.major != GSS_S_CONTINUE_NEEDED) {
        return failure(Outcome::WrongPassword,
                       errorText("gss_accept_sec_context", step.major, step.minor, ntlmMechanism()));
    }
    _flags = flagsOfChallenge(step.token);
    _isChallenged = true;
    return {ExchangeStep::Kind::Challenge, step.token, {}, {}};
}

ExchangeStep NtlmExchange::settle(const std::string& message) {
    const NtlmClaim claim = parseAuthenticate(message, _flags);
    _claimed = claim.domain.empty() ? claim.user : claim.domain + "\\" + claim.user;
    _user = _claimed;
    if (!claim.fault.empty()) return failure(Outcome::WrongPassword, claim.fault);
    Candidate candidate;
    try {
        candidate = candidateFor(claim, _rules);
    } catch (const std::exception& error) {
        return failure(Outcome::TemporaryFailure, error.what());
    }
    // Guesses are counted by the user, whatever domains they name.
    const MappedName mapped = userNamed(candidate.name, _rules.names);
    if (!mapped.user.empty()) _user = mapped.user;
    const Context::Step step = prove(message, candidate.hash);
    if (candidate.outcome != Outcome::Success) {
        return failure(candidate.outcome, _claimed + " " + candidate.fault + _rules.usersFile);
    }
    if (step.major != GSS_S_COMPLETE) {
        const std::string text = errorText("gss_accept_sec_context", step.major, step.minor, ntlmMechanism());
        return failure(Outcome::WrongPassword, _claimed + ": wrong password, " + text);
    }
    // That the library read the same name in the message as we did.
    const bool isSame = Poco::icompare(withoutDomain(_context.client().text()), claim.user) == 0;
    if (!isSame || !_context.isOf(ntlmMechanism()) || _context.has(GSS_C_ANON_FLAG)) {
        return failure(Outcome::WrongPassword, "the library proved somebody else: " + _context.client().text());
    }
    if (mapped.user.empty()) return failure(Outcome::UnknownUser, mapped.fault);
    ExchangeStep success{ExchangeStep::Kind::Success, {}, {Outcome::Success, {}, _claimed}, {}};
    success.verdict.account.user = mapped.user;
    return success;
}

// The line is smbpasswd's, with the names as the client spells them: the domain's letters count in the proof.
Context::Step NtlmExchange::prove(const std::string& message, const std::string& hash) {
    std::string line = _claimed + ":0:" + std::string(hash.size(), 'X') + ":" + hash + ":[U          ]:LCT-00000000:\n";
    const OneLineFile file(line);
    OPENSSL_cleanse(line.data(), line.size());
    return _context.accept(credentialFor(_service, file.path()), withPlaces(message), GSS_C_NO_CHANNEL_BINDINGS);
}

}  // namespace maildock::gssapi
