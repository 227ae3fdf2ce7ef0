// The mistakes that admins make with certificates and keys are named, with the command that mends them.
#include <cppunit/extensions/HelperMacros.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/x509.h>

#include <fstream>
#include <iterator>

#include "imapd/connection/TlsFaults.h"
#include "tests/unit/imapd/connection/Fixture.h"

namespace imapd::test {

class TlsFaultsTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(TlsFaultsTest);
    CPPUNIT_TEST(soundFilesHaveNone);
    CPPUNIT_TEST(encryptedKey);
    CPPUNIT_TEST(derInsteadOfPem);
    CPPUNIT_TEST(archive);
    CPPUNIT_TEST(filesExchanged);
    CPPUNIT_TEST(chainInTheWrongOrder);
    CPPUNIT_TEST_SUITE_END();

    TempDirectory directory;
    const std::string cert = directory.file("cert.pem"), key = directory.file("key.pem");
    const std::string made = directory.file("made");  // by the test

    static std::string contentOf(const std::string& path) {
        std::ifstream file(path, std::ios::binary);
        return {std::istreambuf_iterator<char>(file), {}};
    }

    template <class Write>
    void write(Write&& toFile) {
        std::FILE* const file = std::fopen(made.c_str(), "w");
        CPPUNIT_ASSERT(file != nullptr);
        const bool isWritten = toFile(file) == 1;
        CPPUNIT_ASSERT(std::fclose(file) == 0 && isWritten);
    }

    // Calls with the certificate and key of the files.
    template <class Use>
    void withBoth(Use&& use) {
        std::FILE* file = std::fopen(cert.c_str(), "r");
        X509* const certificate = PEM_read_X509(file, nullptr, nullptr, nullptr);
        std::fclose(file);
        file = std::fopen(key.c_str(), "r");
        EVP_PKEY* const secret = PEM_read_PrivateKey(file, nullptr, nullptr, nullptr);
        std::fclose(file);
        use(certificate, secret);
        X509_free(certificate);
        EVP_PKEY_free(secret);
    }

    // What the server says when it is given these files names the setting, and has the text.
    static void expectFault(const std::string& certificatePath, const std::string& keyPath, const std::string& setting,
                            const std::string& text) {
        const auto findings = TlsContexts::check({certificatePath, keyPath, "TLSv1.2", ""});
        CPPUNIT_ASSERT_EQUAL(std::size_t(1), findings.size());
        CPPUNIT_ASSERT_EQUAL(setting, findings[0].setting);
        CPPUNIT_ASSERT_MESSAGE(findings[0].text, findings[0].text.find(text) != std::string::npos);
    }

public:
    void setUp() override { makeCertificate(cert, key, "mail.example.org"); }

    void soundFilesHaveNone() {
        CPPUNIT_ASSERT_EQUAL(std::string(), faultOfCertificateFile(cert));
        CPPUNIT_ASSERT_EQUAL(std::string(), faultOfKeyFile(key));
        CPPUNIT_ASSERT_EQUAL(std::string(), faultOfChainOrder(cert, key));
    }

    void encryptedKey() {
        withBoth([&](X509*, EVP_PKEY* secret) {
            unsigned char passphrase[] = "pass";
            write([&](std::FILE* file) {
                return PEM_write_PrivateKey(file, secret, EVP_aes_128_cbc(), passphrase, 4, nullptr, nullptr);
            });
            expectFault(cert, made, "tls.key", "has a passphrase");
            write([&](std::FILE* file) {
                BIO* const out = BIO_new_fp(file, BIO_NOCLOSE);
                const int done = PEM_write_bio_PrivateKey_traditional(out, secret, EVP_aes_128_cbc(), passphrase, 4,
                                                                      nullptr, nullptr);
                BIO_free(out);
                return done;
            });
            expectFault(cert, made, "tls.key", "openssl pkey -in " + made);
        });
    }

    void derInsteadOfPem() {
        withBoth([&](X509* certificate, EVP_PKEY* secret) {
            write([&](std::FILE* file) { return i2d_X509_fp(file, certificate); });
            expectFault(made, key, "tls.certificate", "openssl x509 -inform DER -in " + made);
            write([&](std::FILE* file) { return i2d_PrivateKey_fp(file, secret); });
            expectFault(cert, made, "tls.key", "openssl pkey -inform DER -in " + made);
        });
    }

    void archive() {
        withBoth([&](X509* certificate, EVP_PKEY* secret) {
            PKCS12* const both =
                PKCS12_create("pass", "name", secret, certificate, nullptr, NID_aes_256_cbc, NID_aes_256_cbc, 1, 1, 0);
            CPPUNIT_ASSERT(both != nullptr);
            write([&](std::FILE* file) { return i2d_PKCS12_fp(file, both); });
            PKCS12_free(both);
            expectFault(made, key, "tls.certificate", "openssl pkcs12 -nodes -in " + made);
            expectFault(cert, made, "tls.key", "openssl pkcs12 -nodes -in " + made);
        });
    }

    void filesExchanged() {
        expectFault(key, key, "tls.certificate", "holds a private key, and no certificate");
        expectFault(cert, cert, "tls.key", "holds a certificate, and no private key");
        std::ofstream(made).close();
        expectFault(made, key, "tls.certificate", "is empty");
        expectFault(cert, made, "tls.key", "is empty");
    }

    void chainInTheWrongOrder() {
        makeCertificate(directory.file("ca.pem"), directory.file("ca.key"), "Test CA");
        std::ofstream(made) << contentOf(directory.file("ca.pem")) << contentOf(cert);
        expectFault(made, key, "tls.certificate",
                    "begins with the certificate of /CN=Test CA, and the server's own, that of /CN=mail.example.org");
        // The key of neither is the key's fault.
        makeCertificate(directory.file("other.pem"), directory.file("other.key"), "other");
        expectFault(made, directory.file("other.key"), "tls.key", "does not belong to");
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(TlsFaultsTest);

}  // namespace imapd::test
