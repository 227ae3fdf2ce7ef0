// The keys of a token server: a JSON Web Key Set (RFC 7517 5). Immutable; any thread may use it.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "plugins/auth-oauth2/Signature.h"

namespace maildock::oauth2 {

class KeySet {
public:
    static constexpr std::size_t maxOctets = 262144;
    static constexpr std::size_t maxKeys = 100;

    enum class Answer { Right, Wrong, NoKey };

    // Keys that can't serve (of other kinds, for encryption, too short) are left out, as RFC 7517 5 asks; why is in
    // faults(). Throws JsonError if the whole is no key set.
    [[nodiscard]] static std::shared_ptr<const KeySet> parse(const std::string& text);

    // By the key of that name, or if the name is empty, by any that fits. NoKey: there is none.
    [[nodiscard]] Answer verify(const Algorithm& algorithm, const std::string& keyId, std::string_view text,
                                std::string_view signature) const;
    [[nodiscard]] std::size_t size() const { return _keys.size(); }
    [[nodiscard]] const std::vector<std::string>& faults() const { return _faults; }

private:
    struct Key {
        std::string id;         // may be empty
        std::string algorithm;  // the only one that it is for; empty: any that fits
        PublicKey key;
    };
    std::vector<Key> _keys;
    std::vector<std::string> _faults;
};

}  // namespace maildock::oauth2
