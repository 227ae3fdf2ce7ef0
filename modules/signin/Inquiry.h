// What one exchange asks of the desk: users and their secrets, with guesses counted and names prepared. Remembers what
// it was last told, since an exchange of the library only says that it failed. Owned by an attempt; one thread at a
// time, one that may block.
#pragma once

#include <memory>
#include <string>

#include "modules/signin/Desk.h"

namespace maildock::signin {

class Inquiry {
public:
    Inquiry(std::shared_ptr<const Desk> desk, Client client) : _desk(std::move(desk)), _client(std::move(client)) {}

    [[nodiscard]] const Desk& desk() const { return *_desk; }
    [[nodiscard]] const Client& client() const { return _client; }

    // Each sets decision() and gives whether it is a Success.
    bool verify(const std::string& user, const std::string& password);
    // The user without a password.
    bool lookup(const std::string& user);
    // Keys to go on with: the user's, or a decoy's (decision() then says why). Nothing: to be refused at once.
    [[nodiscard]] std::optional<ScramKeys> scramKeys(const std::string& user, const std::string& hash);
    // Likewise; a decoy is random.
    [[nodiscard]] std::optional<std::string> plainPassword(const std::string& user);
    // The proof of what the last two gave is about to be looked at: false if it must not be any more.
    bool beginProof();
    void endProof(bool isRight);
    // What a plugin's own exchange came to.
    void take(const NamedAuthenticator& plugin, Verdict verdict);
    // Becomes the decision on the user acted for, if that is allowed. `other` may be empty, or the user himself.
    void actFor(const std::string& other);

    [[nodiscard]] const Decision& decision() const { return _decision; }
    [[nodiscard]] Guesses::Refusal refusal() const { return _refusal; }
    // Who signs in, as typed; empty if not known yet.
    [[nodiscard]] const std::string& user() const { return _user; }
    // Who acts for the user of the decision, if that is another.
    [[nodiscard]] const std::string& actingBy() const { return _actingBy; }

private:
    bool admit(const std::string& typed, std::string& name, Guesses::Hold& hold);
    [[nodiscard]] bool refuse(Guesses::Refusal why);
    [[nodiscard]] Guesses::Refusal beginGuess(const std::string& name, Guesses::Hold& hold) const;
    [[nodiscard]] bool allowsActingFor(const std::string& self, const std::string& other) const;
    void settle(Guesses::Hold& hold, const std::string& tried) const;

    std::shared_ptr<const Desk> _desk;
    Client _client;
    std::string _user, _name, _actingBy;
    Decision _decision;
    Guesses::Refusal _refusal = Guesses::Refusal::None;
    Guesses::Hold _proof;
};

}  // namespace maildock::signin
