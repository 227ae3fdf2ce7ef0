// The authenticators of auth.plugins, asked one after the other as one.
//
// Who decides. The first plugin that knows the user (auth.chain = first-known), or the first one that takes the
// password (first-success). In both, a plugin that could not ask (TemporaryFailure) or that knows the user as disabled
// ends the search: a user is never let in past a plugin that might have refused him.
// What is told. The account of the plugin that decided; if it tells neither a home nor a mail location (auth.merge =
// where-missing), or in any case (always), the other plugins are asked by lookup(), in their order, and each member
// that is still empty is filled from the first that tells it; `extra` goes key by key. The name is the deciding
// plugin's. A plugin that does not know the user adds nothing; one that can't be asked makes the whole a
// TemporaryFailure, since what it would have told may be a restriction; one that says Disabled refuses. If the plugin
// that decided wants known users, the others are asked in any case, and one of them has to know the user.
//
// Immutable; any thread that may block. Exceptions of plugins count as TemporaryFailure.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "modules/api/Module.h"

namespace maildock::signin {

struct Decision {
    Verdict verdict;                                // with the plugin's name in front of the reason
    const NamedAuthenticator* decidedBy = nullptr;  // null: nobody knows the user
};

class Chain {
public:
    enum class Rule { FirstKnown, FirstSuccess };
    enum class Merge { WhereMissing, Always, Never };

    // `trusted`: plugins that count as unchanged if they have no stamp.
    Chain(std::vector<NamedAuthenticator> plugins, Rule rule, Merge merge, std::vector<std::string> trusted = {})
        : _plugins(std::move(plugins)), _rule(rule), _merge(merge), _trusted(std::move(trusted)) {}
    // By the keys auth.chain, auth.merge and auth.cacheUnseen.
    static Chain from(std::vector<NamedAuthenticator> plugins, const Settings& settings);

    // clientAddress: in numbers; empty: none.
    [[nodiscard]] Decision verify(const std::string& user, const std::string& password,
                                  const std::string& clientAddress = {}) const;
    // The user without a password.
    [[nodiscard]] Decision lookup(const std::string& user) const;
    // As lookup; keys of the plugin that decided. Without keys the decision is no Success. With first-success plugins
    // without keys are passed over.
    struct Secret {
        Decision decision;
        std::optional<ScramKeys> keys;
        std::optional<std::string> password;
    };
    [[nodiscard]] Secret scramKeys(const std::string& user, const std::string& hash) const;
    [[nodiscard]] Secret plainPassword(const std::string& user) const;
    // Fills in what the others tell of a user whom `by` has let in.
    [[nodiscard]] Decision completed(const NamedAuthenticator& by, Verdict verdict) const;
    // The plugin of this name, or null.
    [[nodiscard]] const NamedAuthenticator* plugin(const std::string& name) const;

    // What verify() depends on; nothing if one of the plugins can't tell and is not trusted.
    [[nodiscard]] std::optional<std::string> stamp() const;
    [[nodiscard]] const std::vector<NamedAuthenticator>& plugins() const { return _plugins; }

private:
    using Question = std::function<Verdict(Authenticator&)>;
    // Asks one plugin; never throws.
    [[nodiscard]] static Verdict ask(const NamedAuthenticator& plugin, const Question& question);
    [[nodiscard]] Decision decide(const Question& question, bool isUserOfMail) const;
    template <class Take>
    [[nodiscard]] Secret secretOf(const std::string& user, const Take& take) const;

    std::vector<NamedAuthenticator> _plugins;
    Rule _rule;
    Merge _merge;
    std::vector<std::string> _trusted;
};

}  // namespace maildock::signin
