#include "modules/maildock/NewPassword.h"

#include <Poco/String.h>
#include <argon2.h>
#include <crypt.h>
#include <gsasl.h>
#include <openssl/rand.h>

#include <array>
#include <memory>
#include <stdexcept>

namespace maildock {

namespace {

// RFC 9106 4, the second recommendation; one lane, since a log-in is to hold one core.
constexpr std::uint32_t argonKilobytes = 65536, argonPasses = 3, argonLanes = 1;
constexpr std::size_t saltOctets = 16, argonOctets = 32;

std::string randomSalt() {
    std::string salt(saltOctets, '\0');
    if (RAND_bytes(reinterpret_cast<unsigned char*>(salt.data()), static_cast<int>(salt.size())) != 1)
        throw std::runtime_error("OpenSSL has no random octets");
    return salt;
}

std::string base64(const char* octets, std::size_t length) {
    char* text = nullptr;
    if (gsasl_base64_to(octets, length, &text, nullptr) != GSASL_OK) throw std::bad_alloc();
    std::string result = text;
    gsasl_free(text);
    return result;
}

std::string argon2id(const std::string& password) {
    const std::string salt = randomSalt();
    std::string hash(argon2_encodedlen(argonPasses, argonKilobytes, argonLanes, saltOctets, argonOctets, Argon2_id),
                     '\0');
    const int status = argon2id_hash_encoded(argonPasses, argonKilobytes, argonLanes, password.data(), password.size(),
                                             salt.data(), salt.size(), argonOctets, hash.data(), hash.size());
    if (status != ARGON2_OK) throw std::runtime_error(argon2_error_message(status));
    return "{ARGON2ID}" + std::string(hash.c_str());
}

std::string crypted(const std::string& scheme, const char* prefix, const std::string& password) {
    std::array<char, CRYPT_GENSALT_OUTPUT_SIZE> setting{};
    const std::string salt = randomSalt();
    auto data = std::make_unique<crypt_data>();
    if (crypt_gensalt_rn(prefix, 0, salt.data(), static_cast<int>(salt.size()), setting.data(),
                         static_cast<int>(setting.size())) == nullptr) {
        throw std::runtime_error("libcrypt can't make " + scheme);
    }
    const char* const hash = ::crypt_r(password.c_str(), setting.data(), data.get());
    if (hash == nullptr || hash[0] == '*') throw std::runtime_error("libcrypt can't make " + scheme);
    return "{" + scheme + "}" + hash;
}

// RFC 5802 3, the password prepared by RFC 4013 as clients do it.
std::string scram(const std::string& scheme, Gsasl_hash hash, const std::string& password, std::uint32_t iterations) {
    char* prepared = nullptr;
    if (gsasl_saslprep(password.c_str(), GSASL_ALLOW_UNASSIGNED, &prepared, nullptr) != GSASL_OK) {
        throw std::runtime_error("the password has characters that SCRAM does not allow (RFC 4013)");
    }
    const std::string salt = randomSalt();
    std::array<char, GSASL_HASH_MAX_SIZE> salted{}, client{}, server{}, stored{};
    const int status = gsasl_scram_secrets_from_password(hash, prepared, iterations, salt.data(), salt.size(),
                                                         salted.data(), client.data(), server.data(), stored.data());
    gsasl_free(prepared);
    if (status != GSASL_OK) throw std::runtime_error(gsasl_strerror(status));
    const std::size_t length = gsasl_hash_length(hash);
    return "{" + scheme + "}" + std::to_string(iterations) + "," + base64(salt.data(), salt.size()) + "," +
           base64(stored.data(), length) + "," + base64(server.data(), length);
}

}  // namespace

const std::vector<std::string>& passwordSchemes() {
    static const std::vector<std::string> schemes = {"ARGON2ID",     "SCRAM-SHA-256", "SCRAM-SHA-1",
                                                     "SHA512-CRYPT", "BLF-CRYPT",     "YESCRYPT"};
    return schemes;
}

std::string newPassword(const std::string& scheme, const std::string& password, std::uint32_t iterations) {
    if (password.empty()) throw std::runtime_error("the password is empty");
    if (password.find('\0') != std::string::npos) throw std::runtime_error("the password holds a NUL");
    const std::string name = Poco::toUpper(scheme);
    if (name == "ARGON2ID") return argon2id(password);
    if (name == "SCRAM-SHA-256") return scram(name, GSASL_HASH_SHA256, password, iterations);
    if (name == "SCRAM-SHA-1") return scram(name, GSASL_HASH_SHA1, password, iterations);
    if (name == "SHA512-CRYPT") return crypted(name, "$6$", password);
    if (name == "YESCRYPT") return crypted(name, "$y$", password);
    if (name == "BLF-CRYPT") {
        if (password.size() > 72) throw std::runtime_error("BLF-CRYPT looks at 72 octets of a password only");
        return crypted(name, "$2b$", password);
    }
    std::string known;
    for (const std::string& one : passwordSchemes()) known += (known.empty() ? "" : ", ") + one;
    throw std::runtime_error("there is no scheme " + scheme + "; there are " + known);
}

}  // namespace maildock
