// Certificates: whose is shown to whom, which are asked for, taken up when they change, and what is said of bad ones.
#include <cppunit/extensions/HelperMacros.h>
#include <openssl/ocsp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <fstream>

#include "imapd/connection/TlsNames.h"
#include "tests/unit/imapd/connection/Fixture.h"

namespace imapd::test {

using std::chrono::milliseconds;

class TlsCertificatesTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(TlsCertificatesTest);
    CPPUNIT_TEST(certificateByName);
    CPPUNIT_TEST(changedFilesAreTakenUp);
    CPPUNIT_TEST(clientCertificates);
    CPPUNIT_TEST(requiredClientCertificate);
    CPPUNIT_TEST(namesOfACertificate);
    CPPUNIT_TEST(ocspAnswersAreStapled);
    CPPUNIT_TEST(settingsErrorsSayWhatIsWrong);
    CPPUNIT_TEST(expiredCertificateWarns);
    CPPUNIT_TEST_SUITE_END();

public:
    void certificateByName() {
        Server server;
        TlsSettings settings = server.settings();
        for (const char* const name : {"mail.example.org", "*.example.net"}) {
            const std::string file = server.directory.file(std::string(name[0] == '*' ? "any" : name));
            makeCertificate(file, file + ".key", name);
            settings.hosts.push_back({name, file, file + ".key"});
        }
        server.tls.replace(settings);
        const std::vector<std::array<std::string, 2>> cases = {{"mail.example.org", "mail.example.org"},
                                                               {"MAIL.Example.org", "mail.example.org"},
                                                               {"other.example.org", "first"},
                                                               {"a.example.net", "*.example.net"},
                                                               {"a.b.example.net", "first"},
                                                               {"example.net", "first"},
                                                               {"", "first"}};
        for (const auto& [asked, expected] : cases) {
            for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
                Client client(server.secureAddress());
                client.serverName = asked;
                client.startTls(nullptr, version);
                CPPUNIT_ASSERT_EQUAL(expected, commonName(client));
                CPPUNIT_ASSERT_EQUAL(std::string("* OK hello"), client.readLine());
                CPPUNIT_ASSERT(certificateHash(client) == server.probe.lastPeer().tls.endPointBinding);
                // A connection outlives the configuration that it began with.
                server.tls.replace(settings);
                client.send("ECHO on\r\n");
                CPPUNIT_ASSERT_EQUAL(std::string("on"), client.readLine());
            }
        }
    }

    void changedFilesAreTakenUp() {
        Server server;
        TlsContexts& tls = server.tls;
        makeCertificate(server.directory.file("cert.pem"), server.directory.file("key.pem"), "third");
        CPPUNIT_ASSERT_EQUAL(std::string("third"), served(server));
        CPPUNIT_ASSERT(server.logged("have changed and were read again"));
        const Poco::Net::Context::Ptr before = tls.current();
        CPPUNIT_ASSERT(tls.fresh() == before);  // nothing changed, nothing built
        // Half of a renewal: the certificate without its key.
        makeCertificate(server.directory.file("cert.pem"), server.directory.file("other.key"), "fourth");
        CPPUNIT_ASSERT_EQUAL(std::string("third"), served(server));
        CPPUNIT_ASSERT_EQUAL(std::string("third"), served(server));
        CPPUNIT_ASSERT(server.logged("does not belong to"));
        CPPUNIT_ASSERT_EQUAL(std::size_t(2), server.logLines());  // not once a handshake
        std::filesystem::rename(server.directory.file("other.key"), server.directory.file("key.pem"));
        CPPUNIT_ASSERT_EQUAL(std::string("fourth"), served(server));
        std::filesystem::remove(server.directory.file("key.pem"));
        CPPUNIT_ASSERT_EQUAL(std::string("fourth"), served(server));
        CPPUNIT_ASSERT(server.logged("No such file"));
    }

    void clientCertificates() {
        Server server;
        TlsSettings settings = server.settings();
        const std::string ca = server.directory.file("ca.pem");
        makeCertificate(ca, server.directory.file("ca.key"), "anna");
        makeCertificate(server.directory.file("stranger.pem"), server.directory.file("stranger.key"), "anna");
        settings.clientCaPath = ca;
        server.tls.replace(settings);
        for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
            Client without(server.secureAddress());
            without.startTls(nullptr, version);
            CPPUNIT_ASSERT_EQUAL(std::string("* OK hello"), without.readLine());
            CPPUNIT_ASSERT(!server.probe.lastPeer().tls.clientCertificate);

            Client anna(server.secureAddress());
            anna.useCertificate(ca, server.directory.file("ca.key"));
            anna.startTls(nullptr, version);
            CPPUNIT_ASSERT_EQUAL(std::string("* OK hello"), anna.readLine());
            CPPUNIT_ASSERT(server.probe.lastPeer().tls.clientCertificate.has_value());
            CPPUNIT_ASSERT_EQUAL(std::string("anna"), server.probe.lastPeer().tls.clientCertificate->commonName);
            // Who it is goes with the session.
            Client resumed(server.secureAddress());
            resume(resumed, anna, version);
            CPPUNIT_ASSERT_EQUAL(std::string("anna"), server.probe.lastPeer().tls.clientCertificate->commonName);

            Client stranger(server.secureAddress());
            stranger.useCertificate(server.directory.file("stranger.pem"), server.directory.file("stranger.key"));
            CPPUNIT_ASSERT(!greets(stranger, version));
        }
        // After STARTTLS too.
        Client anna(server.plainAddress());
        anna.readLine();
        anna.send("STARTTLS\r\n");
        anna.readLine();
        anna.useCertificate(ca, server.directory.file("ca.key"));
        anna.startTls();
        anna.send("ECHO x\r\n");
        CPPUNIT_ASSERT_EQUAL(std::string("x"), anna.readLine());
        CPPUNIT_ASSERT_EQUAL(std::string("anna"), server.probe.lastTls().clientCertificate->commonName);
    }

    void requiredClientCertificate() {
        Server server;
        TlsSettings settings = server.settings();
        const std::string ca = server.directory.file("ca.pem");
        makeCertificate(ca, server.directory.file("ca.key"), "anna");
        settings.clientCaPath = ca;
        settings.requiresClientCertificate = true;
        // Under another name too.
        settings.hosts.push_back({"mail.example.org", settings.certificatePath, settings.keyPath});
        server.tls.replace(settings);
        for (const char* const name : {"mail.example.org", "elsewhere.example.org"}) {
            for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
                Client without(server.secureAddress());
                without.serverName = name;
                CPPUNIT_ASSERT(!greets(without, version));
                Client anna(server.secureAddress());
                anna.serverName = name;
                anna.useCertificate(ca, server.directory.file("ca.key"));
                CPPUNIT_ASSERT(greets(anna, version));
            }
        }
    }

    void namesOfACertificate() {
        X509* const certificate = X509_new();
        X509_NAME* const subject = X509_get_subject_name(certificate);
        const auto add = [subject](const char* field, const std::string& value) {
            X509_NAME_add_entry_by_txt(subject, field, MBSTRING_UTF8,
                                       reinterpret_cast<const unsigned char*>(value.data()),
                                       static_cast<int>(value.size()), -1, 0);
        };
        add("O", "Example, Inc.");
        add("CN", "general");
        add("CN", "j\xc3\xbcrgen");
        GENERAL_NAMES* const names = GENERAL_NAMES_new();
        for (const std::string& mail : {std::string("a@example.org"), std::string("evil@example.org\0@x", 19),
                                        std::string("line@example.org\n"), std::string("b@example.org")}) {
            GENERAL_NAME* const name = GENERAL_NAME_new();
            ASN1_IA5STRING* const text = ASN1_IA5STRING_new();
            ASN1_STRING_set(text, mail.data(), static_cast<int>(mail.size()));
            GENERAL_NAME_set0_value(name, GEN_EMAIL, text);
            sk_GENERAL_NAME_push(names, name);
        }
        X509_add1_ext_i2d(certificate, NID_subject_alt_name, names, 0, 0);
        const CertificateNames found = namesOf(*certificate);
        GENERAL_NAMES_free(names);
        X509_free(certificate);
        CPPUNIT_ASSERT_EQUAL(std::string("j\xc3\xbcrgen"), found.commonName);  // the last is the most specific
        CPPUNIT_ASSERT_EQUAL(std::string("CN=j\\C3\\BCrgen,CN=general,O=Example\\, Inc."), found.subject);
        CPPUNIT_ASSERT(found.emails == std::vector<std::string>({"a@example.org", "b@example.org"}));
    }

    void ocspAnswersAreStapled() {
        Server server;
        TlsSettings settings = server.settings();
        settings.ocspPath = server.directory.file("ocsp.der");
        makeOcspAnswer(settings, 3600);
        server.tls.replace(settings);
        CPPUNIT_ASSERT(stapledOctets(server) > 0);
        makeOcspAnswer(settings, -60);  // noticed as the file changes; what is out of date is not sent
        CPPUNIT_ASSERT_EQUAL(0L, stapledOctets(server));
        CPPUNIT_ASSERT(server.logged("is out of date and is not sent"));
        std::ofstream(settings.ocspPath) << "garbage";
        expectError(settings, "not a successful OCSP answer", "tls.ocsp");
        makeCertificate(settings.certificatePath, settings.keyPath, "other", 30, 2);
        TlsSettings first = settings;
        makeCertificate(server.directory.file("c1"), server.directory.file("k1"), "one");
        first.certificatePath = server.directory.file("c1");
        first.keyPath = server.directory.file("k1");
        makeOcspAnswer(first, 3600);
        expectError(settings, "about another certificate", "tls.ocsp");
    }

    void settingsErrorsSayWhatIsWrong() {
        TempDirectory directory;
        const std::string cert = directory.file("cert.pem");
        const std::string key = directory.file("key.pem");
        makeCertificate(cert, key, "a");
        makeCertificate(directory.file("other.pem"), directory.file("other.key"), "b");
        std::ofstream(directory.file("garbage.pem")) << "garbage";
        CPPUNIT_ASSERT(TlsContexts::check({cert, key, "TLSv1.2", ""}).empty());
        expectError({directory.file("none.pem"), key, "TLSv1.2", ""}, "No such file", "tls.certificate");
        expectError({cert, "", "TLSv1.2", ""}, "No key is configured", "tls.key");
        expectError({cert, directory.file("other.key"), "TLSv1.2", ""}, "does not belong to", "tls.key");
        expectError({directory.file("garbage.pem"), key, "TLSv1.2", ""}, "garbage.pem cannot be used",
                    "tls.certificate");
        expectError({cert, directory.file("garbage.pem"), "TLSv1.2", ""}, "garbage.pem cannot be used", "tls.key");
        expectError({cert, directory.file(""), "TLSv1.2", ""}, "is not a file", "tls.key");
        expectError({cert, key, "SSLv3", ""}, "Unknown TLS protocol", "tls.minProtocol");
        expectError({cert, key, "TLSv1.2", "NOSUCHCIPHER"}, "NOSUCHCIPHER", "tls.ciphers");
        TlsSettings other{cert, key, "TLSv1.2", ""};
        other.hosts.push_back({"shop.example.org", cert, directory.file("other.key")});
        expectError(other, "does not belong to", "tls.sni.shop.example.org.key");
        other.hosts.front().keyPath = key;
        const std::vector<TlsFinding> findings = TlsContexts::check(other);
        CPPUNIT_ASSERT(findings.size() == 1 && findings[0].kind == TlsFinding::Warning);
        CPPUNIT_ASSERT(findings[0].text.find("is not one for shop.example.org") != std::string::npos);
        TlsSettings asking{cert, key, "TLSv1.2", ""};
        asking.requiresClientCertificate = true;
        expectError(asking, "No authority", "tls.clientCa");
        asking.clientCaPath = directory.file("garbage.pem");
        expectError(asking, "garbage.pem cannot be used", "tls.clientCa");
        asking.clientCaPath = cert;
        asking.clientCrlPath = directory.file("none.crl");
        expectError(asking, "No such file", "tls.clientCrl");
        asking.clientCrlPath = directory.file("garbage.pem");
        expectError(asking, "garbage.pem cannot be used", "tls.clientCrl");
        CPPUNIT_ASSERT(!TlsContexts().current());
    }

    void expiredCertificateWarns() {
        TempDirectory directory;
        makeCertificate(directory.file("c"), directory.file("k"), "a", -1);
        const auto expired = TlsContexts::check({directory.file("c"), directory.file("k"), "TLSv1.2", ""});
        CPPUNIT_ASSERT(expired.size() == 1 && expired[0].text.find("expired on 20") != std::string::npos);
        CPPUNIT_ASSERT(expired[0].kind == TlsFinding::OutOfTime && expired[0].setting == "tls.certificate");
        CPPUNIT_ASSERT_EQUAL(std::size_t(1),
                             TlsContexts().replace({directory.file("c"), directory.file("k"), "TLSv1.2", ""}).size());
        makeCertificate(directory.file("c"), directory.file("k"), "a", 3);
        const auto soon = TlsContexts::check({directory.file("c"), directory.file("k"), "TLSv1.2", ""});
        CPPUNIT_ASSERT(soon.size() == 1 && soon[0].text.find("expires on") != std::string::npos);
    }

private:
    // As the certificate's authority, which is itself.
    static void makeOcspAnswer(const TlsSettings& settings, long secondsToEnd) {
        std::FILE* file = std::fopen(settings.certificatePath.c_str(), "r");
        X509* const certificate = PEM_read_X509(file, nullptr, nullptr, nullptr);
        std::fclose(file);
        file = std::fopen(settings.keyPath.c_str(), "r");
        EVP_PKEY* const key = PEM_read_PrivateKey(file, nullptr, nullptr, nullptr);
        std::fclose(file);
        OCSP_BASICRESP* const basic = OCSP_BASICRESP_new();
        OCSP_CERTID* const id = OCSP_cert_to_id(nullptr, certificate, certificate);
        ASN1_TIME* const begin = X509_gmtime_adj(nullptr, -3600);
        ASN1_TIME* const end = X509_gmtime_adj(nullptr, secondsToEnd);
        OCSP_basic_add1_status(basic, id, V_OCSP_CERTSTATUS_GOOD, 0, nullptr, begin, end);
        OCSP_basic_sign(basic, certificate, key, EVP_sha256(), nullptr, 0);
        OCSP_RESPONSE* const response = OCSP_response_create(OCSP_RESPONSE_STATUS_SUCCESSFUL, basic);
        unsigned char* octets = nullptr;
        const int length = i2d_OCSP_RESPONSE(response, &octets);
        std::ofstream(settings.ocspPath, std::ios::binary).write(reinterpret_cast<char*>(octets), length);
        OPENSSL_free(octets);
        OCSP_RESPONSE_free(response);
        OCSP_BASICRESP_free(basic);
        OCSP_CERTID_free(id);
        ASN1_TIME_free(begin);
        ASN1_TIME_free(end);
        EVP_PKEY_free(key);
        X509_free(certificate);
    }

    // How long the answer is that a client gets which asks for one.
    static long stapledOctets(Server& server) {
        Client client(server.secureAddress());
        client.asksForOcsp = true;
        client.startTls();
        const unsigned char* octets = nullptr;
        return std::max(SSL_get_tlsext_status_ocsp_resp(client.ssl(), &octets), 0L);
    }

    // The name in the certificate that a client gets.
    static std::string served(Server& server) {
        Client client(server.secureAddress());
        client.startTls();
        return commonName(client);
    }

    // Under TLS 1.3 a client learns only afterwards that it was refused.
    static bool greets(Client& client, int version) {
        try {
            client.startTls(nullptr, version);
        } catch (const std::runtime_error&) {
            return false;
        }
        return client.readLine() == "* OK hello";
    }

    static void expectError(const TlsSettings& settings, const std::string& text, const std::string& setting) {
        const std::vector<TlsFinding> findings = TlsContexts::check(settings);
        CPPUNIT_ASSERT_MESSAGE("accepted, though " + text, !findings.empty());
        CPPUNIT_ASSERT_MESSAGE(findings.back().text, findings.back().text.find(text) != std::string::npos);
        CPPUNIT_ASSERT_EQUAL(setting, findings.back().setting);
        CPPUNIT_ASSERT(findings.back().kind == TlsFinding::Error);
        CPPUNIT_ASSERT_THROW(TlsContexts().replace(settings), TlsError);
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(TlsCertificatesTest);

}  // namespace imapd::test
