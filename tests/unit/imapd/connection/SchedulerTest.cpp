// Conversations over plain sockets: turns, slow readers, wakes, deadlines, ends, stop.
#include "imapd/connection/Scheduler.h"

#include <cppunit/extensions/HelperMacros.h>
#include <malloc.h>

#include <iostream>
#include <random>
#include <thread>

#include "tests/unit/imapd/connection/Fixture.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define MAILDOCK_OWN_MALLOC 0
#else
#define MAILDOCK_OWN_MALLOC 1
#endif

namespace imapd::test {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

class SchedulerTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(SchedulerTest);
    CPPUNIT_TEST(outputGivesItsMemoryBack);
    CPPUNIT_TEST(answersPipelinedInputInOrder);
    CPPUNIT_TEST(tellsWhoConnected);
    CPPUNIT_TEST(slowReaderCostsOnlyItsBuffers);
    CPPUNIT_TEST(pipeliningWithoutReadingIsBounded);
    CPPUNIT_TEST(longAnswerLetsOthersHaveTheirTurn);
    CPPUNIT_TEST(longStepEndsTheTurn);
    CPPUNIT_TEST(longWorkLeavesWorkersToOthers);
    CPPUNIT_TEST(slowTurnsKeepNobodyForEver);
    CPPUNIT_TEST(wakesAreNeverLost);
    CPPUNIT_TEST(wakeAfterTheEndIsHarmless);
    CPPUNIT_TEST(parkedConversationIsGivenNoInput);
    CPPUNIT_TEST(deadlinesComeInTimeAndOrder);
    CPPUNIT_TEST(halfClosedClientGetsItsAnswers);
    CPPUNIT_TEST(lastWordsSurviveUnreadInput);
    CPPUNIT_TEST(resetEndsAParkedConversation);
    CPPUNIT_TEST(exceptionEndsOnlyItsConnection);
    CPPUNIT_TEST(clientThatDoesNotReadIsClosed);
    CPPUNIT_TEST(thousandIdleConnectionsHoldNoThread);
    CPPUNIT_TEST(stopSaysGoodbye);
    CPPUNIT_TEST(stopReportsAConversationThatHangs);
    CPPUNIT_TEST_SUITE_END();

public:
    void outputGivesItsMemoryBack() {
        Output out;
        out.buffer().assign(Output::fullOctets + 10, 'x');
        out.buffer().back() = 'y';
        CPPUNIT_ASSERT(out.isFull());
        out.consume(11);
        CPPUNIT_ASSERT(!out.isFull());
        out.consume(Output::fullOctets - 2);
        CPPUNIT_ASSERT_EQUAL(std::string("y"), std::string(out.pending()));
        CPPUNIT_ASSERT_EQUAL(std::size_t(1), out.buffer().size());
        out.consume(1);
        CPPUNIT_ASSERT(out.pending().empty());
        CPPUNIT_ASSERT_EQUAL(std::string().capacity(), out.buffer().capacity());
    }

    void answersPipelinedInputInOrder() {
        Server server;
        Client client(server.plainAddress());
        CPPUNIT_ASSERT_EQUAL(std::string("* OK hello"), client.readLine());
        std::string commands;
        for (int i = 0; i < 5000; ++i) commands += "ECHO " + std::to_string(i) + "\r\n";
        client.send(commands.substr(0, 7));
        client.send(commands.substr(7));
        for (int i = 0; i < 5000; ++i) CPPUNIT_ASSERT_EQUAL(std::to_string(i), client.readLine());
        client.send("QUIT\r\n");
        CPPUNIT_ASSERT_EQUAL(std::string("* BYE\r\n"), client.readToEnd());
        CPPUNIT_ASSERT(server.probe.await([&] { return server.probe.ended == 1; }));
    }

    void tellsWhoConnected() {
        Server server;
        Client client(server.plainAddress());
        client.readLine();
        const PeerFacts peer = server.probe.lastPeer();
        CPPUNIT_ASSERT_EQUAL(std::string("127.0.0.1"), peer.client.host().toString());
        CPPUNIT_ASSERT_EQUAL(server.plainAddress().toString(), peer.local.toString());
        CPPUNIT_ASSERT(!peer.isTls && !peer.tls.isActive);
        CPPUNIT_ASSERT_EQUAL(std::uint64_t(1), peer.connectionId);
    }

    void slowReaderCostsOnlyItsBuffers() {
        constexpr std::uint64_t total = 48 * 1024 * 1024;
        Server server;
        Client slow(server.plainAddress(), 16 * 1024);
        slow.readLine();
        slow.send("BIG " + std::to_string(total) + "\r\nECHO after\r\n");
        Client other(server.plainAddress());
        other.readLine();
        for (int i = 0; i < 2000; ++i) {
            other.send("ECHO x\r\n");
            CPPUNIT_ASSERT_EQUAL(std::string("x"), other.readLine());
        }
        // Kernel buffers grow to some MiB; ours hold 128 KiB and a piece.
        CPPUNIT_ASSERT(server.probe.produced < total / 2);
        const std::string answer = slow.readExactly(total);
        CPPUNIT_ASSERT_EQUAL(std::size_t(total), answer.size());
        for (std::uint64_t i = 0; i < total; ++i) {
            if (answer[i] != bigOctet(i)) CPPUNIT_FAIL("wrong octet at " + std::to_string(i));
        }
        CPPUNIT_ASSERT_EQUAL(std::string("after"), slow.readLine());
        CPPUNIT_ASSERT(!server.probe.staysFull);
    }

    void pipeliningWithoutReadingIsBounded() {
        Server server;
        Client client(server.plainAddress(), 16 * 1024);
        client.readLine();
        // Sends much more than both sides' kernel buffers hold; the server must stop reading, not buffer.
        std::atomic<bool> isSent = false;
        const std::string text(1000, 'e');
        constexpr int count = 30'000;
        std::thread sender([&] {
            for (int i = 0; i < count; ++i) client.send("ECHO " + text + "\r\n");
            isSent = true;
        });
        Client other(server.plainAddress());
        other.readLine();
        for (int i = 0; i < 500; ++i) {
            other.send("ECHO x\r\n");
            CPPUNIT_ASSERT_EQUAL(std::string("x"), other.readLine());
        }
        const bool wasSentTooSoon = isSent;
        int answers = 0;
        while (answers < count && client.readLine() == text) ++answers;
        sender.join();
        CPPUNIT_ASSERT(!wasSentTooSoon);
        CPPUNIT_ASSERT_EQUAL(count, answers);
        CPPUNIT_ASSERT(!server.probe.staysFull);
    }

    void longAnswerLetsOthersHaveTheirTurn() {
        Server server(1);  // one worker for both
        constexpr std::uint64_t total = 400ULL * 1024 * 1024;
        Client greedy(server.plainAddress());
        greedy.readLine();
        greedy.send("BIG " + std::to_string(total) + "\r\n");
        std::atomic<std::uint64_t> taken = 0;
        std::thread reader([&] {
            for (std::size_t got = 1; taken < total && got > 0; taken += got) got = greedy.readExactly(1 << 20).size();
        });
        Client other(server.plainAddress());
        other.readLine();
        for (int i = 0; i < 10; ++i) {
            other.send("ECHO x\r\n");
            CPPUNIT_ASSERT_EQUAL(std::string("x"), other.readLine());
        }
        const std::uint64_t takenThen = taken;
        reader.join();
        CPPUNIT_ASSERT_EQUAL(total, taken.load());
        CPPUNIT_ASSERT(takenThen < total);
    }

    // Others wait for one step, not for as many as a turn of short ones may have.
    void longStepEndsTheTurn() {
        Server server(1);
        const auto worker = greeted(server), other = greeted(server);
        worker->send("WORK 100 10\r\n");
        CPPUNIT_ASSERT(server.probe.await([&] { return server.probe.steps > 0; }));
        int most = 0;
        for (int i = 0; i < 10; ++i) {
            const int before = server.probe.steps;
            other->send("ECHO x\r\n");
            CPPUNIT_ASSERT_EQUAL(std::string("x"), other->readLine());
            most = std::max(most, server.probe.steps - before);
        }
        CPPUNIT_ASSERT_MESSAGE(std::to_string(most), most <= 4);
        CPPUNIT_ASSERT(server.probe.steps < 100);
        CPPUNIT_ASSERT_EQUAL(std::string("DONE"), worker->readLine());
    }

    void longWorkLeavesWorkersToOthers() {
        Server server(4);
        server.probe.release = false;
        std::vector<std::unique_ptr<Client>> holding;
        for (int i = 0; i < 8; ++i) {
            holding.push_back(greeted(server));
            holding.back()->send("HOLD\r\n");
        }
        CPPUNIT_ASSERT(server.probe.await([&] { return server.probe.inside == 3; }));  // two, and one for two that wait
        const auto other = greeted(server);
        for (int i = 0; i < 100; ++i) {
            other->send("ECHO x\r\n");
            CPPUNIT_ASSERT_EQUAL(std::string("x"), other->readLine());
        }
        CPPUNIT_ASSERT_EQUAL(3, server.probe.inside.load());
        server.probe.release = true;
        server.probe.changed();
        for (const auto& client : holding) CPPUNIT_ASSERT_EQUAL(std::string("DONE"), client->readLine());
        CPPUNIT_ASSERT(!server.probe.overlapped);
    }

    // Also where no event of another connection brings a worker.
    void slowTurnsKeepNobodyForEver() {
        Server server(4);
        server.probe.release = false;
        std::vector<std::unique_ptr<Client>> holding;
        for (int i = 0; i < 2; ++i) {
            holding.push_back(greeted(server));
            holding.back()->send("HOLD\r\n");
        }
        CPPUNIT_ASSERT(server.probe.await([&] { return server.probe.inside == 2; }));
        const auto worker = greeted(server), another = greeted(server);
        const auto began = Clock::now();
        worker->send("WORK 20 1\r\n");
        another->send("WORK 20 1\r\n");
        CPPUNIT_ASSERT_EQUAL(std::string("DONE"), worker->readLine());
        CPPUNIT_ASSERT_EQUAL(std::string("DONE"), another->readLine());
        CPPUNIT_ASSERT(Clock::now() - began < std::chrono::seconds(10));  // those that hold give up after twenty
        server.probe.release = true;
        server.probe.changed();
        for (const auto& client : holding) CPPUNIT_ASSERT_EQUAL(std::string("DONE"), client->readLine());
    }

    void wakesAreNeverLost() {
        constexpr std::size_t clients = 16;
        constexpr int wakesEach = 20'000;
        Server server(4);
        std::vector<std::unique_ptr<Client>> connected;
        for (std::size_t i = 0; i < clients; ++i) {
            connected.push_back(std::make_unique<Client>(server.plainAddress()));
            connected.back()->readLine();
        }
        std::vector<std::thread> threads;
        for (unsigned t = 0; t < 4; ++t) {
            threads.emplace_back([&, t] {
                std::minstd_rand random(t + 1);
                for (int i = 0; i < wakesEach; ++i) {
                    const auto wakes = server.probe.wakes(random() % clients);
                    ++wakes->asked;
                    wakes->waker.wake();
                }
            });
        }
        for (int i = 0; i < 200; ++i) {
            Client& client = *connected[static_cast<std::size_t>(i) % clients];
            client.send("ECHO x\r\n");
            CPPUNIT_ASSERT_EQUAL(std::string("x"), client.readLine());
        }
        for (std::thread& thread : threads) thread.join();
        for (std::size_t i = 0; i < clients; ++i) {
            const auto wakes = server.probe.wakes(i);
            CPPUNIT_ASSERT(server.probe.await([&] { return wakes->seen == wakes->asked; }));
        }
        CPPUNIT_ASSERT(!server.probe.overlapped);
    }

    void wakeAfterTheEndIsHarmless() {
        std::shared_ptr<Probe::Wakes> kept;
        {
            Server server;
            {
                Client client(server.plainAddress());
                client.readLine();
                kept = server.probe.wakes(0);
            }
            CPPUNIT_ASSERT(server.awaitNoConnections());
            kept->waker.wake();
            Client other(server.plainAddress());
            CPPUNIT_ASSERT_EQUAL(std::string("* OK hello"), other.readLine());
            kept = server.probe.wakes(1);
        }
        kept->waker.wake();
        Waker().wake();
    }

    void parkedConversationIsGivenNoInput() {
        Server server;
        Client client(server.plainAddress());
        client.readLine();
        client.send("WAIT\r\n");
        CPPUNIT_ASSERT_EQUAL(std::string("WAITING"), client.readLine());
        client.send("ECHO later\r\n");
        const auto wakes = server.probe.wakes(0);
        ++wakes->asked;
        wakes->waker.wake();
        CPPUNIT_ASSERT_EQUAL(std::string("WOKEN"), client.readLine());
        CPPUNIT_ASSERT_EQUAL(std::string("later"), client.readLine());
    }

    void deadlinesComeInTimeAndOrder() {
        Server server;
        std::vector<std::unique_ptr<Client>> clients;
        for (int i = 0; i < 150; ++i) {
            clients.push_back(std::make_unique<Client>(server.plainAddress()));
            clients.back()->readLine();
            // Replaced by one that comes sooner, and one that comes later.
            clients.back()->send("TIMER 60000\r\nTIMER 1\r\nTIMER " + std::to_string(300 - i) + "\r\n");
        }
        for (const auto& client : clients) {
            const auto begin = Clock::now();
            std::string line = client->readLine();
            while (line == "SET") line = client->readLine();
            CPPUNIT_ASSERT_EQUAL(std::string("TICK"), line);
            CPPUNIT_ASSERT(Clock::now() - begin < std::chrono::seconds(10));
        }
        Client client(server.plainAddress());
        client.readLine();
        const auto begin = Clock::now();
        client.send("TIMER 120\r\n");
        client.readLine();
        CPPUNIT_ASSERT_EQUAL(std::string("TICK"), client.readLine());
        CPPUNIT_ASSERT(Clock::now() - begin >= milliseconds(120));
    }

    void halfClosedClientGetsItsAnswers() {
        Server server;
        Client client(server.plainAddress());
        client.send("ECHO a\r\nBIG 3000000\r\nECHO b\r\n");
        client.finishSending();
        const std::string answer = client.readToEnd();
        CPPUNIT_ASSERT(answer.starts_with("* OK hello\r\na\r\n"));
        CPPUNIT_ASSERT(answer.ends_with("b\r\n"));
        CPPUNIT_ASSERT(answer.size() > 3'000'000);
        CPPUNIT_ASSERT(server.awaitNoConnections());
        CPPUNIT_ASSERT_EQUAL(1, server.probe.ended.load());
    }

    void lastWordsSurviveUnreadInput() {
        Server server;
        Client client(server.plainAddress());
        client.send("QUIT\r\n" + std::string(200'000, 'z'));
        CPPUNIT_ASSERT_EQUAL(std::string("* OK hello\r\n* BYE\r\n"), client.readToEnd());
    }

    void resetEndsAParkedConversation() {
        Server server;
        Client client(server.plainAddress());
        client.readLine();
        client.send("WAIT\r\n");
        client.readLine();
        client.reset();
        CPPUNIT_ASSERT(server.awaitNoConnections());
        CPPUNIT_ASSERT_EQUAL(1, server.probe.ended.load());
    }

    void exceptionEndsOnlyItsConnection() {
        Server server;
        Client other(server.plainAddress());
        other.readLine();
        Client client(server.plainAddress());
        client.readLine();
        client.send("THROW\r\n");
        CPPUNIT_ASSERT_EQUAL(std::string("<EOF>"), client.readLine());
        CPPUNIT_ASSERT_EQUAL(1, server.probe.ended.load());
        other.send("ECHO still\r\n");
        CPPUNIT_ASSERT_EQUAL(std::string("still"), other.readLine());
    }

    void clientThatDoesNotReadIsClosed() {
        ConnectionLimits limits;
        limits.writeStall = milliseconds(150);
        Server server(2, limits);
        Client client(server.plainAddress(), 16 * 1024);
        client.readLine();
        client.send("BIG 100000000\r\n");
        CPPUNIT_ASSERT(server.awaitNoConnections());
        CPPUNIT_ASSERT_EQUAL(1, server.probe.ended.load());
    }

    void thousandIdleConnectionsHoldNoThread() {
        Server server(2);
        std::vector<std::unique_ptr<Client>> clients;
        clients.reserve(1100);
        for (int i = 0; i < 100; ++i) clients.push_back(greeted(server));  // warms pools up
        const std::size_t before = ::mallinfo2().uordblks;
        for (int i = 0; i < 1000; ++i) clients.push_back(greeted(server));
        const std::size_t each = (::mallinfo2().uordblks - before) / 1000;
        CPPUNIT_ASSERT_EQUAL(std::size_t(2), server.scheduler->workerCount());
        CPPUNIT_ASSERT_EQUAL(std::size_t(1100), server.scheduler->connectionCount());
        for (const auto& client : clients) client->send("ECHO x\r\n");
        for (const auto& client : clients) CPPUNIT_ASSERT_EQUAL(std::string("x"), client->readLine());
        if (MAILDOCK_OWN_MALLOC) {
            std::cout << "heap octets per idle plain connection, client and toy included: " << each << std::endl;
            CPPUNIT_ASSERT(each < 8 * 1024);
        }
        clients.clear();
        CPPUNIT_ASSERT(server.awaitNoConnections());
    }

    void stopSaysGoodbye() {
        Server server;
        Client idle(server.plainAddress());
        idle.readLine();
        Client parked(server.plainAddress());
        parked.readLine();
        parked.send("WAIT\r\n");
        parked.readLine();
        Client deaf(server.plainAddress(), 16 * 1024);
        deaf.readLine();
        deaf.send("BIG 100000000\r\n");
        Client silent(server.secureAddress());  // never begins its handshake
        CPPUNIT_ASSERT(server.probe.await([&] { return server.scheduler->connectionCount() == 4; }));
        const auto begin = Clock::now();
        server.plain->stop();
        server.secure->stop();
        CPPUNIT_ASSERT(server.scheduler->stop(milliseconds(2000)));
        CPPUNIT_ASSERT(Clock::now() - begin < std::chrono::seconds(15));
        CPPUNIT_ASSERT_EQUAL(std::string("* BYE stop\r\n"), idle.readToEnd());
        CPPUNIT_ASSERT_EQUAL(std::string("* BYE stop\r\n"), parked.readToEnd());
        CPPUNIT_ASSERT_EQUAL(std::string(), silent.readToEnd());
        CPPUNIT_ASSERT_EQUAL(3, server.probe.ended.load());
        CPPUNIT_ASSERT_EQUAL(std::size_t(0), server.scheduler->connectionCount());
    }

    void stopReportsAConversationThatHangs() {
        Server server;
        server.probe.release = false;
        Client client(server.plainAddress());
        client.readLine();
        client.send("STARTTLS\r\n");
        CPPUNIT_ASSERT(server.probe.await([&] { return server.probe.inside == 1; }));
        server.plain->stop();
        CPPUNIT_ASSERT(!server.scheduler->stop(milliseconds(100)));
        server.probe.release = true;
        server.probe.changed();
        server.scheduler.reset();
        CPPUNIT_ASSERT_EQUAL(1, server.probe.ended.load());
    }

private:
    static std::unique_ptr<Client> greeted(Server& server) {
        auto client = std::make_unique<Client>(server.plainAddress());
        CPPUNIT_ASSERT_EQUAL(std::string("* OK hello"), client->readLine());
        return client;
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(SchedulerTest);

}  // namespace imapd::test
