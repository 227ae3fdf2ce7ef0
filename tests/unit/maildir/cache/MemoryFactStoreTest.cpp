// Facts in memory: kept, forgotten, and never more than the budget.
#include <cppunit/extensions/HelperMacros.h>
#include <thread>
#include <vector>

#include "maildir/cache/FactStore.h"

namespace maildir::test {

namespace {

class MemoryFactStoreTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(MemoryFactStoreTest);
    CPPUNIT_TEST(keepsWhatItIsGiven);
    CPPUNIT_TEST(tellsOpeningsApart);
    CPPUNIT_TEST(tellsMailboxesApart);
    CPPUNIT_TEST(forgetsAMessage);
    CPPUNIT_TEST(staysWithinItsBudget);
    CPPUNIT_TEST(tellsWhetherThereIsRoom);
    CPPUNIT_TEST(keepsWhatIsUsed);
    CPPUNIT_TEST(keepsNothingLargerThanItsBudget);
    CPPUNIT_TEST(takesManyThreads);
    CPPUNIT_TEST_SUITE_END();

    static MessageKey key(std::uint32_t uid, std::uint64_t mailbox = 7) { return {mailbox, Uid{uid}}; }

public:
    void keepsWhatItIsGiven() {
        const auto store = makeMemoryFactStore(1 << 20);
        CPPUNIT_ASSERT(!store->file(key(1)) && !store->exactOctets(key(1)) && !store->structure(key(1)));
        FileFacts facts;
        facts.internalDate = 12;
        facts.hasContentHash = true;
        facts.contentHash = {3, 4};
        store->putFile(key(1), facts);
        store->putExactOctets(key(1), 99);
        store->putStructure(key(1), std::make_shared<const std::string>("encoded"));
        store->putDerived(key(1), "one", "value");
        store->putDerived(key(1), "other", "another");
        store->putDerived(key(1), "one", "later");  // the same content gives the same bytes
        CPPUNIT_ASSERT_EQUAL(std::int64_t(12), store->file(key(1))->internalDate);
        CPPUNIT_ASSERT(store->file(key(1))->contentHash == facts.contentHash);
        CPPUNIT_ASSERT_EQUAL(std::uint64_t(99), *store->exactOctets(key(1)));
        CPPUNIT_ASSERT(store->structure(key(1)));
        CPPUNIT_ASSERT_EQUAL(std::string("value"), *store->derived(key(1), "one"));
        CPPUNIT_ASSERT_EQUAL(std::string("another"), *store->derived(key(1), "other"));
        CPPUNIT_ASSERT(!store->derived(key(1), "third"));
    }

    void tellsOpeningsApart() {
        const auto store = makeMemoryFactStore(1 << 20);
        store->putExactOctets(key(1), 99);
        store->putDerived(key(1), "one", "value");
        CPPUNIT_ASSERT(!store->exactOctetsIn(5, key(1)) && !store->derivedIn(5, key(1), "one"));  // of no known file
        FileFacts facts;
        facts.opening = 5;
        store->putFile(key(1), facts);
        CPPUNIT_ASSERT_EQUAL(std::uint64_t(99), *store->exactOctetsIn(5, key(1)));
        CPPUNIT_ASSERT_EQUAL(std::string("value"), *store->derivedIn(5, key(1), "one"));
        CPPUNIT_ASSERT(!store->derivedIn(5, key(1), "other") && !store->derivedIn(5, key(2), "one"));
        CPPUNIT_ASSERT(!store->exactOctetsIn(6, key(1)) && !store->derivedIn(6, key(1), "one"));
        CPPUNIT_ASSERT(store->derived(key(1), "one"));
    }

    void tellsMailboxesApart() {
        const auto store = makeMemoryFactStore(1 << 20);
        store->putExactOctets(key(1, 1), 1);
        CPPUNIT_ASSERT(!store->exactOctets(key(1, 2)));
        CPPUNIT_ASSERT(!store->exactOctets(key(2, 1)));
    }

    void forgetsAMessage() {
        const auto store = makeMemoryFactStore(1 << 20);
        for (std::uint32_t uid = 1; uid < 3; ++uid) {
            store->putFile(key(uid), {});
            store->putDerived(key(uid), "a", "b");
        }
        store->forget(key(1));
        store->forget(key(77));
        CPPUNIT_ASSERT(!store->file(key(1)) && !store->derived(key(1), "a"));
        CPPUNIT_ASSERT(store->derived(key(2), "a"));
    }

    void staysWithinItsBudget() {
        constexpr std::size_t budget = 1 << 20, octets = 2000;
        const auto store = makeMemoryFactStore(budget);
        std::size_t kept = 0;
        for (std::uint32_t uid = 1; uid <= 5000; ++uid) {
            store->putExactOctets(key(uid), uid);
            store->putDerived(key(uid), "a", std::string(octets, 'x'));
        }
        for (std::uint32_t uid = 1; uid <= 5000; ++uid) {
            kept += store->derived(key(uid), "a") ? 1u : 0u;
            CPPUNIT_ASSERT_EQUAL(std::uint64_t(uid), *store->exactOctets(key(uid)));  // small: kept
        }
        CPPUNIT_ASSERT(kept * octets <= budget);
        CPPUNIT_ASSERT(kept * octets > budget / 2);
        // Forgetting gives the room back.
        for (std::uint32_t uid = 1; uid <= 5000; ++uid) store->forget(key(uid));
        for (std::uint32_t uid = 1; uid <= 100; ++uid) store->putDerived(key(uid), "a", std::string(octets, 'x'));
        for (std::uint32_t uid = 1; uid <= 100; ++uid) CPPUNIT_ASSERT(store->derived(key(uid), "a"));
    }

    void tellsWhetherThereIsRoom() {
        const auto store = makeMemoryFactStore(1 << 20);
        std::uint32_t uid = 0;
        std::uint64_t octets = 0;
        for (; store->hasRoom() && uid < 10000; octets += 1000)
            store->putDerived(key(++uid), "a", std::string(1000, 'x'));
        CPPUNIT_ASSERT(octets > (1 << 20) / 2 && octets < 1 << 20);
        for (std::uint32_t each = 1; each <= uid; ++each) CPPUNIT_ASSERT(store->derived(key(each), "a"));
        for (std::uint32_t each = 1; each <= uid; ++each) store->forget(key(each));
        CPPUNIT_ASSERT(store->hasRoom());
    }

    void keepsWhatIsUsed() {
        const auto store = makeMemoryFactStore(1 << 20);
        for (std::uint32_t uid = 1; uid <= 20000; ++uid) {
            store->putDerived(key(uid), "a", std::string(1000, 'x'));
            CPPUNIT_ASSERT(store->derived(key(1), "a"));
        }
        CPPUNIT_ASSERT(!store->derived(key(2), "a"));
    }

    void keepsNothingLargerThanItsBudget() {
        const auto store = makeMemoryFactStore(1 << 16);
        store->putDerived(key(1), "a", std::string(1 << 17, 'x'));
        CPPUNIT_ASSERT(!store->derived(key(1), "a"));
        store->putDerived(key(1), "a", "small");
        CPPUNIT_ASSERT(store->derived(key(1), "a"));
    }

    void takesManyThreads() {
        const auto store = makeMemoryFactStore(1 << 18);
        std::vector<std::thread> threads;
        for (std::uint32_t thread = 0; thread < 4; ++thread) {
            threads.emplace_back([&store, thread] {
                for (std::uint32_t i = 0; i < 3000; ++i) {
                    const MessageKey each = key(1 + i * (thread + 1) % 300);
                    store->putDerived(each, "a", std::string(500, 'x'));
                    (void)store->derived(each, "a");
                    (void)store->structure(each);
                    if (i % 7 == 0) store->forget(each);
                    store->putFile(each, {});
                }
            });
        }
        for (std::thread& thread : threads) thread.join();
        for (std::uint32_t uid = 1; uid <= 300; ++uid) {
            const auto value = store->derived(key(uid), "a");
            CPPUNIT_ASSERT(!value || value->size() == 500);
        }
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(MemoryFactStoreTest);

}  // namespace

}  // namespace maildir::test
