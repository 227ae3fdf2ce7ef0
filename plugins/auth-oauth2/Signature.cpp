#include "plugins/auth-oauth2/Signature.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/hmac.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>

#include <algorithm>
#include <array>

#include "plugins/common/Encodings.h"

namespace maildock::oauth2 {

namespace {

using Family = Algorithm::Family;

constexpr std::array algorithms = {
    Algorithm{"RS256", Family::Rsa, "SHA256", nullptr, 0},    Algorithm{"RS384", Family::Rsa, "SHA384", nullptr, 0},
    Algorithm{"RS512", Family::Rsa, "SHA512", nullptr, 0},    Algorithm{"PS256", Family::RsaPss, "SHA256", nullptr, 0},
    Algorithm{"PS384", Family::RsaPss, "SHA384", nullptr, 0}, Algorithm{"PS512", Family::RsaPss, "SHA512", nullptr, 0},
    Algorithm{"ES256", Family::Ecdsa, "SHA256", "P-256", 32}, Algorithm{"ES384", Family::Ecdsa, "SHA384", "P-384", 48},
    Algorithm{"ES512", Family::Ecdsa, "SHA512", "P-521", 66}, Algorithm{"EdDSA", Family::Eddsa, nullptr, nullptr, 0},
    Algorithm{"HS256", Family::Hmac, "SHA256", nullptr, 0},   Algorithm{"HS384", Family::Hmac, "SHA384", nullptr, 0},
    Algorithm{"HS512", Family::Hmac, "SHA512", nullptr, 0},
};

constexpr int minRsaBits = 2048;  // RFC 7518 3.3
constexpr std::size_t maxModulusOctets = 1024;
constexpr std::size_t maxExponentOctets = 8;

template <auto release>
struct Release {
    template <class T>
    void operator()(T* object) const {
        release(object);
    }
};
using Number = std::unique_ptr<BIGNUM, Release<BN_free>>;
using Parameters = std::unique_ptr<OSSL_PARAM, Release<OSSL_PARAM_free>>;
using Builder = std::unique_ptr<OSSL_PARAM_BLD, Release<OSSL_PARAM_BLD_free>>;
using KeyContext = std::unique_ptr<EVP_PKEY_CTX, Release<EVP_PKEY_CTX_free>>;
using DigestContext = std::unique_ptr<EVP_MD_CTX, Release<EVP_MD_CTX_free>>;
using EcdsaSignature = std::unique_ptr<ECDSA_SIG, Release<ECDSA_SIG_free>>;

// What OpenSSL noted of a failure stays with the thread, and would be taken for one of a later call.
struct ErrorsCleared {
    ErrorsCleared() = default;
    ~ErrorsCleared() { ERR_clear_error(); }
    ErrorsCleared(const ErrorsCleared&) = delete;
    ErrorsCleared& operator=(const ErrorsCleared&) = delete;
};

const unsigned char* octetsOf(std::string_view text) {
    return reinterpret_cast<const unsigned char*>(text.data());
}

Number numberOf(std::string_view octets) {
    return Number(BN_bin2bn(octetsOf(octets), static_cast<int>(octets.size()), nullptr));
}

std::string octetsMember(const JsonObject& jwk, const std::string& name, std::size_t most) {
    const auto text = textMember(jwk, name);
    auto octets = text ? fromBase64Url(*text) : std::nullopt;
    if (!octets || octets->empty()) throw JsonError("has no proper member `" + name + "`");
    if (octets->size() > most) throw JsonError("has a member `" + name + "` that is too large");
    return std::move(*octets);
}

EVP_PKEY* keyFrom(const char* type, OSSL_PARAM_BLD* builder) {
    const Parameters parameters(OSSL_PARAM_BLD_to_param(builder));
    const KeyContext context(EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr));
    EVP_PKEY* key = nullptr;
    if (!parameters || !context || EVP_PKEY_fromdata_init(context.get()) != 1 ||
        EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, parameters.get()) != 1) {
        EVP_PKEY_free(key);
        throw JsonError("is no key that OpenSSL takes");
    }
    return key;
}

// RFC 7518 6.3.1.
EVP_PKEY* rsaKey(const JsonObject& jwk) {
    const Number modulus = numberOf(octetsMember(jwk, "n", maxModulusOctets));
    const Number exponent = numberOf(octetsMember(jwk, "e", maxExponentOctets));
    if (BN_num_bits(modulus.get()) < minRsaBits) throw JsonError("is an RSA key of fewer than 2048 bits");
    if (BN_is_odd(exponent.get()) == 0 || BN_is_one(exponent.get()) != 0) throw JsonError("has no proper member `e`");
    const Builder builder(OSSL_PARAM_BLD_new());
    if (!builder || OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, modulus.get()) != 1 ||
        OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, exponent.get()) != 1) {
        throw JsonError("is no key that OpenSSL takes");
    }
    return keyFrom("RSA", builder.get());
}

// RFC 7518 6.2.1: both coordinates have the full length of the curve. OpenSSL checks that the point is on it.
EVP_PKEY* ecKey(const JsonObject& jwk, const std::string& group) {
    const auto algorithm = std::find_if(algorithms.begin(), algorithms.end(), [&group](const Algorithm& one) {
        return one.group != nullptr && group == one.group;
    });
    if (algorithm == algorithms.end()) throw JsonError("is of a curve that is not used here");
    const std::string x = octetsMember(jwk, "x", algorithm->integerOctets);
    const std::string y = octetsMember(jwk, "y", algorithm->integerOctets);
    if (x.size() != algorithm->integerOctets || y.size() != x.size())
        throw JsonError("has coordinates that are too short");
    const std::string point = '\x04' + x + y;
    const Builder builder(OSSL_PARAM_BLD_new());
    if (!builder || OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, group.c_str(), 0) != 1 ||
        OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size()) != 1) {
        throw JsonError("is no key that OpenSSL takes");
    }
    return keyFrom("EC", builder.get());
}

// RFC 8037 2.
EVP_PKEY* edwardsKey(const JsonObject& jwk, const std::string& curve) {
    const int type = curve == "Ed25519" ? EVP_PKEY_ED25519 : curve == "Ed448" ? EVP_PKEY_ED448 : EVP_PKEY_NONE;
    if (type == EVP_PKEY_NONE) throw JsonError("is of a curve that is not used here");
    const std::string x = octetsMember(jwk, "x", 57);
    EVP_PKEY* const key = EVP_PKEY_new_raw_public_key(type, nullptr, octetsOf(x), x.size());
    if (key == nullptr) throw JsonError("is no key that OpenSSL takes");
    return key;
}

// RFC 7518 3.4: the two numbers side by side, each in full length; OpenSSL takes them in DER. Empty: can't be.
std::string derOf(const Algorithm& algorithm, std::string_view signature) {
    if (signature.size() != 2 * algorithm.integerOctets) return {};
    const EcdsaSignature both(ECDSA_SIG_new());
    Number r = numberOf(signature.substr(0, algorithm.integerOctets));
    Number s = numberOf(signature.substr(algorithm.integerOctets));
    if (!both || !r || !s || ECDSA_SIG_set0(both.get(), r.get(), s.get()) != 1) return {};
    static_cast<void>(r.release());  // its now
    static_cast<void>(s.release());
    unsigned char* der = nullptr;
    const int length = i2d_ECDSA_SIG(both.get(), &der);
    if (length <= 0) return {};
    std::string text(reinterpret_cast<const char*>(der), static_cast<std::size_t>(length));
    OPENSSL_free(der);
    return text;
}

}  // namespace

const Algorithm* algorithmNamed(const std::string& name) {
    const auto found =
        std::find_if(algorithms.begin(), algorithms.end(), [&name](const Algorithm& one) { return name == one.name; });
    return found == algorithms.end() ? nullptr : &*found;
}

std::vector<std::string> algorithmNames(bool withHmac) {
    std::vector<std::string> names;
    for (const Algorithm& one : algorithms) {
        if (withHmac || one.family != Family::Hmac) names.emplace_back(one.name);
    }
    return names;
}

std::optional<std::string> fromBase64Url(std::string_view text) {
    std::string plain(text);
    for (char& c : plain) {
        if (c == '+' || c == '/' || c == '=') return std::nullopt;
        if (c == '-') c = '+';
        if (c == '_') c = '/';
    }
    return common::fromBase64(plain);
}

PublicKey PublicKey::fromJwk(const JsonObject& jwk) {
    const ErrorsCleared cleared;
    const std::string type = textMember(jwk, "kty").value_or("");
    PublicKey made;
    if (type == "RSA") {
        made._key.reset(rsaKey(jwk), Free());
    } else if (type == "EC") {
        made._group = textMember(jwk, "crv").value_or("");
        made._key.reset(ecKey(jwk, made._group), Free());
    } else if (type == "OKP") {
        made._key.reset(edwardsKey(jwk, textMember(jwk, "crv").value_or("")), Free());
    } else {
        // "oct", a secret, too: one that comes with public keys is none.
        throw JsonError("is of a kind (kty) that is not used here");
    }
    return made;
}

bool PublicKey::fits(const Algorithm& algorithm) const {
    switch (algorithm.family) {
        case Family::Rsa:
        case Family::RsaPss:
            return EVP_PKEY_is_a(_key.get(), "RSA") == 1;
        case Family::Ecdsa:
            return EVP_PKEY_is_a(_key.get(), "EC") == 1 && _group == algorithm.group;
        case Family::Eddsa:
            return EVP_PKEY_is_a(_key.get(), "ED25519") == 1 || EVP_PKEY_is_a(_key.get(), "ED448") == 1;
        case Family::Hmac:
            break;
    }
    return false;
}

bool PublicKey::verifies(const Algorithm& algorithm, std::string_view text, std::string_view signature) const {
    const ErrorsCleared cleared;
    std::string der;
    if (algorithm.family == Family::Ecdsa) {
        der = derOf(algorithm, signature);
        signature = der;
    }
    if (signature.empty()) return false;
    const DigestContext context(EVP_MD_CTX_new());
    EVP_PKEY_CTX* options = nullptr;  // the context's
    if (!context || EVP_DigestVerifyInit_ex(context.get(), &options, algorithm.digest, nullptr, nullptr, _key.get(),
                                            nullptr) != 1) {
        return false;
    }
    // RFC 7518 3.5: MGF1 with the same digest, a salt of the digest's length.
    if (algorithm.family == Family::RsaPss &&
        (EVP_PKEY_CTX_set_rsa_padding(options, RSA_PKCS1_PSS_PADDING) != 1 ||
         EVP_PKEY_CTX_set_rsa_pss_saltlen(options, RSA_PSS_SALTLEN_DIGEST) != 1)) {
        return false;
    }
    return EVP_DigestVerify(context.get(), octetsOf(signature), signature.size(), octetsOf(text), text.size()) == 1;
}

bool verifiesHmac(const Algorithm& algorithm, const std::string& secret, std::string_view text,
                  std::string_view signature) {
    if (algorithm.family != Family::Hmac) return false;
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned int length = 0;
    const EVP_MD* const method = EVP_get_digestbyname(algorithm.digest);
    if (method == nullptr || HMAC(method, secret.data(), static_cast<int>(secret.size()), octetsOf(text), text.size(),
                                  digest.data(), &length) == nullptr) {
        return false;
    }
    return signature.size() == length && CRYPTO_memcmp(signature.data(), digest.data(), length) == 0;
}

}  // namespace maildock::oauth2
