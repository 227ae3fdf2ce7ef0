#include "imapd/connection/TlsFaults.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/x509.h>

#include <array>
#include <fstream>
#include <memory>

namespace imapd {

namespace {

using Certificate = std::unique_ptr<X509, decltype(&X509_free)>;
using PrivateKey = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using Memory = std::unique_ptr<BIO, decltype(&BIO_free)>;

constexpr std::size_t readOctets = 1 << 20;

std::string contentOf(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    std::string content(readOctets, '\0');
    file.read(content.data(), static_cast<std::streamsize>(content.size()));
    content.resize(static_cast<std::size_t>(file.gcount()));
    return content;
}

int noPassphrase(char*, int, int, void*) {
    return -1;
}

Memory memoryOf(const std::string& content) {
    return {BIO_new_mem_buf(content.data(), static_cast<int>(content.size())), &BIO_free};
}

Certificate nextCertificate(BIO* from) {
    return {PEM_read_bio_X509(from, nullptr, noPassphrase, nullptr), &X509_free};
}

bool isPkcs12(const std::string& content) {
    const auto* octets = reinterpret_cast<const unsigned char*>(content.data());
    const std::unique_ptr<PKCS12, decltype(&PKCS12_free)> archive(
        d2i_PKCS12(nullptr, &octets, static_cast<long>(content.size())), &PKCS12_free);
    return archive != nullptr;
}

std::string nameOf(const X509* certificate) {
    std::array<char, 256> text{};
    X509_NAME_oneline(X509_get_subject_name(certificate), text.data(), text.size());
    return text.data();
}

bool has(const std::string& content, const char* text) {
    return content.find(text) != std::string::npos;
}

std::string derText(const std::string& command, const std::string& path) {
    return "is DER, not PEM; write it anew by: openssl " + command + " -inform DER -in " + path + " -out " + path +
           ".pem";
}

std::string pkcs12Text(const std::string& path) {
    return "is an archive (PKCS #12), not PEM; unpack it by: openssl pkcs12 -nodes -in " + path + " -out " + path +
           ".pem";
}

// Empties OpenSSL's queue of errors when the trying is over.
struct ErrorsForgotten {
    ~ErrorsForgotten() { ERR_clear_error(); }
};

}  // namespace

std::string faultOfCertificateFile(const std::string& path) {
    const ErrorsForgotten forgotten;
    const std::string content = contentOf(path);
    if (content.empty()) return "is empty";
    if (has(content, "-----BEGIN CERTIFICATE REQUEST") || has(content, "-----BEGIN NEW CERTIFICATE REQUEST"))
        return "holds a request for a certificate: the authority's answer to it is what is wanted here";
    if (!has(content, "-----BEGIN") || !has(content, "CERTIFICATE-----")) {
        const auto* octets = reinterpret_cast<const unsigned char*>(content.data());
        const Certificate certificate(d2i_X509(nullptr, &octets, static_cast<long>(content.size())), &X509_free);
        if (certificate) return derText("x509", path);
        if (isPkcs12(content)) return pkcs12Text(path);
        if (has(content, "PRIVATE KEY-----")) return "holds a private key, and no certificate";
    }
    return "";
}

std::string faultOfKeyFile(const std::string& path) {
    const ErrorsForgotten forgotten;
    const std::string content = contentOf(path);
    if (content.empty()) return "is empty";
    if (has(content, "ENCRYPTED PRIVATE KEY-----") || has(content, "Proc-Type: 4,ENCRYPTED"))
        return "has a passphrase, which nobody is there to type; write it without by: openssl pkey -in " + path +
               " -out " + path + ".plain";
    if (has(content, "PRIVATE KEY-----")) return "";
    const auto* octets = reinterpret_cast<const unsigned char*>(content.data());
    const PrivateKey key(d2i_AutoPrivateKey(nullptr, &octets, static_cast<long>(content.size())), &EVP_PKEY_free);
    if (key) return derText("pkey", path);
    if (isPkcs12(content)) return pkcs12Text(path);
    if (has(content, "CERTIFICATE-----")) return "holds a certificate, and no private key";
    if (has(content, "PUBLIC KEY-----")) return "holds a public key: the private one is wanted here";
    return "";
}

std::string faultOfChainOrder(const std::string& certificatePath, const std::string& keyPath) {
    const ErrorsForgotten forgotten;
    const std::string chain = contentOf(certificatePath), keyText = contentOf(keyPath);
    const Memory certificates = memoryOf(chain), keyMemory = memoryOf(keyText);
    const PrivateKey key(PEM_read_bio_PrivateKey(keyMemory.get(), nullptr, noPassphrase, nullptr), &EVP_PKEY_free);
    const Certificate first = nextCertificate(certificates.get());
    if (!first || !key) return "";
    while (const Certificate other = nextCertificate(certificates.get())) {
        if (X509_check_private_key(other.get(), key.get()) != 1) continue;
        return "is in the wrong order: it begins with the certificate of " + nameOf(first.get()) +
               ", and the server's own, that of " + nameOf(other.get()) + ", has to come first";
    }
    return "";
}

}  // namespace imapd
