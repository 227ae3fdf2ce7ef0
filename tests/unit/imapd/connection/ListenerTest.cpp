// Accepting: addresses, running out of descriptors, stopping.
#include "imapd/connection/Listener.h"

#include <cppunit/extensions/HelperMacros.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <ctime>

#include "tests/unit/imapd/connection/Fixture.h"

namespace imapd::test {

namespace {

// Lets the process open only `more` descriptors from now on.
class DescriptorLimit {
public:
    explicit DescriptorLimit(int more) {
        ::getrlimit(RLIMIT_NOFILE, &_before);
        const int next = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
        ::close(next);
        rlimit lower = _before;
        lower.rlim_cur = static_cast<rlim_t>(next + more);
        ::setrlimit(RLIMIT_NOFILE, &lower);
    }
    ~DescriptorLimit() { ::setrlimit(RLIMIT_NOFILE, &_before); }

private:
    rlimit _before{};
};

double processorSeconds() {
    timespec used{};
    ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) / 1e9;
}

std::string listenError(const std::string& addresses) {
    try {
        const Listener listener(addresses, Entrance{}, quietLogger());
    } catch (const ListenError& error) {
        return error.what();
    }
    return "accepted";
}

}  // namespace

class ListenerTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(ListenerTest);
    CPPUNIT_TEST(listensOnSeveralAddresses);
    CPPUNIT_TEST(refusesBadAddresses);
    CPPUNIT_TEST(bindFailureNamesTheAddress);
    CPPUNIT_TEST(outOfDescriptorsShedsAndRecovers);
    CPPUNIT_TEST(connectionsOutliveTheListener);
    CPPUNIT_TEST(acceptsABurst);
    CPPUNIT_TEST_SUITE_END();

public:
    void listensOnSeveralAddresses() {
        Server server;
        Listener listener("127.0.0.1:0, [::1]:0", Entrance{}, quietLogger());
        listener.start(*server.scheduler);
        const auto addresses = listener.addresses();
        CPPUNIT_ASSERT_EQUAL(std::size_t(2), addresses.size());
        for (const auto& address : addresses) {
            Client client(address);
            CPPUNIT_ASSERT_EQUAL(std::string("* OK hello"), client.readLine());
        }
        CPPUNIT_ASSERT(addresses[1].family() == Poco::Net::SocketAddress::IPv6);
        CPPUNIT_ASSERT(Listener(" ", Entrance{}, quietLogger()).addresses().empty());
    }

    void refusesBadAddresses() {
        for (const char* text : {"143", ":143", "127.0.0.1", "127.0.0.1:", "127.0.0.1:imap", "127.0.0.1:99999",
                                 "::1:143", "/run/imap:1", "127.0.0.1:0, x"}) {
            CPPUNIT_ASSERT_THROW_MESSAGE(text, Listener::parse(text), ListenError);
        }
        CPPUNIT_ASSERT_EQUAL(std::string("[::1]:143"), Listener::parse("[::1]:143").front().toString());
        // Bound by somebody else, who is not there.
        CPPUNIT_ASSERT(Listener::parse("systemd:imap").empty());
        CPPUNIT_ASSERT_THROW(Listener("systemd:imap", Entrance{}, quietLogger()), ListenError);
        CPPUNIT_ASSERT_THROW(Listener::parse("systemd:"), ListenError);
    }

    void bindFailureNamesTheAddress() {
        Server server;
        const std::string taken = server.plainAddress().toString();
        const std::string text = listenError(taken);
        CPPUNIT_ASSERT_MESSAGE(text, text.find(taken) != std::string::npos);
        CPPUNIT_ASSERT_MESSAGE(text, text.find("already in use") != std::string::npos);
        const std::string foreign = listenError("192.0.2.1:1143");
        CPPUNIT_ASSERT_MESSAGE(foreign, foreign.find("192.0.2.1:1143") != std::string::npos);
        CPPUNIT_ASSERT_MESSAGE(foreign, foreign.find("this machine has no such address") != std::string::npos);
        const std::string port = taken.substr(taken.rfind(':'));
        CPPUNIT_ASSERT_MESSAGE(text, text.find("`ss -ltnp sport = " + port + "`") != std::string::npos);
        const std::string any = listenError("*:143");
        CPPUNIT_ASSERT_MESSAGE(any, any.find("write 0.0.0.0:143, [::]:143") != std::string::npos);
    }

    void outOfDescriptorsShedsAndRecovers() {
        Server server;
        std::vector<std::unique_ptr<Client>> waiting;
        for (int i = 0; i < 12; ++i) waiting.push_back(std::make_unique<Client>());
        for (auto& client : waiting) client->open();
        int served = 0;
        {
            const DescriptorLimit limit(3);
            for (auto& client : waiting) {
                client->connect(server.plainAddress());
                if (client->readLine() == "* OK hello") ++served;  // else closed at once, not left waiting
            }
            CPPUNIT_ASSERT_EQUAL(3, served);
            const double before = processorSeconds();
            waiting[0]->send("TIMER 300\r\n");
            CPPUNIT_ASSERT_EQUAL(std::string("SET"), waiting[0]->readLine());
            CPPUNIT_ASSERT_EQUAL(std::string("TICK"), waiting[0]->readLine());
            CPPUNIT_ASSERT(processorSeconds() - before < 0.15);
        }
        Client later(server.plainAddress());
        CPPUNIT_ASSERT_EQUAL(std::string("* OK hello"), later.readLine());
    }

    void connectionsOutliveTheListener() {
        Server server;
        Client client(server.plainAddress());
        client.readLine();
        const auto address = server.plainAddress();
        server.plain->stop();
        client.send("ECHO on\r\n");
        CPPUNIT_ASSERT_EQUAL(std::string("on"), client.readLine());
        CPPUNIT_ASSERT_THROW(Client refused(address), std::runtime_error);
    }

    void acceptsABurst() {
        Server server;
        std::vector<std::unique_ptr<Client>> clients;
        for (int i = 0; i < 800; ++i) clients.push_back(std::make_unique<Client>(server.plainAddress()));
        for (auto& client : clients) CPPUNIT_ASSERT_EQUAL(std::string("* OK hello"), client->readLine());
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(ListenerTest);

}  // namespace imapd::test
