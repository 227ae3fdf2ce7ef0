// TLS: from the start, by STARTTLS, its configuration, and its price.
#include <cppunit/extensions/HelperMacros.h>
#include <malloc.h>
#include <openssl/ocsp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <iostream>

#include "imapd/connection/TlsNames.h"
#include "tests/unit/imapd/connection/Fixture.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define MAILDOCK_OWN_MALLOC 0
#else
#define MAILDOCK_OWN_MALLOC 1
#endif

namespace imapd::test {

using std::chrono::milliseconds;

class TlsTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(TlsTest);
    CPPUNIT_TEST(handshakeFromTheStart);
    CPPUNIT_TEST(worksWithTls12);
    CPPUNIT_TEST(bindingsAgreeUnderTls13);
    CPPUNIT_TEST(bindingsAgreeUnderTls12);
    CPPUNIT_TEST(bindingsAfterStartTls);
    CPPUNIT_TEST(largeAnswersBothWays);
    CPPUNIT_TEST(startTls);
    CPPUNIT_TEST(startTlsDropsInjectedPlaintext);
    CPPUNIT_TEST(plaintextAtTheTlsPortIsRefused);
    CPPUNIT_TEST(silentHandshakeIsClosed);
    CPPUNIT_TEST(resetDuringAnAnswerIsSurvived);
    CPPUNIT_TEST(closeNotifyComesLast);
    CPPUNIT_TEST(resumesSessions);
    CPPUNIT_TEST(reloadLeavesRunningSessions);
    CPPUNIT_TEST(certificateByName);
    CPPUNIT_TEST(changedFilesAreTakenUp);
    CPPUNIT_TEST(clientCertificates);
    CPPUNIT_TEST(requiredClientCertificate);
    CPPUNIT_TEST(namesOfACertificate);
    CPPUNIT_TEST(ocspAnswersAreStapled);
    CPPUNIT_TEST(idleConnectionIsCheap);
    CPPUNIT_TEST(stopWithTls);
    CPPUNIT_TEST(settingsErrorsSayWhatIsWrong);
    CPPUNIT_TEST(expiredCertificateWarns);
    CPPUNIT_TEST_SUITE_END();

public:
    void handshakeFromTheStart() {
        Server server;
        Client client(server.secureAddress());
        client.startTls();
        CPPUNIT_ASSERT_EQUAL(std::string("* OK hello"), client.readLine());
        const PeerFacts peer = server.probe.lastPeer();
        CPPUNIT_ASSERT(peer.isTls && peer.tls.isActive);
        CPPUNIT_ASSERT_EQUAL(std::string("TLSv1.3"), peer.tls.protocol);
        CPPUNIT_ASSERT_EQUAL(std::string(SSL_get_cipher_name(client.ssl())), peer.tls.cipher);
        CPPUNIT_ASSERT_EQUAL(std::string("mail.example.org"), peer.tls.serverName);
        client.send("ECHO secret\r\n");
        CPPUNIT_ASSERT_EQUAL(std::string("secret"), client.readLine());
    }

    void worksWithTls12() {
        Server server;
        Client client(server.secureAddress());
        client.startTls(nullptr, TLS1_2_VERSION);
        client.readLine();
        CPPUNIT_ASSERT_EQUAL(std::string("TLSv1.2"), server.probe.lastPeer().tls.protocol);
        client.send("ECHO secret\r\n");
        CPPUNIT_ASSERT_EQUAL(std::string("secret"), client.readLine());
        Client old(server.secureAddress());
        CPPUNIT_ASSERT_THROW(old.startTls(nullptr, TLS1_1_VERSION), std::runtime_error);
    }

    // What a client finds on its side, by the API that it would use.
    void bindingsAgreeUnderTls13() {
        Server server;
        Client client(server.secureAddress());
        client.startTls();
        client.readLine();
        const TlsFacts tls = server.probe.lastPeer().tls;
        CPPUNIT_ASSERT_EQUAL(std::size_t(32), tls.exporterBinding.size());
        CPPUNIT_ASSERT(exported(client) == tls.exporterBinding);
        CPPUNIT_ASSERT(tls.uniqueBinding.empty());  // RFC 8446 C.5
        CPPUNIT_ASSERT(certificateHash(client) == tls.endPointBinding);
        CPPUNIT_ASSERT(!tls.clientCertificate);
        Client other(server.secureAddress());
        other.startTls();
        other.readLine();
        CPPUNIT_ASSERT(server.probe.lastPeer().tls.exporterBinding != tls.exporterBinding);
    }

    void bindingsAgreeUnderTls12() {
        Server server;
        Client client(server.secureAddress());
        client.startTls(nullptr, TLS1_2_VERSION);
        client.readLine();
        const TlsFacts tls = server.probe.lastPeer().tls;
        std::array<char, 64> finished{};
        CPPUNIT_ASSERT(tls.exporterBinding.empty());
        CPPUNIT_ASSERT_EQUAL(std::size_t(12), tls.uniqueBinding.size());
        CPPUNIT_ASSERT_EQUAL(std::size_t(12), SSL_get_finished(client.ssl(), finished.data(), finished.size()));
        CPPUNIT_ASSERT(std::string(finished.data(), 12) == tls.uniqueBinding);
        CPPUNIT_ASSERT(certificateHash(client) == tls.endPointBinding);
        SSL_SESSION* session = SSL_get1_session(client.ssl());
        Client resumed(server.secureAddress());
        resumed.startTls(session, TLS1_2_VERSION);
        SSL_SESSION_free(session);
        resumed.readLine();
        CPPUNIT_ASSERT_EQUAL(1, SSL_session_reused(resumed.ssl()));
        // The server's Finished comes first then.
        CPPUNIT_ASSERT_EQUAL(std::size_t(12), SSL_get_peer_finished(resumed.ssl(), finished.data(), finished.size()));
        CPPUNIT_ASSERT(std::string(finished.data(), 12) == server.probe.lastPeer().tls.uniqueBinding);
    }

    void bindingsAfterStartTls() {
        Server server;
        Client client(server.plainAddress());
        client.readLine();
        CPPUNIT_ASSERT(server.probe.lastPeer().tls.exporterBinding.empty());
        CPPUNIT_ASSERT(server.probe.lastPeer().tls.endPointBinding.empty());
        client.send("STARTTLS\r\n");
        client.readLine();
        client.startTls();
        client.send("ECHO x\r\n");
        client.readLine();
        CPPUNIT_ASSERT(exported(client) == server.probe.lastTls().exporterBinding);
    }

    void largeAnswersBothWays() {
        constexpr std::size_t total = 20'000'000;
        Server server;
        Client client(server.secureAddress(), 16 * 1024);
        client.startTls();
        client.readLine();
        // One TLS record with several commands: all must be used up, though the socket shows nothing more.
        client.send("BIG " + std::to_string(total) + "\r\nECHO a\r\nECHO b\r\n");
        if (SSL_get_version(client.ssl()) == std::string("TLSv1.3")) {
            SSL_key_update(client.ssl(), SSL_KEY_UPDATE_REQUESTED);  // the server's reading has to write then
        }
        client.send("ECHO " + std::string(100'000, 'q') + "\r\n");
        const std::string answer = client.readExactly(total);
        CPPUNIT_ASSERT_EQUAL(total, answer.size());
        for (std::size_t i = 0; i < total; ++i) {
            if (answer[i] != bigOctet(i)) CPPUNIT_FAIL("wrong octet at " + std::to_string(i));
        }
        CPPUNIT_ASSERT_EQUAL(std::string("a"), client.readLine());
        CPPUNIT_ASSERT_EQUAL(std::string("b"), client.readLine());
        CPPUNIT_ASSERT_EQUAL(std::string(100'000, 'q'), client.readLine());
    }

    void startTls() {
        Server server;
        Client client(server.plainAddress());
        client.readLine();
        client.send("STARTTLS\r\n");
        CPPUNIT_ASSERT_EQUAL(std::string("BEGIN"), client.readLine());
        client.startTls();
        client.send("ECHO inside\r\n");
        CPPUNIT_ASSERT_EQUAL(std::string("inside"), client.readLine());
        CPPUNIT_ASSERT_EQUAL(1, server.probe.tlsStarted.load());
        CPPUNIT_ASSERT(server.probe.lastTls().isActive);
        CPPUNIT_ASSERT(!server.probe.lastPeer().isTls);
    }

    void startTlsDropsInjectedPlaintext() {
        Server server;
        server.probe.release = false;
        Client client(server.plainAddress());
        client.readLine();
        client.send("STARTTLS\r\nECHO in the same packet\r\n");
        // The command is being executed: what comes now lies unread in the socket when TLS begins.
        CPPUNIT_ASSERT(server.probe.await([&] { return server.probe.inside == 1; }));
        client.send("ECHO injected\r\n" + std::string(100'000, 'i'));
        server.probe.release = true;
        server.probe.changed();
        CPPUNIT_ASSERT_EQUAL(std::string("BEGIN"), client.readLine());
        client.startTls();
        client.send("ECHO mine\r\n");
        CPPUNIT_ASSERT_EQUAL(std::string("mine"), client.readLine());
    }

    void plaintextAtTheTlsPortIsRefused() {
        Server server;
        Client client(server.secureAddress());
        client.send("a LOGIN me secret\r\n");
        client.readToEnd();
        CPPUNIT_ASSERT(server.awaitNoConnections());
        CPPUNIT_ASSERT_EQUAL(0, server.probe.begun.load());
    }

    void silentHandshakeIsClosed() {
        ConnectionLimits limits;
        limits.handshake = milliseconds(100);
        Server server(2, limits);
        Client silent(server.secureAddress());
        Client afterStartTls(server.plainAddress());
        afterStartTls.readLine();
        afterStartTls.send("STARTTLS\r\n");
        CPPUNIT_ASSERT_EQUAL(std::string("BEGIN"), afterStartTls.readLine());
        CPPUNIT_ASSERT_EQUAL(std::string(), silent.readToEnd());
        CPPUNIT_ASSERT_EQUAL(std::string(), afterStartTls.readToEnd());
        CPPUNIT_ASSERT(server.awaitNoConnections());
        CPPUNIT_ASSERT_EQUAL(1, server.probe.ended.load());
    }

    void resetDuringAnAnswerIsSurvived() {
        Server server;
        for (int i = 0; i < 10; ++i) {
            Client client(server.secureAddress(), 16 * 1024);
            client.startTls();
            client.readLine();
            client.send("BIG 100000000\r\n");
            client.readExactly(100'000);
            client.reset();
        }
        CPPUNIT_ASSERT(server.awaitNoConnections());
        CPPUNIT_ASSERT_EQUAL(10, server.probe.ended.load());
    }

    void closeNotifyComesLast() {
        Server server;
        Client client(server.secureAddress());
        client.startTls();
        client.readLine();
        client.send("QUIT\r\n");
        CPPUNIT_ASSERT_EQUAL(std::string("* BYE\r\n"), client.readToEnd());  // no <RESET>: close_notify
    }

    void resumesSessions() {
        Server server;
        Client first(server.secureAddress());
        first.startTls();
        first.readLine();  // reads the tickets too
        SSL_SESSION* session = SSL_get1_session(first.ssl());
        first.send("QUIT\r\n");
        first.readToEnd();
        Client second(server.secureAddress());
        second.startTls(session);
        SSL_SESSION_free(session);
        CPPUNIT_ASSERT_EQUAL(1, SSL_session_reused(second.ssl()));
        CPPUNIT_ASSERT_EQUAL(std::string("* OK hello"), second.readLine());
    }

    void reloadLeavesRunningSessions() {
        Server server;
        Client before(server.secureAddress());
        before.startTls();
        before.readLine();
        server.useCertificate("second");
        Client after(server.secureAddress());
        after.startTls();
        after.readLine();
        before.send("ECHO on\r\n");
        CPPUNIT_ASSERT_EQUAL(std::string("on"), before.readLine());
        CPPUNIT_ASSERT_EQUAL(std::string("first"), commonName(before));
        CPPUNIT_ASSERT_EQUAL(std::string("second"), commonName(after));
        std::ofstream(server.directory.file("key.pem")) << "nothing";
        CPPUNIT_ASSERT_THROW(server.tls.replace(server.settings()), TlsError);
        Client third(server.secureAddress());
        third.startTls();
        CPPUNIT_ASSERT_EQUAL(std::string("second"), commonName(third));
    }

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
            SSL_SESSION* session = SSL_get1_session(anna.ssl());
            Client resumed(server.secureAddress());
            resumed.startTls(session, version);
            SSL_SESSION_free(session);
            resumed.readLine();
            CPPUNIT_ASSERT_EQUAL(1, SSL_session_reused(resumed.ssl()));
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

    void idleConnectionIsCheap() {
        Server server;
        std::vector<std::unique_ptr<Client>> clients;
        clients.reserve(400);
        for (int i = 0; i < 50; ++i) clients.push_back(greeted(server));
        const std::size_t before = ::mallinfo2().uordblks;
        for (int i = 0; i < 300; ++i) clients.push_back(greeted(server));
        const std::size_t each = (::mallinfo2().uordblks - before) / 300;
        if (MAILDOCK_OWN_MALLOC) {
            std::cout << "heap octets per idle TLS connection: " << each << std::endl;
            CPPUNIT_ASSERT(each < 24 * 1024);
        }
    }

    void stopWithTls() {
        Server server;
        Client idle(server.secureAddress());
        idle.startTls();
        idle.readLine();
        Client deaf(server.secureAddress(), 16 * 1024);
        deaf.startTls();
        deaf.readLine();
        deaf.send("BIG 100000000\r\n");
        CPPUNIT_ASSERT(server.probe.await([&] { return server.probe.produced > 0; }));
        server.plain->stop();
        server.secure->stop();
        CPPUNIT_ASSERT(server.scheduler->stop(milliseconds(2000)));
        CPPUNIT_ASSERT_EQUAL(std::string("* BYE stop\r\n"), idle.readToEnd());
        CPPUNIT_ASSERT_EQUAL(2, server.probe.ended.load());
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

    static std::unique_ptr<Client> greeted(Server& server) {
        auto client = std::make_unique<Client>(server.secureAddress());
        client->startTls();
        CPPUNIT_ASSERT_EQUAL(std::string("* OK hello"), client->readLine());
        client->forgetTls();
        return client;
    }

    static std::string exported(const Client& client) {
        std::array<unsigned char, 32> octets{};
        CPPUNIT_ASSERT_EQUAL(1, SSL_export_keying_material(client.ssl(), octets.data(), octets.size(),
                                                           "EXPORTER-Channel-Binding", 24, nullptr, 0, 1));
        return {reinterpret_cast<const char*>(octets.data()), octets.size()};
    }

    static std::string certificateHash(const Client& client) {
        X509* certificate = SSL_get1_peer_certificate(client.ssl());
        std::array<unsigned char, 32> octets{};
        X509_digest(certificate, EVP_sha256(), octets.data(), nullptr);
        X509_free(certificate);
        return {reinterpret_cast<const char*>(octets.data()), octets.size()};
    }

    static std::string commonName(const Client& client) {
        X509* certificate = SSL_get1_peer_certificate(client.ssl());
        std::array<char, 64> name{};
        X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, name.data(), name.size());
        X509_free(certificate);
        return name.data();
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

CPPUNIT_TEST_SUITE_REGISTRATION(TlsTest);

}  // namespace imapd::test
