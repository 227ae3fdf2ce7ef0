#include "modules/signin/Desk.h"

#include <Poco/Logger.h>
#include <fcntl.h>
#include <gsasl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <stdexcept>

#include "modules/signin/Digest.h"
#include "modules/signin/GsaslExchange.h"

namespace maildock::signin {

namespace {

constexpr std::array<const char*, 2> hashes = {"SHA-1", "SHA-256"};
constexpr std::size_t secretOctets = 32;
constexpr std::size_t saltOctets = 16;  // as `maildock passwd` and `doveadm pw` make them

// The strongest first: clients that do not choose take the first that they know.
constexpr std::array ownMechanisms = {
    "SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "SCRAM-SHA-1-PLUS", "SCRAM-SHA-1", "EXTERNAL", "CRAM-MD5", "PLAIN", "LOGIN"};

bool contains(const std::vector<std::string>& names, const std::string& name) {
    return std::find(names.begin(), names.end(), name) != names.end();
}

KeySpec bounded(std::string name, KeyKind kind, std::string value, std::string description, std::int64_t least,
                std::int64_t most) {
    return {std::move(name), kind, std::move(value), std::move(description), {}, least, most};
}

Guesses::Limits limitsFrom(const Settings& settings) {
    Guesses::Limits limits;
    limits.perAddress = static_cast<std::size_t>(settings.number("auth.limit.perAddress"));
    limits.perUser = static_cast<std::size_t>(settings.number("auth.limit.perUser"));
    limits.forgiveness = std::chrono::seconds(settings.seconds("auth.limit.forgive"));
    return limits;
}

}  // namespace

std::vector<KeySpec> Desk::keys() {
    return {
        {"auth.chain",
         KeyKind::Choice,
         "first-known",
         "Which plugin decides: the first that knows the user, or the first that takes the password.",
         {"first-known", "first-success"},
         {},
         {}},
        {"auth.merge",
         KeyKind::Choice,
         "where-missing",
         "When the other plugins are asked for what the deciding one does not tell: if it tells no home and no mail "
         "location, always, or never.",
         {"where-missing", "always", "never"},
         {},
         {}},
        bounded("auth.cache", KeyKind::Seconds, "60",
                "How long a right password is remembered, if its plugin can tell when that may have changed; 0: not.",
                0, 86400),
        {"auth.cacheUnseen",
         KeyKind::List,
         "",
         "Plugins whose right passwords are remembered although they can't tell when that may have changed.",
         {},
         {},
         {}},
        bounded("auth.limit.perAddress", KeyKind::Number, "30",
                "Failed log-ins of an address, over all connections, after which no more are tried; 0: no limit.", 0,
                100000),
        bounded("auth.limit.perUser", KeyKind::Number, "30",
                "Failed log-ins of a user, over all connections, after which no more are tried but from addresses "
                "where he has logged in before; 0: no limit.",
                0, 100000),
        bounded("auth.limit.forgive", KeyKind::Seconds, "60", "How long it takes until one failed log-in is forgiven.",
                1, 86400),
        {"auth.limit.exempt",
         KeyKind::List,
         "",
         "Networks whose failed log-ins are not counted over connections, such as that of a webmail.",
         {},
         {},
         {}},
        bounded("auth.scram.iterations", KeyKind::Number, "4096",
                "The iterations of SCRAM keys that are made here, and told for users who do not exist.", 4096,
                10000000),
    };
}

Desk::Desk(std::shared_ptr<const Environment> environment, const Desk* previous)
    : _environment(std::move(environment)),
      _chain(Chain::from(_environment->authenticators, *_environment->settings)),
      _cache(std::chrono::seconds(_environment->settings->seconds("auth.cache"))),
      _limits(limitsFrom(*_environment->settings)),
      _iterations(static_cast<std::uint32_t>(_environment->settings->number("auth.scram.iterations"))) {
    const bool isSame = previous != nullptr && previous->_limits.perAddress == _limits.perAddress &&
                        previous->_limits.perUser == _limits.perUser &&
                        previous->_limits.forgiveness == _limits.forgiveness;
    _guesses = isSame ? previous->_guesses : std::make_shared<Guesses>(_limits);
    for (const NamedAuthenticator& plugin : _chain.plugins()) {
        _verifiesPasswords = _verifiesPasswords || plugin.authenticator->verifiesPasswords();
        for (Mechanism& mechanism : plugin.authenticator->mechanisms()) {
            const bool isTaken = contains({ownMechanisms.begin(), ownMechanisms.end()}, mechanism.name) ||
                                 pluginFor(mechanism.name) != nullptr;
            if (!isTaken) _brought.push_back({std::move(mechanism), &plugin});
        }
    }
    lookAtKeys();
    if (previous != nullptr && !previous->_decoySecret.empty())
        _decoySecret = previous->_decoySecret;
    else
        readSecret();
    if (gsasl_init(&_library) != GSASL_OK) throw std::runtime_error("GNU SASL can't start");
    gsasl_callback_set(_library, GsaslExchange::callback);
}

Desk::~Desk() {
    gsasl_done(_library);
}

// Decoys are to be the same after a restart, as real salts are. Where that can't be kept they last as long as the
// process.
void Desk::readSecret() {
    _decoySecret.clear();
    const std::string folder = _environment->settings->path("state.path");
    const std::string path = folder + "/scram-secret";
    if (!folder.empty()) {
        if (const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW); file >= 0) {
            std::string read(secretOctets, '\0');
            if (::read(file, read.data(), read.size()) == static_cast<ssize_t>(secretOctets)) _decoySecret = read;
            ::close(file);
        }
    }
    if (!_decoySecret.empty()) return;
    _decoySecret = randomOctets(secretOctets);
    if (folder.empty()) return;
    ::mkdir(folder.c_str(), 0700);
    const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    const bool isKept =
        file >= 0 && ::write(file, _decoySecret.data(), secretOctets) == static_cast<ssize_t>(secretOctets);
    if (file >= 0) ::close(file);
    if (!isKept && _environment->logger != nullptr) {
        _environment->logger->warning("cannot keep " + path +
                                      ": whoever asks SCRAM for users before and after a restart can tell which exist");
    }
}

ScramKeys Desk::decoyKeys(const std::string& user, const std::string& hash) const {
    ScramKeys keys;
    keys.iterations = _iterations;
    keys.salt = keyedDigest(_decoySecret, "salt " + hash + " " + user).substr(0, saltOctets);
    const std::size_t length = hash == "SHA-1" ? 20 : 32;
    keys.storedKey = randomOctets(length);
    keys.serverKey = randomOctets(length);
    return keys;
}

void Desk::lookAtKeys() const {
    for (std::size_t i = 0; i < hashes.size(); ++i) {
        // A user whom the first plugin does not know may be the second one's: all of them have to have keys.
        bool hasSome = false, hasAll = !_chain.plugins().empty();
        for (const NamedAuthenticator& plugin : _chain.plugins()) {
            ScramKeyHolders holders = ScramKeyHolders::Nobody;
            try {
                holders = plugin.authenticator->scramKeyHolders(hashes[i]);
            } catch (const std::exception&) {  // NOLINT(bugprone-empty-catch): then it has none at the moment
            }
            const bool countsForUsers =
                plugin.authenticator->verifiesPasswords() && plugin.authenticator->providesUsers();
            hasSome = hasSome || holders != ScramKeyHolders::Nobody;
            hasAll = hasAll && (holders == ScramKeyHolders::Everybody || !countsForUsers);
        }
        _holders[i] = !hasSome ? ScramKeyHolders::Nobody : hasAll ? ScramKeyHolders::Everybody : ScramKeyHolders::Some;
    }
}

const NamedAuthenticator* Desk::pluginFor(const std::string& mechanism) const {
    const auto found = std::find_if(_brought.begin(), _brought.end(),
                                    [&](const Brought& one) { return one.mechanism.name == mechanism; });
    return found == _brought.end() ? nullptr : found->plugin;
}

const Mechanism* Desk::mechanismOfPlugin(const std::string& name) const {
    const auto found =
        std::find_if(_brought.begin(), _brought.end(), [&](const Brought& one) { return one.mechanism.name == name; });
    return found == _brought.end() ? nullptr : &found->mechanism;
}

std::vector<std::string> Desk::known() const {
    std::vector<std::string> names;
    for (const Brought& one : _brought) names.push_back(one.mechanism.name);
    names.insert(names.end(), ownMechanisms.begin(), ownMechanisms.end());
    return names;
}

// isNamed: the admin asks for it by name.
bool Desk::canServe(const std::string& mechanism, bool isNamed) const {
    if (mechanismOfPlugin(mechanism) != nullptr || mechanism == "EXTERNAL") return true;
    if (mechanism == "PLAIN" || mechanism == "LOGIN") return _verifiesPasswords;
    if (mechanism == "CRAM-MD5") return isNamed;
    const ScramKeyHolders holders = _holders[mechanism.starts_with("SCRAM-SHA-256") ? 1 : 0];
    return holders == ScramKeyHolders::Everybody || (isNamed && holders == ScramKeyHolders::Some);
}

std::vector<std::string> Desk::offered(const std::vector<std::string>& allowed, const Client& client) const {
    std::vector<std::string> names;
    for (const std::string& name : known()) {
        const bool isNamed = contains(allowed, name);
        if ((!allowed.empty() && !isNamed) || !canServe(name, isNamed)) continue;
        const Mechanism* const brought = mechanismOfPlugin(name);
        const bool revealsSecret = brought != nullptr ? brought->revealsSecret : name == "PLAIN" || name == "LOGIN";
        if (revealsSecret && !client.mayRevealSecrets) continue;
        if (name == "EXTERNAL" && client.certificateUser.empty()) continue;
        // Clients that take a -PLUS form and then can't bind go on with LOGIN (mutt 2.2): only for those who ask for
        // it.
        const bool hasBinding = !client.facts.exporterBinding.empty() || !client.facts.uniqueBinding.empty();
        if (name.ends_with("-PLUS") && brought == nullptr && !(hasBinding && isNamed)) continue;
        names.push_back(name);
    }
    return names;
}

std::vector<std::string> Desk::unserved(const std::vector<std::string>& allowed) const {
    const std::vector<std::string> names = known();
    std::vector<std::string> missing;
    for (const std::string& name : allowed) {
        if (!contains(names, name) || !canServe(name, true)) missing.push_back(name);
    }
    return missing;
}

}  // namespace maildock::signin
