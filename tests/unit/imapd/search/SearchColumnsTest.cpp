// SearchColumns: a value is derived once for all searches, and anew where it is not known any more.
#include "imapd/search/SearchColumns.h"

#include <cppunit/extensions/HelperMacros.h>

#include "tests/unit/imapd/MailboxFixture.h"

namespace imapd {

using maildir::Mailbox;
using maildir::Uid;

class SearchColumnsTest : public MailboxFixture {
    CPPUNIT_TEST_SUITE(SearchColumnsTest);
    CPPUNIT_TEST(derivesOnce);
    CPPUNIT_TEST(addsWhatIsNew);
    CPPUNIT_TEST(keepsNothingOfAFew);
    CPPUNIT_TEST(looksUpWhatIsInNoColumn);
    CPPUNIT_TEST_SUITE_END();

    // How many of these the search derives.
    int derived(SearchColumns& columns, const std::string& name, std::uint32_t first, std::uint32_t last) {
        int count = 0;
        for (std::uint32_t uid = first; uid <= last; ++uid) {
            const std::string value = name + std::to_string(uid);
            for (int time = 0; time < 2; ++time) {  // two keys of one search
                const std::string_view found = columns.value(name, Uid{uid}, [&] {
                    ++count;
                    return value;
                });
                CPPUNIT_ASSERT_EQUAL(std::string_view(value), found);
            }
        }
        return count;
    }

    int searched(const std::string& name, std::uint32_t first, std::uint32_t last) {
        SearchColumns columns(_mailbox);
        const int count = derived(columns, name, first, last);
        columns.keep();
        return count;
    }

public:
    void derivesOnce() {
        CPPUNIT_ASSERT_EQUAL(1000, searched("FROM", 1, 1000));
        CPPUNIT_ASSERT_EQUAL(0, searched("FROM", 1, 1000));
        CPPUNIT_ASSERT_EQUAL(0, searched("FROM", 700, 710));
        CPPUNIT_ASSERT_EQUAL(1000, searched("TO", 1, 1000));
        SearchColumns both(_mailbox);
        CPPUNIT_ASSERT_EQUAL(0, derived(both, "FROM", 1, 1000) + derived(both, "TO", 1, 1000));
    }

    void addsWhatIsNew() {
        searched("FROM", 100, 1000);
        CPPUNIT_ASSERT_EQUAL(10, searched("FROM", 100, 1010));  // not worth a copy of the column
        CPPUNIT_ASSERT_EQUAL(10, searched("FROM", 100, 1010));
        CPPUNIT_ASSERT_EQUAL(99 + 200, searched("FROM", 1, 1200));
        CPPUNIT_ASSERT_EQUAL(0, searched("FROM", 1, 1200));
    }

    void keepsNothingOfAFew() {
        CPPUNIT_ASSERT_EQUAL(10, searched("FROM", 1, 10));
        CPPUNIT_ASSERT_EQUAL(10, searched("FROM", 1, 10));
    }

    void looksUpWhatIsInNoColumn() {
        SearchColumns columns(_mailbox);
        for (int name = 0; name < 20; ++name) derived(columns, std::to_string(name), 1, 100);
        columns.keep();
        CPPUNIT_ASSERT_EQUAL(0, searched("0", 1, 100));
        CPPUNIT_ASSERT_EQUAL(200, derived(columns, "19", 1, 100));  // each of the two looks
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(SearchColumnsTest);

}  // namespace imapd
