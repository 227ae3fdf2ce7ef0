// The size strategies: what they answer, and which facts they ask for.
#include <cppunit/extensions/HelperMacros.h>

#include "plugins/size-mime/SizeMime.h"
#include "plugins/size-stored/SizeStored.h"

namespace {

class Facts : public maildock::MessageFacts {
public:
    [[nodiscard]] std::optional<std::uint64_t> recordedWireOctets() const override { return wire; }
    [[nodiscard]] std::optional<std::uint64_t> recordedStoredOctets() const override { return recorded; }
    [[nodiscard]] std::uint64_t storedOctets() override {
        ++statCount;
        return stored;
    }
    [[nodiscard]] std::uint64_t exactOctets() override {
        ++readCount;
        return exact;
    }

    std::optional<std::uint64_t> wire, recorded;
    std::uint64_t stored = 300, exact = 310;
    int statCount = 0, readCount = 0;
};

class SizeTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(SizeTest);
    CPPUNIT_TEST(mimeIsExactWhateverIsRecorded);
    CPPUNIT_TEST(storedPrefersTheRecordedWireSize);
    CPPUNIT_TEST(storedTakesTheRecordedSizeWithoutStat);
    CPPUNIT_TEST(storedFallsBackToTheFile);
    CPPUNIT_TEST(storedDoesNotBelieveZero);
    CPPUNIT_TEST_SUITE_END();

public:
    void mimeIsExactWhateverIsRecorded() {
        Facts facts;
        facts.wire = 1;
        facts.recorded = 2;
        CPPUNIT_ASSERT_EQUAL(std::uint64_t{310}, maildock::SizeMime().octets(facts));
        CPPUNIT_ASSERT_EQUAL(0, facts.statCount);
    }

    void storedPrefersTheRecordedWireSize() {
        Facts facts;
        facts.wire = 311;
        facts.recorded = 301;
        CPPUNIT_ASSERT_EQUAL(std::uint64_t{311}, maildock::SizeStored().octets(facts));
        CPPUNIT_ASSERT_EQUAL(0, facts.statCount + facts.readCount);
    }

    void storedTakesTheRecordedSizeWithoutStat() {
        Facts facts;
        facts.recorded = 301;
        CPPUNIT_ASSERT_EQUAL(std::uint64_t{301}, maildock::SizeStored().octets(facts));
        CPPUNIT_ASSERT_EQUAL(0, facts.statCount + facts.readCount);
    }

    void storedFallsBackToTheFile() {
        Facts facts;
        CPPUNIT_ASSERT_EQUAL(std::uint64_t{300}, maildock::SizeStored().octets(facts));
        CPPUNIT_ASSERT_EQUAL(0, facts.readCount);
    }

    void storedDoesNotBelieveZero() {
        Facts facts;
        facts.wire = 0;
        facts.recorded = 0;
        CPPUNIT_ASSERT_EQUAL(std::uint64_t{300}, maildock::SizeStored().octets(facts));
        facts.stored = 0;
        CPPUNIT_ASSERT_EQUAL(std::uint64_t{0}, maildock::SizeStored().octets(facts));
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(SizeTest);

}  // namespace
