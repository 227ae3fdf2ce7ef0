#include "plugins/auth-oauth2/KeySource.h"

#include <cppunit/TestFixture.h>
#include <cppunit/extensions/HelperMacros.h>

#include <atomic>
#include <future>
#include <thread>

#include "plugins/auth-oauth2/AcceptedTokens.h"
#include "plugins/auth-oauth2/Turns.h"

using maildock::oauth2::AcceptedTokens;
using maildock::oauth2::FetchedKeys;
using maildock::oauth2::KeySet;
using maildock::oauth2::KeySource;
using maildock::oauth2::Turns;
using namespace std::chrono_literals;

class KeySourceTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(KeySourceTest);
    CPPUNIT_TEST(keysAreFetchedOnceForAll);
    CPPUNIT_TEST(unknownKeysFetchNoOftenerThanTheInterval);
    CPPUNIT_TEST(aServerThatIsDownLeavesTheKeys);
    CPPUNIT_TEST(nobodyWaitsForAServerThatHangs);
    CPPUNIT_TEST(oneFindsOutWhetherAServerIsBack);
    CPPUNIT_TEST(turnsAreOneAtATimeOnceAServerIsDown);
    CPPUNIT_TEST(acceptedTokensAreRememberedForAWhile);
    CPPUNIT_TEST(acceptedTokensAreBounded);
    CPPUNIT_TEST_SUITE_END();

    // A server's behaviour; the threads' too.
    struct Server {
        std::atomic<int> asked{0};
        std::atomic<bool> isDown{false};
        std::promise<void> release;
        std::shared_future<void> released = release.get_future().share();
        std::atomic<bool> hangs{false};

        std::shared_ptr<const KeySet> answer() {
            ++asked;
            if (hangs) released.wait();
            if (isDown) throw std::runtime_error("down");
            return KeySet::parse(
                R"({"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]})");
        }
    };
    std::shared_ptr<Server> _server = std::make_shared<Server>();

    [[nodiscard]] FetchedKeys source(std::chrono::milliseconds lifetime, std::chrono::milliseconds interval,
                                     std::chrono::milliseconds patience = 10s) const {
        return {"test", [server = _server] { return server->answer(); }, {lifetime, interval, patience}};
    }

public:
    void keysAreFetchedOnceForAll() {
        FetchedKeys keys = source(1h, 1h);
        std::vector<std::thread> threads;
        std::atomic<int> had{0};
        for (int i = 0; i < 8; ++i) {
            threads.emplace_back([&] { had += keys.keys().keys ? 1 : 0; });
        }
        for (std::thread& one : threads) one.join();
        CPPUNIT_ASSERT_EQUAL(8, had.load());
        CPPUNIT_ASSERT_EQUAL(1, _server->asked.load());
        CPPUNIT_ASSERT_EQUAL(std::string(), keys.keys().fault);
    }

    void unknownKeysFetchNoOftenerThanTheInterval() {
        FetchedKeys keys = source(1h, 1h);
        const auto first = keys.keys().keys;
        CPPUNIT_ASSERT(keys.keysAfter(first).keys == first);
        CPPUNIT_ASSERT_EQUAL(1, _server->asked.load());
        FetchedKeys eager = source(1h, 0ms);
        const auto before = eager.keys().keys;
        const auto after = eager.keysAfter(before).keys;
        CPPUNIT_ASSERT(after && after != before);
        CPPUNIT_ASSERT_EQUAL(3, _server->asked.load());
        // Who had old ones gets those that somebody else has fetched meanwhile.
        CPPUNIT_ASSERT(eager.keysAfter(before).keys == after);
        CPPUNIT_ASSERT_EQUAL(3, _server->asked.load());
    }

    void aServerThatIsDownLeavesTheKeys() {
        FetchedKeys keys = source(1h, 0ms);
        const auto first = keys.keys().keys;
        _server->isDown = true;
        const KeySource::Found found = keys.keysAfter(first);
        CPPUNIT_ASSERT(found.keys == first);
        CPPUNIT_ASSERT_EQUAL(std::string("test: down"), found.fault);
        CPPUNIT_ASSERT(keys.keys().keys == first);
        FetchedKeys never = source(1h, 1h);
        CPPUNIT_ASSERT(!never.keys().keys && !never.keys().fault.empty());
    }

    void nobodyWaitsForAServerThatHangs() {
        FetchedKeys keys = source(0ms, 0ms, 200ms);
        const auto first = keys.keys().keys;
        _server->hangs = true;
        const auto began = std::chrono::steady_clock::now();
        CPPUNIT_ASSERT(keys.keys().keys == first);
        CPPUNIT_ASSERT(std::chrono::steady_clock::now() - began < 150ms);
        CPPUNIT_ASSERT_EQUAL(std::string("test: no answer in time"), keys.keysAfter(first).fault);
        CPPUNIT_ASSERT_EQUAL(2, _server->asked.load());
        _server->release.set_value();
    }

    void oneFindsOutWhetherAServerIsBack() {
        FetchedKeys keys = source(1h, 0ms);
        const auto first = keys.keys().keys;
        _server->isDown = true;
        CPPUNIT_ASSERT_EQUAL(std::string("test: down"), keys.keysAfter(first).fault);
        _server->hangs = true;
        std::thread waiting([&] { CPPUNIT_ASSERT(keys.keysAfter(first).keys == first); });
        // As soon as that one waits nobody else does.
        while (_server->asked < 3) std::this_thread::yield();
        const auto began = std::chrono::steady_clock::now();
        CPPUNIT_ASSERT_EQUAL(std::string("test: down"), keys.keysAfter(first).fault);
        CPPUNIT_ASSERT(std::chrono::steady_clock::now() - began < 5s);
        _server->release.set_value();
        waiting.join();
    }

    void turnsAreOneAtATimeOnceAServerIsDown() {
        Turns turns;
        {
            Turns::Turn one(turns), two(turns);
            CPPUNIT_ASSERT(one.mayAsk() && two.mayAsk());
            one.answered();
        }
        {
            Turns::Turn one(turns);
            CPPUNIT_ASSERT(one.mayAsk());  // nobody has answered it
        }
        {
            Turns::Turn one(turns), two(turns);
            CPPUNIT_ASSERT(one.mayAsk() && !two.mayAsk());
            one.answered();
        }
        Turns::Turn one(turns), two(turns);
        CPPUNIT_ASSERT(one.mayAsk() && two.mayAsk());
    }

    void acceptedTokensAreRememberedForAWhile() {
        AcceptedTokens tokens(60s);
        const auto now = AcceptedTokens::Clock::now();
        tokens.remember("one", {"anna", "Anna"}, std::nullopt, now);
        tokens.remember("two", {"ben", "ben"}, 5, now);
        tokens.remember("three", {"carl", "carl"}, 0, now);
        CPPUNIT_ASSERT_EQUAL(std::string("Anna"), tokens.find("one", now + 59s)->claimed);
        CPPUNIT_ASSERT(!tokens.find("one", now + 60s));
        CPPUNIT_ASSERT(tokens.find("two", now + 4s) && !tokens.find("two", now + 5s));
        CPPUNIT_ASSERT(!tokens.find("three", now) && !tokens.find("four", now));
        AcceptedTokens none(0s);
        none.remember("one", {"anna", "anna"}, std::nullopt, now);
        CPPUNIT_ASSERT(!none.find("one", now));
    }

    void acceptedTokensAreBounded() {
        AcceptedTokens tokens(60s);
        const auto now = AcceptedTokens::Clock::now();
        const std::size_t more = AcceptedTokens::maxTokens + 100;
        for (std::size_t i = 0; i < more; ++i) tokens.remember(std::to_string(i), {"x", "x"}, std::nullopt, now);
        std::size_t left = 0;
        for (std::size_t i = 0; i < more; ++i) left += tokens.find(std::to_string(i), now) ? 1 : 0;
        CPPUNIT_ASSERT_EQUAL(AcceptedTokens::maxTokens, left);
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(KeySourceTest);
