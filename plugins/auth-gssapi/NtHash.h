// The hash that NTLM keeps of a password ([MS-NLMP] 3.3.1, NTOWFv1): MD4 of its UTF-16. Made here, since
// gss-ntlmssp 1.2 makes an OpenSSL context for each and never frees it: 8 KiB a sign-in.
#pragma once

#include <openssl/evp.h>
#include <openssl/provider.h>

#include <string>
#include <string_view>

namespace maildock::gssapi {

// Immutable: any thread may ask. Has an OpenSSL context of its own, so that the old algorithms are nobody else's.
class NtHash {
public:
    // Throws std::runtime_error if OpenSSL's legacy provider is not installed.
    NtHash();
    ~NtHash();
    NtHash(const NtHash&) = delete;
    NtHash& operator=(const NtHash&) = delete;

    // In 32 hexadecimal digits. The password is UTF-8. Throws std::runtime_error.
    [[nodiscard]] std::string of(std::string_view password) const;

private:
    OSSL_LIB_CTX* _library = nullptr;
    OSSL_PROVIDER* _provider = nullptr;
    EVP_MD* _md4 = nullptr;
};

}  // namespace maildock::gssapi
