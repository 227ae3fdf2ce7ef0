// TLS: from the start, by STARTTLS and its price.
#include <cppunit/extensions/HelperMacros.h>
#include <malloc.h>

#include <fstream>
#include <iostream>

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
    CPPUNIT_TEST(idleConnectionIsCheap);
    CPPUNIT_TEST(stopWithTls);
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
        Client resumed(server.secureAddress());
        resume(resumed, client, TLS1_2_VERSION);
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

private:
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
};

CPPUNIT_TEST_SUITE_REGISTRATION(TlsTest);

}  // namespace imapd::test
