// The PROXY header: what is taken, what is not, and that no octet behind it is ever asked for.
#include <cppunit/extensions/HelperMacros.h>

#include "imapd/connection/ProxyHeader.h"
#include "tests/unit/imapd/connection/Fixture.h"

namespace imapd::test {

namespace {

using namespace std::string_literals;
using State = ProxyHeader::State;

const std::string signature = "\r\n\r\n\0\r\nQUIT\n"s;

std::string number(std::size_t value) {
    return {static_cast<char>(value >> 8), static_cast<char>(value & 0xff)};
}

std::string binary(char command, char family, const std::string& body) {
    return signature + command + family + number(body.size()) + body;
}

std::string additional(char type, const std::string& value) {
    return type + number(value.size()) + value;
}

const std::string ends4 = "\xc0\x00\x02\x07\x7f\x00\x00\x01\x9c\x40\x03\xe1"s;  // 192.0.2.7:40000 to 127.0.0.1:993

// As a connection feeds it: what is wanted, and no more. What follows must be left.
ProxyHeader fed(const std::string& octets, const std::string& rest = "a LOGIN me secret\r\n") {
    const std::string all = octets + rest;
    ProxyHeader header;
    std::size_t at = 0;
    while (header.state() == State::Incomplete && at < all.size()) {
        const std::size_t wanted = header.wanted();
        CPPUNIT_ASSERT(wanted > 0);
        const std::size_t given = std::min(wanted, all.size() - at);
        header.feed(std::string_view(all).substr(at, given));
        at += given;
    }
    if (header.state() == State::Complete) CPPUNIT_ASSERT_EQUAL(octets.size(), at);
    return header;
}

}  // namespace

class ProxyHeaderTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(ProxyHeaderTest);
    CPPUNIT_TEST(lines);
    CPPUNIT_TEST(malformedLines);
    CPPUNIT_TEST(binaryHeaders);
    CPPUNIT_TEST(malformedBinaryHeaders);
    CPPUNIT_TEST(additionalData);
    CPPUNIT_TEST(octetByOctet);
    CPPUNIT_TEST(proxiedClient);
    CPPUNIT_TEST(proxiedTlsClient);
    CPPUNIT_TEST(proxySpeaksForItself);
    CPPUNIT_TEST(untrustedAndMalformedAreClosed);
    CPPUNIT_TEST(silentProxyIsClosed);
    CPPUNIT_TEST_SUITE_END();

public:
    void lines() {
        expect("PROXY TCP4 192.0.2.7 198.51.100.1 40000 993\r\n", "192.0.2.7:40000", "198.51.100.1:993");
        expect("PROXY TCP6 2001:db8::7 2001:db8::1 65535 0\r\n", "[2001:db8::7]:65535", "[2001:db8::1]:0");
        for (const char* const unknown :
             {"PROXY UNKNOWN\r\n",
              "PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535 and whatever it likes to say here\r\n"}) {
            const ProxyHeader header = fed(unknown);
            CPPUNIT_ASSERT(header.state() == State::Complete && !header.client());
        }
    }

    void malformedLines() {
        for (const std::string& line : {"* OK"s + std::string(20, ' '),
                                        "GET / HTTP/1.1\r\n"s,
                                        "proxy TCP4 192.0.2.7 192.0.2.1 1 2\r\n"s,
                                        "PROXY  TCP4 192.0.2.7 192.0.2.1 1 2\r\n"s,
                                        "PROXY TCP4 192.0.2.7  192.0.2.1 1 2\r\n"s,
                                        "PROXY TCP4 192.0.2.7 192.0.2.1 1 2 \r\n"s,
                                        "PROXY TCP4 192.0.2.7 192.0.2.1 1\r\n"s,
                                        "PROXY TCP4 192.0.2.256 192.0.2.1 1 2\r\n"s,
                                        "PROXY TCP4 192.0.2.7 192.0.2.1 01 2\r\n"s,
                                        "PROXY TCP4 192.0.2.7 192.0.2.1 1 65536\r\n"s,
                                        "PROXY TCP4 192.0.2.7 192.0.2.1 -1 2\r\n"s,
                                        "PROXY TCP4 192.0.2.7 192.0.2.1 1 2x\r\n"s,
                                        "PROXY TCP4 ::1 ::1 1 2\r\n"s,
                                        "PROXY TCP6 192.0.2.7 192.0.2.1 1 2\r\n"s,
                                        "PROXY UDP4 192.0.2.7 192.0.2.1 1 2\r\n"s,
                                        "PROXY TCP4 192.0.2.7 192.0.2.1 1 2\n"s,
                                        "PROXY TCP4 192.0.2.7 192.0.2.1 1 2\rx"s,
                                        "PROXY TCP4 192.0.2.7\0x 192.0.2.1 1 2\r\n"s,
                                        "PROXY TCP4 192.0.2.7 192.0.2.1 1 2\r\r\n"s,
                                        "PROXY UNKNOWN " + std::string(93, 'x') + "\r\n",
                                        "PROXY " + std::string(300, 'x')}) {
            expectMalformed(line);
        }
        CPPUNIT_ASSERT(fed("PROXY UNKNOWN " + std::string(91, 'x') + "\r\n").state() == State::Complete);  // 107 octets
    }

    void binaryHeaders() {
        expect(binary('\x21', '\x11', ends4), "192.0.2.7:40000", "127.0.0.1:993");
        const std::string host6 = " \x01\x0d\xb8"s + std::string(11, '\0');
        expect(binary('\x21', '\x21', host6 + '\x07' + host6 + '\x01' + number(40000) + number(143)),
               "[2001:db8::7]:40000", "[2001:db8::1]:143");
        for (const std::string& nobody : {binary('\x20', '\x00', ""), binary('\x20', '\x11', "anything"),
                                          binary('\x21', '\x00', ""), binary('\x21', '\x31', std::string(216, 'x'))}) {
            const ProxyHeader header = fed(nobody);
            CPPUNIT_ASSERT(header.state() == State::Complete && !header.client() && !header.isTls());
        }
    }

    void malformedBinaryHeaders() {
        for (const std::string& header :
             {binary('\x22', '\x11', ends4), binary('\x11', '\x11', ends4), binary('\x21', '\x12', ends4),
              binary('\x21', '\x41', ends4), binary('\x21', '\x11', ends4.substr(0, 11)),
              binary('\x21', '\x21', std::string(35, 'x')), binary('\x21', '\x31', std::string(215, 'x')),
              binary('\x21', '\x11', ends4 + additional('\x04', std::string(ProxyHeader::maxOctets, 'x'))),
              "\r\n\r\n\0\r\nQUIT\r\n"s + ends4}) {
            expectMalformed(header);
        }
    }

    void additionalData() {
        const auto with = [](const std::string& data) { return binary('\x21', '\x11', ends4 + data); };
        CPPUNIT_ASSERT(fed(with(additional('\x04', "padding") + additional('\xee', ""))).client());
        CPPUNIT_ASSERT(!fed(with(additional('\x04', "x"))).isTls());
        CPPUNIT_ASSERT(fed(with(additional('\x20', "\x01\0\0\0\0"s))).isTls());
        CPPUNIT_ASSERT(!fed(with(additional('\x20', "\x06\0\0\0\0"s))).isTls());
        for (const std::string& data :
             {"\x04"s, "\x04\x00"s, "\x04\x00\x02x"s, additional('\x20', "\x01\0\0\0"s),
              additional('\x03', "\0\0\0\0"s), additional('\x03', "\0\0\0"s), additional('\x04', "x") + "\xff"s}) {
            expectMalformed(with(data));
        }
        // The sum of exactly this header, as computed apart from this code, by a CRC-32C that gives e3069283 for
        // 123456789.
        const std::string summed = with(additional('\x03', "\x8b\xe9\xd9\x04"s));
        CPPUNIT_ASSERT_MESSAGE(fed(summed).fault(), fed(summed).state() == State::Complete);
        std::string other = summed;
        other[17] ^= 1;
        expectMalformed(other);
    }

    void octetByOctet() {
        for (const std::string& whole :
             {"PROXY TCP4 192.0.2.7 198.51.100.1 40000 993\r\n"s, binary('\x21', '\x11', ends4)}) {
            ProxyHeader header;
            for (const char& octet : whole) {
                CPPUNIT_ASSERT(header.state() == State::Incomplete);
                header.feed({&octet, 1});
            }
            CPPUNIT_ASSERT(header.state() == State::Complete);
            CPPUNIT_ASSERT_EQUAL("192.0.2.7:40000"s, header.client()->toString());
        }
    }

    void proxiedClient() {
        Server server;
        for (const std::string& header :
             {"PROXY TCP4 192.0.2.7 127.0.0.1 40000 993\r\n"s, binary('\x21', '\x11', ends4)}) {
            Client client(server.proxiedAddress());
            client.send(header + "ECHO behind it\r\n");
            CPPUNIT_ASSERT_EQUAL("* OK hello"s, client.readLine());
            CPPUNIT_ASSERT_EQUAL("behind it"s, client.readLine());
            const PeerFacts peer = server.probe.lastPeer();
            CPPUNIT_ASSERT_EQUAL("192.0.2.7:40000"s, peer.client.toString());
            CPPUNIT_ASSERT_EQUAL("127.0.0.1:993"s, peer.local.toString());
            CPPUNIT_ASSERT(peer.isProxied && !peer.isTlsAtProxy && !peer.isTls);
        }
        Client client(server.proxiedAddress());
        client.send(binary('\x21', '\x11', ends4 + additional('\x20', "\x01\0\0\0\0"s)));
        CPPUNIT_ASSERT_EQUAL("* OK hello"s, client.readLine());
        CPPUNIT_ASSERT(server.probe.lastPeer().isTlsAtProxy);
    }

    void proxiedTlsClient() {
        Server server;
        Client client(server.proxiedSecureAddress());
        client.send("PROXY TCP4 192.0.2.7 127.0.0.1 40000 993\r\n");
        client.startTls();
        CPPUNIT_ASSERT_EQUAL("* OK hello"s, client.readLine());
        CPPUNIT_ASSERT_EQUAL("192.0.2.7:40000"s, server.probe.lastPeer().client.toString());
        CPPUNIT_ASSERT(server.probe.lastPeer().isTls);
    }

    void proxySpeaksForItself() {
        Server server;
        for (const std::string& header : {"PROXY UNKNOWN\r\n"s, binary('\x20', '\x00', "")}) {
            Client client(server.proxiedAddress());
            client.send(header);
            CPPUNIT_ASSERT_EQUAL("* OK hello"s, client.readLine());
            CPPUNIT_ASSERT_EQUAL("127.0.0.1"s, server.probe.lastPeer().client.host().toString());
            CPPUNIT_ASSERT(!server.probe.lastPeer().isProxied);
        }
    }

    void untrustedAndMalformedAreClosed() {
        Server server;
        for (const std::string& header : {"a LOGIN me secret\r\n"s, "PROXY TCP4 1.2.3.4 1.2.3.4 1 x\r\n"s}) {
            Client client(server.proxiedAddress());
            client.send(header);
            CPPUNIT_ASSERT(client.readToEnd().find("OK") == std::string::npos);
        }
        server.trustsProxies = false;
        Client client(server.proxiedAddress());
        CPPUNIT_ASSERT(client.readToEnd().find("OK") == std::string::npos);
        CPPUNIT_ASSERT(server.awaitNoConnections());
        CPPUNIT_ASSERT_EQUAL(0, server.probe.begun.load());
    }

    void silentProxyIsClosed() {
        ConnectionLimits limits;
        limits.handshake = std::chrono::milliseconds(100);
        Server server(2, limits);
        Client client(server.proxiedAddress());
        client.send("PROXY TCP4");
        CPPUNIT_ASSERT_EQUAL(""s, client.readToEnd());
        CPPUNIT_ASSERT(server.awaitNoConnections());
    }

private:
    static void expect(const std::string& octets, const std::string& client, const std::string& local) {
        const ProxyHeader header = fed(octets);
        CPPUNIT_ASSERT_MESSAGE(header.fault(), header.state() == State::Complete);
        CPPUNIT_ASSERT_EQUAL(client, header.client()->toString());
        CPPUNIT_ASSERT_EQUAL(local, header.local()->toString());
    }

    static void expectMalformed(const std::string& octets) {
        const ProxyHeader header = fed(octets);
        CPPUNIT_ASSERT_MESSAGE(octets, header.state() == State::Malformed);
        CPPUNIT_ASSERT(!header.fault().empty() && !header.client() && !header.isTls());
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(ProxyHeaderTest);

}  // namespace imapd::test
