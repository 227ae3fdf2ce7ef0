#include "plugins/common/PasswordHash.h"

#include <Poco/String.h>
#include <argon2.h>
#include <crypt.h>
#include <gsasl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>
#include <charconv>
#include <cstring>
#include <map>
#include <optional>
#include <string_view>
#include <vector>

#include "base/Secret.h"
#include "plugins/common/Encodings.h"

namespace maildock::common {

namespace {

// More than a second of work, each: nobody means it, and it would let a login hold a thread for hours.
constexpr std::uint32_t maxIterations = 10'000'000;
constexpr std::uint32_t maxArgonKilobytes = 1024 * 1024;
constexpr std::uint32_t maxArgonPasses = 1000;
constexpr int maxBcryptCost = 18;

[[noreturn]] void refuse(const std::string& why) {
    throw HashError(why);
}

bool isSame(const std::string& left, const std::string& right) {
    return left.size() == right.size() && CRYPTO_memcmp(left.data(), right.data(), left.size()) == 0;
}

const unsigned char* octets(const std::string& text) {
    return reinterpret_cast<const unsigned char*>(text.data());
}

std::string digestOf(const EVP_MD* algorithm, const std::string& text) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> out{};
    unsigned length = 0;
    if (EVP_Digest(text.data(), text.size(), out.data(), &length, algorithm, nullptr) != 1) return {};
    return {reinterpret_cast<const char*>(out.data()), length};
}

std::string hmacOf(const EVP_MD* algorithm, const std::string& key, const std::string& text) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> out{};
    unsigned length = 0;
    if (HMAC(algorithm, key.data(), static_cast<int>(key.size()), octets(text), text.size(), out.data(), &length) ==
        nullptr) {
        return {};
    }
    return {reinterpret_cast<const char*>(out.data()), length};
}

std::string pbkdf2Of(const EVP_MD* algorithm, const std::string& password, const std::string& salt,
                     std::uint32_t iterations, std::size_t length) {
    std::string out(length, '\0');
    const int done = PKCS5_PBKDF2_HMAC(password.data(), static_cast<int>(password.size()), octets(salt),
                                       static_cast<int>(salt.size()), static_cast<int>(iterations), algorithm,
                                       static_cast<int>(length), reinterpret_cast<unsigned char*>(out.data()));
    return done == 1 ? out : std::string();
}

std::optional<std::uint32_t> toCount(std::string_view text) {
    std::uint32_t count = 0;
    const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), count);
    if (error != std::errc() || stop != text.data() + text.size() || count == 0) return std::nullopt;
    return count;
}

std::vector<std::string> split(const std::string& text, char separator) {
    std::vector<std::string> parts;
    std::size_t begin = 0;
    for (;;) {
        const std::size_t end = text.find(separator, begin);
        parts.push_back(text.substr(begin, end == std::string::npos ? end : end - begin));
        if (end == std::string::npos) return parts;
        begin = end + 1;
    }
}

class Plain : public PasswordHash {
public:
    explicit Plain(std::string password) : _password(std::move(password)), _digest(digestOf(EVP_sha256(), _password)) {}
    // Digests are compared so that the time does not tell how long the password is.
    [[nodiscard]] bool matches(const std::string& password) const override {
        return isSame(digestOf(EVP_sha256(), password), _digest);
    }
    [[nodiscard]] std::string cost() const override { return "plain"; }
    [[nodiscard]] bool hasScramKeys(const std::string&) const override { return preparedPassword().has_value(); }
    [[nodiscard]] std::optional<ScramKeys> scramKeysWith(const std::string& hash, const std::string& salt,
                                                         std::uint32_t iterations) const override {
        const std::optional<std::string> prepared = preparedPassword();
        if (!prepared) return std::nullopt;
        const EVP_MD* const algorithm = hash == "SHA-1" ? EVP_sha1() : EVP_sha256();
        const auto length = static_cast<std::size_t>(EVP_MD_get_size(algorithm));
        const std::string salted = pbkdf2Of(algorithm, *prepared, salt, iterations, length);
        return ScramKeys{iterations, salt, digestOf(algorithm, hmacOf(algorithm, salted, "Client Key")),
                         hmacOf(algorithm, salted, "Server Key")};
    }
    [[nodiscard]] std::optional<std::string> plain() const override { return _password; }

private:
    // RFC 5802 5.1: as the client prepares it. ASCII stays as it is, but for control characters, which have no keys.
    [[nodiscard]] std::optional<std::string> preparedPassword() const {
        char* prepared = nullptr;
        if (gsasl_saslprep(_password.c_str(), GSASL_ALLOW_UNASSIGNED, &prepared, nullptr) != GSASL_OK)
            return std::nullopt;
        std::string result = prepared;
        gsasl_free(prepared);
        return result;
    }

    const std::string _password;
    const std::string _digest;
};

// Everything that crypt(3) of libcrypt knows.
class Crypt : public PasswordHash {
public:
    explicit Crypt(std::string hash) : _hash(std::move(hash)) {
        if (_hash.find('\0') != std::string::npos) refuse("the hash holds a NUL");
        const int answer = ::crypt_checksalt(_hash.c_str());
        if (answer == CRYPT_SALT_INVALID || answer == CRYPT_SALT_METHOD_DISABLED) refuse("libcrypt does not know it");
        if (_hash.front() != '$' && _hash.size() < 13) refuse("it is too short");
        if (isTooDear()) refuse("it is too dear to compare");
    }

    [[nodiscard]] bool matches(const std::string& password) const override {
        auto data = std::make_unique<crypt_data>();
        // A NUL would end the password for crypt(3), which then takes it for a shorter one.
        const bool isWhole = password.find('\0') == std::string::npos;
        const char* made = ::crypt_r(password.c_str(), _hash.c_str(), data.get());
        const bool isRight = made != nullptr && made[0] != '*' && isSame(made, _hash);
        OPENSSL_cleanse(data.get(), sizeof *data);
        return isWhole && isRight;
    }

    // The prefix with the parameters: all but the last two parts, salt and hash.
    [[nodiscard]] std::string cost() const override {
        if (_hash.front() != '$') return "crypt";
        if (_hash.rfind("$2", 0) == 0) return "crypt" + _hash.substr(0, 7);
        const std::size_t hash = _hash.rfind('$');
        const std::size_t salt = hash == 0 || hash == std::string::npos ? hash : _hash.rfind('$', hash - 1);
        return "crypt" + _hash.substr(0, salt);
    }

private:
    [[nodiscard]] bool isTooDear() const {
        static constexpr std::string_view itoa64 = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
        const std::vector<std::string> parts = split(_hash, '$');
        if (parts.size() < 3 || parts[2].size() < 2) return false;
        const std::string& method = parts[1];
        const std::string& parameters = parts[2];
        if (method.front() == '2') {
            return toCount(parameters.front() == '0' ? parameters.substr(1) : parameters).value_or(0) > maxBcryptCost;
        }
        if (method == "y" || method == "gy") return itoa64.find(parameters[1]) > itoa64.find('F');
        if (method == "7") return itoa64.find(parameters[0]) > itoa64.find('F');
        const std::size_t rounds = parameters.rfind("rounds=", 0) == 0 ? 7 : 0;
        if (rounds == 0 && method != "sha1") return false;
        return toCount(std::string_view(parameters).substr(rounds)).value_or(0) > maxIterations;
    }

    const std::string _hash;
};

class Digest : public PasswordHash {
public:
    Digest(const EVP_MD* algorithm, const std::string& data, bool isSalted) : _algorithm(algorithm) {
        const auto length = static_cast<std::size_t>(EVP_MD_get_size(algorithm));
        if (data.size() < length || (!isSalted && data.size() != length)) refuse("its length is wrong");
        _digest = data.substr(0, length);
        _salt = data.substr(length);
    }
    [[nodiscard]] bool matches(const std::string& password) const override {
        Secret salted(password);
        return isSame(digestOf(_algorithm, salted.append(_salt).text()), _digest);
    }
    [[nodiscard]] std::string cost() const override { return "digest"; }

private:
    const EVP_MD* _algorithm;
    std::string _digest;
    std::string _salt;
};

// "$1$salt$rounds$hash", HMAC-SHA-1, the hash in hexadecimal.
class Pbkdf2 : public PasswordHash {
public:
    explicit Pbkdf2(const std::string& data) {
        const std::vector<std::string> parts = split(data, '$');
        if (parts.size() != 5 || !parts[0].empty() || parts[1] != "1")
            refuse("it is not of the form $1$salt$rounds$hash");
        _salt = parts[2];
        _rounds = toCount(parts[3]).value_or(0);
        _hash = fromHex(parts[4]).value_or("");
        if (_hash.size() != 20 || _rounds == 0) refuse("it is not of the form $1$salt$rounds$hash");
        if (_rounds > maxIterations) refuse("it is too dear to compare");
    }
    [[nodiscard]] bool matches(const std::string& password) const override {
        return isSame(pbkdf2Of(EVP_sha1(), password, _salt, _rounds, _hash.size()), _hash);
    }
    [[nodiscard]] std::string cost() const override { return "pbkdf2 " + std::to_string(_rounds); }

private:
    std::string _salt;
    std::string _hash;
    std::uint32_t _rounds = 0;
};

// "$argon2id$v=19$m=65536,t=2,p=1$salt$hash".
class Argon2 : public PasswordHash {
public:
    Argon2(std::string hash, argon2_type type) : _hash(std::move(hash)), _type(type) {
        const std::string prefix = std::string("$") + argon2_type2string(type, 0) + "$";
        if (_hash.rfind(prefix, 0) != 0 || _hash.find('\0') != std::string::npos)
            refuse("it does not begin with " + prefix);
        const std::uint32_t kilobytes = parameter("m=");
        const std::uint32_t passes = parameter("t=");
        if (kilobytes == 0 || passes == 0 || parameter("p=") == 0) refuse("it lacks m=, t= or p=");
        if (kilobytes > maxArgonKilobytes || passes > maxArgonPasses || parameter("p=") > 64) {
            refuse("it is too dear to compare");
        }
    }
    // libargon2 compares in constant time.
    [[nodiscard]] bool matches(const std::string& password) const override {
        return argon2_verify(_hash.c_str(), password.data(), password.size(), _type) == ARGON2_OK;
    }
    [[nodiscard]] std::string cost() const override {
        return "argon2 " + std::to_string(parameter("m=")) + " " + std::to_string(parameter("t="));
    }

private:
    [[nodiscard]] std::uint32_t parameter(const std::string& name) const {
        for (const std::string& part : split(_hash, '$')) {
            for (const std::string& one : split(part, ',')) {
                if (one.rfind(name, 0) == 0 && one.size() > name.size() && one.size() < 14) {
                    return toCount(std::string_view(one).substr(name.size())).value_or(0);
                }
            }
        }
        return 0;
    }

    const std::string _hash;
    const argon2_type _type;
};

// "iterations,salt,storedKey,serverKey" (RFC 5802 section 3), all but the first in base64.
class Scram : public PasswordHash {
public:
    Scram(const std::string& data, const EVP_MD* algorithm, std::string name)
        : _algorithm(algorithm), _name(std::move(name)) {
        const std::vector<std::string> parts = split(data, ',');
        const auto length = static_cast<std::size_t>(EVP_MD_get_size(algorithm));
        if (parts.size() != 4) refuse("it is not of the form iterations,salt,storedKey,serverKey");
        _keys.iterations = toCount(parts[0]).value_or(0);
        _keys.salt = fromBase64(parts[1]).value_or("");
        _keys.storedKey = fromBase64(parts[2]).value_or("");
        _keys.serverKey = fromBase64(parts[3]).value_or("");
        if (_keys.iterations == 0 || _keys.salt.empty() || _keys.storedKey.size() != length ||
            _keys.serverKey.size() != length) {
            refuse("it is not of the form iterations,salt,storedKey,serverKey");
        }
        if (_keys.iterations > maxIterations) refuse("it is too dear to compare");
    }
    [[nodiscard]] bool matches(const std::string& password) const override {
        const auto length = static_cast<std::size_t>(EVP_MD_get_size(_algorithm));
        const std::string salted = pbkdf2Of(_algorithm, password, _keys.salt, _keys.iterations, length);
        return isSame(digestOf(_algorithm, hmacOf(_algorithm, salted, "Client Key")), _keys.storedKey);
    }
    [[nodiscard]] std::string cost() const override { return "scram " + _name + std::to_string(_keys.iterations); }
    [[nodiscard]] const ScramKeys* scramKeys(const std::string& hash) const override {
        return hash == _name ? &_keys : nullptr;
    }

private:
    const EVP_MD* _algorithm;
    const std::string _name;
    ScramKeys _keys;
};

// How the data of a scheme is written unless a suffix says so.
enum class Encoding { None, Base64, Hex };

struct Scheme {
    Encoding encoding = Encoding::None;
    std::size_t rawLength = 0;  // of a digest without salt: then hexadecimal is recognised by its length
    std::shared_ptr<const PasswordHash> (*make)(const std::string& data);
};

template <const EVP_MD* (*algorithm)(), bool isSalted>
std::shared_ptr<const PasswordHash> makeDigest(const std::string& data) {
    return std::make_shared<Digest>(algorithm(), data, isSalted);
}

std::shared_ptr<const PasswordHash> makePlain(const std::string& data) {
    return std::make_shared<Plain>(data);
}
std::shared_ptr<const PasswordHash> makeCrypt(const std::string& data) {
    return std::make_shared<Crypt>(data);
}
std::shared_ptr<const PasswordHash> makePbkdf2(const std::string& data) {
    return std::make_shared<Pbkdf2>(data);
}

template <argon2_type type>
std::shared_ptr<const PasswordHash> makeArgon2(const std::string& data) {
    return std::make_shared<Argon2>(data, type);
}

std::shared_ptr<const PasswordHash> makeScram1(const std::string& data) {
    return std::make_shared<Scram>(data, EVP_sha1(), "SHA-1");
}
std::shared_ptr<const PasswordHash> makeScram256(const std::string& data) {
    return std::make_shared<Scram>(data, EVP_sha256(), "SHA-256");
}

const std::map<std::string, Scheme>& schemes() {
    static const std::map<std::string, Scheme> all{
        {"PLAIN", {Encoding::None, 0, makePlain}},
        {"CLEAR", {Encoding::None, 0, makePlain}},
        {"CLEARTEXT", {Encoding::None, 0, makePlain}},
        {"CRYPT", {Encoding::None, 0, makeCrypt}},
        {"DES-CRYPT", {Encoding::None, 0, makeCrypt}},
        {"MD5-CRYPT", {Encoding::None, 0, makeCrypt}},
        {"SHA256-CRYPT", {Encoding::None, 0, makeCrypt}},
        {"SHA512-CRYPT", {Encoding::None, 0, makeCrypt}},
        {"BLF-CRYPT", {Encoding::None, 0, makeCrypt}},
        {"BCRYPT", {Encoding::None, 0, makeCrypt}},
        {"YESCRYPT", {Encoding::None, 0, makeCrypt}},
        {"PLAIN-MD5", {Encoding::Hex, 16, makeDigest<EVP_md5, false>}},
        {"LDAP-MD5", {Encoding::Base64, 16, makeDigest<EVP_md5, false>}},
        {"MD5", {Encoding::Hex, 16, makeDigest<EVP_md5, false>}},
        {"SMD5", {Encoding::Base64, 0, makeDigest<EVP_md5, true>}},
        {"SHA", {Encoding::Base64, 20, makeDigest<EVP_sha1, false>}},
        {"SHA1", {Encoding::Base64, 20, makeDigest<EVP_sha1, false>}},
        {"SSHA", {Encoding::Base64, 0, makeDigest<EVP_sha1, true>}},
        {"SHA256", {Encoding::Base64, 32, makeDigest<EVP_sha256, false>}},
        {"SSHA256", {Encoding::Base64, 0, makeDigest<EVP_sha256, true>}},
        {"SHA512", {Encoding::Base64, 64, makeDigest<EVP_sha512, false>}},
        {"SSHA512", {Encoding::Base64, 0, makeDigest<EVP_sha512, true>}},
        {"PBKDF2", {Encoding::None, 0, makePbkdf2}},
        {"ARGON2I", {Encoding::None, 0, makeArgon2<Argon2_i>}},
        {"ARGON2ID", {Encoding::None, 0, makeArgon2<Argon2_id>}},
        {"SCRAM-SHA-1", {Encoding::None, 0, makeScram1}},
        {"SCRAM-SHA-256", {Encoding::None, 0, makeScram256}},
    };
    return all;
}

std::string schemeNames() {
    std::string names;
    for (const auto& [name, scheme] : schemes()) names += (names.empty() ? "" : ", ") + name;
    return names;
}

struct NamedScheme {
    const Scheme* scheme = nullptr;
    std::optional<Encoding> encoding;
};

NamedScheme schemeOf(const std::string& name) {
    std::string upper = Poco::toUpper(name);
    std::optional<Encoding> encoding;
    if (const std::size_t dot = upper.find('.'); dot != std::string::npos) {
        const std::string suffix = upper.substr(dot + 1);
        if (suffix == "HEX") {
            encoding = Encoding::Hex;
        } else if (suffix == "B64" || suffix == "BASE64") {
            encoding = Encoding::Base64;
        } else {
            return {};
        }
        upper.erase(dot);
    }
    const auto scheme = schemes().find(upper);
    return {scheme == schemes().end() ? nullptr : &scheme->second, encoding};
}

std::string decoded(const NamedScheme& named, const std::string& data) {
    const std::size_t rawLength = named.scheme->rawLength;
    Encoding encoding = named.encoding.value_or(named.scheme->encoding);
    if (!named.encoding && rawLength != 0) {
        if (data.size() == rawLength * 2 && fromHex(data)) {
            encoding = Encoding::Hex;
        } else {
            encoding = Encoding::Base64;
        }
    }
    if (encoding == Encoding::None) return data;
    const auto out = encoding == Encoding::Hex ? fromHex(data) : fromBase64(data);
    if (!out) refuse(encoding == Encoding::Hex ? "it is not hexadecimal" : "it is not base64");
    return *out;
}

}  // namespace

const ScramKeys* PasswordHash::scramKeys(const std::string&) const {
    return nullptr;
}

bool PasswordHash::hasScramKeys(const std::string& hash) const {
    return scramKeys(hash) != nullptr;
}

std::optional<ScramKeys> PasswordHash::scramKeysWith(const std::string& hash, const std::string&, std::uint32_t) const {
    const ScramKeys* const stored = scramKeys(hash);
    return stored == nullptr ? std::nullopt : std::optional<ScramKeys>(*stored);
}

bool PasswordHash::isScheme(const std::string& name) {
    return schemeOf(name).scheme != nullptr;
}

std::shared_ptr<const PasswordHash> PasswordHash::parse(const std::string& field, const std::string& defaultScheme) {
    std::string scheme = defaultScheme;
    std::string data = field;
    if (!field.empty() && field.front() == '{') {
        const std::size_t close = field.find('}');
        if (close == std::string::npos || close > 32) refuse("the password has no }");
        scheme = field.substr(1, close - 1);
        data = field.substr(close + 1);
    }
    // Dovecot's MD5 is crypt's where it looks like it.
    if (Poco::icompare(scheme, "MD5") == 0 && data.rfind("$1$", 0) == 0) scheme = "MD5-CRYPT";
    const NamedScheme named = schemeOf(scheme);
    if (named.scheme == nullptr) {
        // Only what looks like a scheme is shown: it may be a password that begins with a brace.
        const bool isShown = scheme.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.") == std::string::npos;
        refuse("the password scheme " + (isShown ? scheme + " " : "") + "is not supported; there are " + schemeNames());
    }
    if (data.empty()) refuse("the password is empty");
    try {
        const std::string raw = decoded(named, data);
        if (raw.empty()) refuse("it is empty");
        return named.scheme->make(raw);
    } catch (const HashError& e) {
        const bool isNamed = field.front() == '{';
        const std::string cure =
            isNamed ? "" : " (no {SCHEME} stands before it; a password in the clear is written {PLAIN}password)";
        throw HashError("the password of scheme " + scheme + " can't be used: " + e.what() + cure);
    }
}

}  // namespace maildock::common
