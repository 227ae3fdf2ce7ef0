// ExpectedEvents counts as a multiset does, whatever the order.
#include <cppunit/extensions/HelperMacros.h>

#include <random>
#include <set>

#include "maildir/mailbox/ExpectedEvents.h"

namespace maildir::test {

namespace {

class ExpectedEventsTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(ExpectedEventsTest);
    CPPUNIT_TEST(takesInOrder);
    CPPUNIT_TEST(takesAsOftenAsAdded);
    CPPUNIT_TEST(countsAsAMultiset);
    CPPUNIT_TEST_SUITE_END();

public:
    void takesInOrder() {
        ExpectedEvents expected;
        for (std::uint64_t mark = 0; mark < 5000; ++mark) expected.add(mark);
        CPPUNIT_ASSERT(!expected.take(5000));
        for (std::uint64_t mark = 0; mark < 5000; ++mark) {
            CPPUNIT_ASSERT(expected.take(mark));
            CPPUNIT_ASSERT(!expected.take(mark));
            CPPUNIT_ASSERT_EQUAL(std::size_t(4999 - mark), expected.size());
        }
    }

    void takesAsOftenAsAdded() {
        ExpectedEvents expected;
        for (const std::uint64_t mark : {7, 8, 7}) expected.add(mark);
        CPPUNIT_ASSERT(expected.take(8) && expected.take(7) && expected.take(7) && !expected.take(7));
        expected.add(7);
        expected.clear();
        CPPUNIT_ASSERT(expected.size() == 0 && !expected.take(7));
    }

    void countsAsAMultiset() {
        std::mt19937 random(1);
        ExpectedEvents expected;
        std::multiset<std::uint64_t> model;
        for (int step = 0; step < 200000; ++step) {
            const std::uint64_t mark = random() % 1500;
            // It grows, and shrinks again.
            if (random() % 100 < (step / 20000 % 2 == 0 ? 60u : 30u)) {
                expected.add(mark);
                model.insert(mark);
            } else {
                const auto found = model.find(mark);
                CPPUNIT_ASSERT_EQUAL(found != model.end(), expected.take(mark));
                if (found != model.end()) model.erase(found);
            }
            CPPUNIT_ASSERT_EQUAL(model.size(), expected.size());
        }
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(ExpectedEventsTest);

}  // namespace

}  // namespace maildir::test
