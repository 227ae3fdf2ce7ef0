#include "modules/signin/Digest.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <array>
#include <stdexcept>

namespace maildock::signin {

std::string keyedDigest(const std::string& key, const std::string& octets) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> out{};
    unsigned length = 0;
    if (HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
             reinterpret_cast<const unsigned char*>(octets.data()), octets.size(), out.data(), &length) == nullptr) {
        throw std::runtime_error("OpenSSL can't compute an HMAC");
    }
    return {reinterpret_cast<const char*>(out.data()), length};
}

std::string randomOctets(std::size_t count) {
    std::string octets(count, '\0');
    if (RAND_bytes(reinterpret_cast<unsigned char*>(octets.data()), static_cast<int>(count)) != 1) {
        throw std::runtime_error("OpenSSL has no random octets");
    }
    return octets;
}

}  // namespace maildock::signin
