// What all sign-ins of the process share: the chain of plugins, remembered successes, the guesses counted, which
// mechanisms can be offered. One object a configuration, immutable but for what locks itself; a reload makes the next
// one, which goes on counting guesses. Any thread; what may block says so.
#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "modules/api/Module.h"
#include "modules/signin/Chain.h"
#include "modules/signin/Guesses.h"
#include "modules/signin/SuccessCache.h"

struct Gsasl;

namespace maildock::signin {

// One connection, as far as signing in goes by it.
struct Client {
    ExchangeFacts facts;
    std::string certificateUser;    // whom the verified client certificate names; empty: none was shown
    bool mayRevealSecrets = false;  // passwords may be sent: TLS, or the admin allows it without
    bool isExempt = false;          // its failures are not counted (auth.limit.exempt)
};

class Desk {
public:
    // `previous`: the one that this replaces, or null. May block.
    Desk(std::shared_ptr<const Environment> environment, const Desk* previous);
    ~Desk();
    Desk(const Desk&) = delete;
    Desk& operator=(const Desk&) = delete;

    // The keys that belong to no module, read here.
    [[nodiscard]] static std::vector<KeySpec> keys();

    [[nodiscard]] const Chain& chain() const { return _chain; }
    [[nodiscard]] SuccessCache& cache() const { return _cache; }
    [[nodiscard]] Guesses& guesses() const { return *_guesses; }
    [[nodiscard]] Gsasl* library() const { return _library; }

    // The mechanisms for this client, the strongest first. `allowed`: auth.mechanisms, in capitals; empty: all.
    [[nodiscard]] std::vector<std::string> offered(const std::vector<std::string>& allowed, const Client& client) const;
    // Of `allowed`, those that no connection is ever offered, for the log.
    [[nodiscard]] std::vector<std::string> unserved(const std::vector<std::string>& allowed) const;
    // The plugin that brings the mechanism, or null.
    [[nodiscard]] const NamedAuthenticator* pluginFor(const std::string& mechanism) const;
    [[nodiscard]] const Mechanism* mechanismOfPlugin(const std::string& name) const;

    // Asks the plugins again who has SCRAM keys; may block.
    void lookAtKeys() const;
    // Keys that nobody has, for a name that nobody has: the same each time, with the shape of real ones, so that a
    // client can't tell (RFC 5802 9, RFC 7677 4).
    [[nodiscard]] ScramKeys decoyKeys(const std::string& user, const std::string& hash) const;

private:
    struct Brought {
        Mechanism mechanism;
        const NamedAuthenticator* plugin = nullptr;
    };
    [[nodiscard]] bool canServe(const std::string& mechanism, bool isNamed) const;
    [[nodiscard]] std::vector<std::string> known() const;
    void readSecret();

    std::shared_ptr<const Environment> _environment;
    const Chain _chain;
    mutable SuccessCache _cache;
    Guesses::Limits _limits;
    std::shared_ptr<Guesses> _guesses;
    Gsasl* _library = nullptr;
    std::vector<Brought> _brought;
    bool _verifiesPasswords = false;
    mutable std::array<std::atomic<ScramKeyHolders>, 2> _holders{};  // of SHA-1, SHA-256
    std::string _decoySecret;
    std::uint32_t _iterations = 0;
};

}  // namespace maildock::signin
