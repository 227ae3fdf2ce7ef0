#include "base/Secret.h"

#include <cppunit/extensions/HelperMacros.h>
#include <malloc.h>

#include <cstdlib>
#include <new>
#include <optional>
#include <vector>

namespace {

// What is looked for in every piece of memory that is given back; empty: nothing.
std::string_view watched;
std::size_t freed = 0, found = 0;

void giveBack(void* memory) noexcept {
    if (memory != nullptr && !watched.empty()) {
        ++freed;
        const std::string_view octets(static_cast<const char*>(memory), ::malloc_usable_size(memory));
        if (octets.find(watched) != std::string_view::npos) ++found;
    }
    std::free(memory);
}

}  // namespace

void* operator new(std::size_t octets) {
    if (void* const memory = std::calloc(1, octets)) return memory;  // without what was there before
    throw std::bad_alloc();
}
void operator delete(void* memory) noexcept {
    giveBack(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
    giveBack(memory);
}

namespace {

using maildock::Secret;

// How many pieces of memory were given back with the password in them, while `run` ran. Its first octet does not count:
// a string that is merely emptied loses that one.
template <typename Run>
std::size_t leaksOf(std::string_view password, Run run) {
    freed = found = 0;
    watched = password.substr(1);
    run();
    watched = {};
    return found;
}

class SecretTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(SecretTest);
    CPPUNIT_TEST(theWatchSees);
    CPPUNIT_TEST(ends);
    CPPUNIT_TEST(grows);
    CPPUNIT_TEST(isAssigned);
    CPPUNIT_TEST(moves);
    CPPUNIT_TEST(isCut);
    CPPUNIT_TEST(holdsItsOwn);
    CPPUNIT_TEST(wipesStrings);
    CPPUNIT_TEST(wipesBuffers);
    CPPUNIT_TEST_SUITE_END();

    static constexpr std::string_view sixteen = "correct horse ba";
    static constexpr std::string_view nine = "wrong one";

    // A std::string, which keeps no secret.
    void theWatchSees() {
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, leaksOf(sixteen, [] { std::string held(sixteen); }));
        CPPUNIT_ASSERT(leaksOf(sixteen, [] {
                           std::string held(sixteen);
                           for (int i = 0; i < 100; ++i) held += 'x';
                       }) > 1);
    }

    void ends() {
        for (const std::string_view password : {sixteen, nine}) {
            CPPUNIT_ASSERT_EQUAL(std::size_t{0}, leaksOf(password, [&] { Secret held(password); }));
            CPPUNIT_ASSERT_EQUAL(std::size_t{1}, freed);
        }
        CPPUNIT_ASSERT_EQUAL(std::size_t{0}, leaksOf(sixteen, [] { Secret nothing; }));
        CPPUNIT_ASSERT_EQUAL(std::size_t{0}, freed);
    }

    void grows() {
        const auto run = [] {
            Secret held;
            for (const char c : sixteen) held += c;
            for (int i = 0; i < 1000; ++i) held += 'x';
            held += std::string(5000, 'y');
            held.reserve(20000);
            CPPUNIT_ASSERT_EQUAL(std::size_t{6016}, held.size());
            CPPUNIT_ASSERT(held.view().starts_with(sixteen));
        };
        CPPUNIT_ASSERT_EQUAL(std::size_t{0}, leaksOf(sixteen, run));
        CPPUNIT_ASSERT(freed > 5 && freed < 20);
    }

    void isAssigned() {
        const auto run = [] {
            Secret held(sixteen);
            held = Secret(nine);
            CPPUNIT_ASSERT_EQUAL(std::string(nine), held.text());
            held = Secret();
            CPPUNIT_ASSERT_EQUAL(std::size_t{0}, held.capacity());
            std::optional<Secret> other;
            other.emplace(sixteen);
            other.reset();
        };
        CPPUNIT_ASSERT_EQUAL(std::size_t{0}, leaksOf(sixteen, run));
        CPPUNIT_ASSERT_EQUAL(std::size_t{0}, leaksOf(nine, run));
    }

    // Nothing of a short one lies in the object that it moved from.
    void moves() {
        alignas(Secret) unsigned char place[sizeof(Secret)] = {};
        auto* const from = new (place) Secret(nine);
        const std::string_view object(reinterpret_cast<const char*>(place), sizeof place);
        CPPUNIT_ASSERT(object.find(nine) == std::string_view::npos);
        Secret to(std::move(*from));
        CPPUNIT_ASSERT(object.find(nine) == std::string_view::npos);
        CPPUNIT_ASSERT(from->empty() && from->capacity() == 0);
        CPPUNIT_ASSERT_EQUAL(std::string(nine), to.text());
        from->~Secret();
        const auto run = [] {
            std::vector<Secret> several;
            for (int i = 0; i < 20; ++i) several.emplace_back(sixteen);
            std::swap(several[0], several[1]);
            CPPUNIT_ASSERT(several[0].view() == sixteen);
        };
        CPPUNIT_ASSERT_EQUAL(std::size_t{0}, leaksOf(sixteen, run));
    }

    void isCut() {
        const auto run = [] {
            Secret held(sixteen);
            held.keepLast(4);
            CPPUNIT_ASSERT_EQUAL(std::string("e ba"), held.text());
            held.keepFirst(2);
            held.pop_back();
            CPPUNIT_ASSERT_EQUAL(std::string("e"), held.text());
            held.keepFirst(7);
            held.keepLast(7);
            CPPUNIT_ASSERT_EQUAL(std::string("e"), held.text());
        };
        CPPUNIT_ASSERT_EQUAL(std::size_t{0}, leaksOf("horse", run));
        CPPUNIT_ASSERT_EQUAL(std::size_t{0}, leaksOf("e ba", run));
        Secret cut(sixteen);
        const char* const memory = cut.view().data();
        cut.clear();
        CPPUNIT_ASSERT_EQUAL(std::string(sixteen.size(), '\0'), std::string(memory, sixteen.size()));
    }

    void holdsItsOwn() {
        Secret twice(sixteen);
        for (int i = 0; i < 6; ++i) twice += twice.view();
        CPPUNIT_ASSERT_EQUAL(64 * sixteen.size(), twice.size());
        CPPUNIT_ASSERT(twice.view().ends_with(sixteen));
    }

    void wipesStrings() {
        const auto run = [] {
            std::string held(sixteen);
            held.resize(3);
            maildock::wipe(held);
            CPPUNIT_ASSERT(held.empty());
        };
        CPPUNIT_ASSERT_EQUAL(std::size_t{0}, leaksOf("horse", run));
    }

    void wipesBuffers() {
        char buffer[] = "password and more";
        try {
            const maildock::WipedAtEnd wiped(buffer, 8);
            throw 1;
        } catch (int) {
        }
        CPPUNIT_ASSERT_EQUAL(std::string(8, '\0') + " and more", std::string(buffer, sizeof buffer - 1));
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(SecretTest);

}  // namespace
