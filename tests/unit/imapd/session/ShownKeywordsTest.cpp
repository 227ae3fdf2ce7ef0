#include "imapd/session/ShownKeywords.h"

#include <cppunit/TestFixture.h>
#include <cppunit/extensions/HelperMacros.h>

using imapd::ShownKeywords;
using maildir::KeywordSet;
using maildir::KeywordTable;

class ShownKeywordsTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(ShownKeywordsTest);
    CPPUNIT_TEST(any);
    CPPUNIT_TEST(aList);
    CPPUNIT_TEST(none);
    CPPUNIT_TEST_SUITE_END();

    const KeywordTable _table{std::vector<std::string>{"Project", "$mdnsent", "", "$Junk"}};

public:
    void any() {
        const ShownKeywords keywords;
        CPPUNIT_ASSERT(keywords.isAny() && keywords.shows("whatever"));
        CPPUNIT_ASSERT(keywords.of(KeywordSet(0b1111), _table) == KeywordSet(0b1111));
        CPPUNIT_ASSERT((keywords.defined(_table) == std::vector<std::string>{"Project", "$mdnsent", "$Junk"}));
    }

    void aList() {
        const ShownKeywords keywords({"$MDNSent", "Other"});
        CPPUNIT_ASSERT(!keywords.isAny() && keywords.shows("$mdnSENT") && !keywords.shows("Project"));
        CPPUNIT_ASSERT(keywords.of(KeywordSet(0b1111), _table) == KeywordSet(0b0010));
        CPPUNIT_ASSERT((keywords.defined(_table) == std::vector<std::string>{"$MDNSent", "Other"}));
    }

    void none() {
        const ShownKeywords keywords{std::vector<std::string>{}};
        CPPUNIT_ASSERT(!keywords.isAny() && !keywords.shows("$MDNSent"));
        CPPUNIT_ASSERT(keywords.of(KeywordSet(0b1111), _table).none());
        CPPUNIT_ASSERT(keywords.defined(_table).empty());
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(ShownKeywordsTest);
