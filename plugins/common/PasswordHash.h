// A stored password, "{SCHEME}data" as Dovecot writes it, that a typed password can be held against.
//
// Schemes: PLAIN, CLEAR, CLEARTEXT; CRYPT and its names (DES-CRYPT, MD5-CRYPT, SHA256-CRYPT, SHA512-CRYPT, BLF-CRYPT,
// BCRYPT, YESCRYPT), which are all libcrypt's; MD5, PLAIN-MD5, LDAP-MD5, SMD5, SHA, SHA1, SSHA, SHA256, SSHA256,
// SHA512, SSHA512; PBKDF2; ARGON2I, ARGON2ID; SCRAM-SHA-1, SCRAM-SHA-256. ".b64", ".base64" and ".hex" after the
// scheme say how the data is written. Costs past any sense (minutes a login) are refused when the file is read.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>

#include "modules/api/Authenticator.h"

namespace maildock::common {

// A password field that can't be used; the text says why and never holds any of it but the scheme's name.
class HashError : public std::invalid_argument {
public:
    using std::invalid_argument::invalid_argument;
};

// Immutable: several threads may ask at once.
class PasswordHash {
public:
    // Longer ones match nothing.
    static constexpr std::size_t maxPasswordOctets = 4096;

    virtual ~PasswordHash() = default;
    // Compares in constant time. Takes as long for a wrong password as for the right one.
    [[nodiscard]] virtual bool matches(const std::string& password) const = 0;
    // The same text for hashes that take the same time to compare.
    [[nodiscard]] virtual std::string cost() const = 0;
    // The SCRAM keys for hash "SHA-1" or "SHA-256", if this is how the password is stored; else null.
    [[nodiscard]] virtual const ScramKeys* scramKeys(const std::string& hash) const;
    // Whether there are SCRAM keys for the hash: stored, or to be made of a readable password.
    [[nodiscard]] virtual bool hasScramKeys(const std::string& hash) const;
    // These keys; made ones have the salt and iterations that are given.
    [[nodiscard]] virtual std::optional<ScramKeys> scramKeysWith(const std::string& hash, const std::string& salt,
                                                                 std::uint32_t iterations) const;
    // The password itself, where it is stored so.
    [[nodiscard]] virtual std::optional<std::string> plain() const { return std::nullopt; }

    // Reads a password field; one without "{SCHEME}" is of `defaultScheme`. Throws HashError.
    [[nodiscard]] static std::shared_ptr<const PasswordHash> parse(const std::string& field,
                                                                   const std::string& defaultScheme);
    // Whether parse() knows the scheme, which may have an encoding's suffix.
    [[nodiscard]] static bool isScheme(const std::string& name);
};

}  // namespace maildock::common
