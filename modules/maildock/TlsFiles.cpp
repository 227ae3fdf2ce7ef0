#include "modules/maildock/TlsFiles.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdio>
#include <ctime>
#include <memory>
#include <optional>
#include <system_error>

namespace maildock {

namespace {

using File = std::unique_ptr<std::FILE, int (*)(std::FILE*)>;
using Certificate = std::unique_ptr<X509, void (*)(X509*)>;
using PrivateKey = std::unique_ptr<EVP_PKEY, void (*)(EVP_PKEY*)>;

// Opens a regular file; otherwise says why not in `fault`.
File opened(const std::string& path, std::string& fault) {
    struct stat status {};
    File file(nullptr, &std::fclose);
    if (::stat(path.c_str(), &status) != 0) {
        fault = path + " can't be read: " + std::generic_category().message(errno);
    } else if (!S_ISREG(status.st_mode)) {
        fault = path + " is not a file";
    } else {
        file.reset(std::fopen(path.c_str(), "re"));
        if (!file) fault = path + " can't be read: " + std::generic_category().message(errno);
    }
    return file;
}

int refusePassphrase(char*, int, int, void*) {
    return -1;
}

std::optional<Finding> faultOfTime(const X509& certificate, const std::string& key, const std::string& path) {
    const ASN1_TIME* end = X509_get0_notAfter(&certificate);
    std::time_t soon = std::time(nullptr) + 14 * 86400;
    if (X509_cmp_current_time(end) < 0) return Finding{Finding::Error, key, "the certificate " + path + " has expired"};
    if (X509_cmp_current_time(X509_get0_notBefore(&certificate)) > 0)
        return Finding{Finding::Error, key, "the certificate " + path + " is not valid yet"};
    if (X509_cmp_time(end, &soon) < 0) {
        return Finding{Finding::Warning, key, "the certificate " + path + " expires within 14 days"};
    }
    return std::nullopt;
}

}  // namespace

std::vector<Finding> checkTlsFiles(const Settings& settings, const std::string& certificateKey,
                                   const std::string& privateKeyKey) {
    const std::string certificatePath = settings.path(certificateKey);
    const std::string keyPath = settings.path(privateKeyKey);
    if (certificatePath.empty() && keyPath.empty()) return {};
    std::vector<Finding> findings;
    const auto complain = [&](const std::string& about, const std::string& text) {
        findings.push_back({Finding::Error, about, text});
    };

    std::string fault;
    Certificate certificate(nullptr, &X509_free);
    if (certificatePath.empty()) {
        complain(certificateKey, "a private key is named, but no certificate");
    } else if (const File file = opened(certificatePath, fault); !file) {
        complain(certificateKey, fault);
    } else {
        certificate.reset(PEM_read_X509(file.get(), nullptr, &refusePassphrase, nullptr));
        if (!certificate) complain(certificateKey, certificatePath + " holds no certificate in PEM");
    }

    PrivateKey key(nullptr, &EVP_PKEY_free);
    if (keyPath.empty()) {
        complain(privateKeyKey, "a certificate is named, but no private key");
    } else if (const File file = opened(keyPath, fault); !file) {
        complain(privateKeyKey, fault);
    } else {
        struct stat status {};
        if (::fstat(::fileno(file.get()), &status) == 0 && (status.st_mode & (S_IROTH | S_IWOTH)) != 0) {
            findings.push_back({Finding::Warning, privateKeyKey, "every user of this machine can read " + keyPath});
        }
        key.reset(PEM_read_PrivateKey(file.get(), nullptr, &refusePassphrase, nullptr));
        if (!key) complain(privateKeyKey, keyPath + " holds no private key in PEM that needs no passphrase");
    }

    if (certificate && key && X509_check_private_key(certificate.get(), key.get()) != 1) {
        complain(privateKeyKey, keyPath + " is not the key of the certificate " + certificatePath);
    }
    if (certificate) {
        if (const auto finding = faultOfTime(*certificate, certificateKey, certificatePath))
            findings.push_back(*finding);
    }
    ERR_clear_error();
    return findings;
}

}  // namespace maildock
