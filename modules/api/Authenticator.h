// The interface of auth-* plugins: who a user is, and whether a password is right. One object a loaded plugin, made
// once; every method but configure() may be called by several threads at once, from the pool for plugins that may
// block: never from a thread that serves connections. A plugin never logs a password.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "modules/api/Account.h"
#include "modules/api/Exchange.h"
#include "modules/api/Settings.h"
#include "modules/api/Version.h"

namespace maildock {

// Stored SCRAM keys of a user (RFC 5802), binary.
struct ScramKeys {
    std::uint32_t iterations = 0;
    std::string salt, storedKey, serverKey;
};

// Whose SCRAM keys a plugin has.
enum class ScramKeyHolders { Nobody, Some, Everybody };

class Authenticator {
public:
    virtual ~Authenticator() = default;

    // The plugin's keys, all below "auth.<name>.".
    [[nodiscard]] virtual std::vector<KeySpec> keys() const = 0;
    // Called once at start and at each reload, with no other call in progress on this object (a reload makes a new
    // object). Throws std::exception with a text for the admin.
    virtual void configure(const Settings& settings) = 0;
    // What is wrong with the settings, looked at without changing anything (`maildock check`).
    [[nodiscard]] virtual std::vector<Finding> check(const Settings& settings) const = 0;

    // An unknown user costs as much time as a known one.
    [[nodiscard]] virtual Verdict verify(const std::string& user, const std::string& password) = 0;
    // The user without a password (for mechanisms that prove it otherwise).
    [[nodiscard]] virtual Verdict lookup(const std::string& user) = 0;
    // Keys for SCRAM-SHA-256 (hash "SHA-256") or SCRAM-SHA-1, if stored.
    [[nodiscard]] virtual std::optional<ScramKeys> scramKeys(const std::string& user, const std::string& hash) = 0;

    // What follows has a default that suits most plugins.

    // As verify(), which it replaces where it matters from where the client comes: its address in numbers; empty where
    // there is none, as on the command line.
    [[nodiscard]] virtual Verdict verifyFrom(const std::string& user, const std::string& password,
                                             const std::string& /*clientAddress*/) {
        return verify(user, password);
    }
    // Whether verify() can ever succeed: without such a plugin no mechanism that takes passwords is offered. May be
    // called at any time, and must not block.
    [[nodiscard]] virtual bool verifiesPasswords() const { return true; }
    // Who has keys for the hash. Everybody: SCRAM is offered by itself. Some: only if the admin names it in
    // auth.mechanisms, since a client that prefers it can't fall back for the others. May block.
    [[nodiscard]] virtual ScramKeyHolders scramKeyHolders(const std::string& /*hash*/) { return ScramKeyHolders::Some; }
    // The password itself, if it is stored so that it can be read: for CRAM-MD5.
    [[nodiscard]] virtual std::optional<std::string> plainPassword(const std::string& /*user*/) { return std::nullopt; }
    // A text that changes whenever verify() might answer otherwise than before, such as the time of a file; nothing if
    // that can't be told. Only then are successes remembered for a while. May block, but should be cheap.
    [[nodiscard]] virtual std::optional<std::string> stamp() { return std::nullopt; }
    // Whether the user, who has proved to this plugin to be who he is, may act for the other one.
    [[nodiscard]] virtual bool mayActFor(const std::string& /*user*/, const std::string& /*other*/) { return false; }
    // Whether those whom it knows are users of the mail. False: they can only act for others, and are nobody's account.
    [[nodiscard]] virtual bool providesUsers() const { return true; }
    // Whether whom it lets in must be known to another plugin of the chain as well: it proves who somebody is and has
    // no list of users.
    [[nodiscard]] virtual bool wantsKnownUsers() const { return false; }
    // Gives each user whom the settings name to `take`, until that says false: what is looked at on one object before
    // configure(), by `maildock check` and at the start. False: users can't be listed. Throws std::exception with a
    // text for the admin.
    [[nodiscard]] virtual bool listUsers(const Settings& /*settings*/,
                                         const std::function<bool(const Account&)>& /*take*/) const {
        return false;
    }
    // The mechanisms that it serves by begin(). Must not block.
    [[nodiscard]] virtual std::vector<Mechanism> mechanisms() const { return {}; }
    // A new exchange of one of them.
    [[nodiscard]] virtual std::unique_ptr<Exchange> begin(const std::string& /*mechanism*/,
                                                          const ExchangeFacts& /*facts*/) {
        return nullptr;
    }
};

}  // namespace maildock
