#include "plugins/auth-gssapi/NtHash.h"

#include <Poco/UnicodeConverter.h>

#include <array>
#include <cstring>
#include <stdexcept>
#include <vector>

namespace maildock::gssapi {

NtHash::NtHash() : _library(OSSL_LIB_CTX_new()) {
    if (_library != nullptr) _provider = OSSL_PROVIDER_load(_library, "legacy");
    if (_provider != nullptr) _md4 = EVP_MD_fetch(_library, "MD4", nullptr);
    if (_md4 != nullptr) return;
    if (_provider != nullptr) OSSL_PROVIDER_unload(_provider);
    OSSL_LIB_CTX_free(_library);
    throw std::runtime_error("NTLM needs MD4, of OpenSSL's legacy provider, which can't be loaded");
}

NtHash::~NtHash() {
    EVP_MD_free(_md4);
    OSSL_PROVIDER_unload(_provider);
    OSSL_LIB_CTX_free(_library);
}

std::string NtHash::of(std::string_view password) const {
    Poco::UTF16String wide;
    Poco::UnicodeConverter::convert(password.data(), password.size(), wide);
    std::vector<unsigned char> octets;
    octets.reserve(2 * wide.size());
    for (const auto unit : wide) {
        octets.push_back(static_cast<unsigned char>(unit & 0xFF));
        octets.push_back(static_cast<unsigned char>(unit >> 8 & 0xFF));
    }
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned length = 0;
    const int isDone = EVP_Digest(octets.data(), octets.size(), digest.data(), &length, _md4, nullptr);
    if (!password.empty()) {
        ::explicit_bzero(octets.data(), octets.size());
        ::explicit_bzero(wide.data(), wide.size() * sizeof wide[0]);
    }
    if (isDone != 1) throw std::runtime_error("MD4 can't be computed");
    constexpr std::string_view digits = "0123456789ABCDEF";
    std::string text;
    for (std::size_t i = 0; i < length; ++i) {
        text += digits[digest[i] >> 4];
        text += digits[digest[i] & 0xF];
    }
    return text;
}

}  // namespace maildock::gssapi
