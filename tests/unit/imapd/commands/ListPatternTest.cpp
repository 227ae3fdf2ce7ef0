// ListPattern: what RFC 3501 6.3.8 says of wildcards, compared with the plainest way to say it; and its bounds.
#include "imapd/commands/ListPattern.h"

#include <cppunit/extensions/HelperMacros.h>

#include <random>
#include <string>

namespace imapd {

class ListPatternTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(ListPatternTest);
    CPPUNIT_TEST(matchesAsTheRulesSay);
    CPPUNIT_TEST(takesInboxInAnyCase);
    CPPUNIT_TEST(simplifiesRuns);
    CPPUNIT_TEST(needsTheLettersOfTheName);
    CPPUNIT_TEST(matchesLongNames);
    CPPUNIT_TEST(stopsBetweenPatterns);
    CPPUNIT_TEST_SUITE_END();

    static bool plainly(std::string_view pattern, std::string_view name) {
        if (pattern.empty()) return name.empty();
        const std::string_view rest = pattern.substr(1);
        if (pattern.front() == '*' || pattern.front() == '%') {
            for (std::size_t i = 0;; ++i) {
                if (plainly(rest, name.substr(i))) return true;
                if (i == name.size() || (pattern.front() == '%' && name[i] == '/')) return false;
            }
        }
        return !name.empty() && name.front() == pattern.front() && plainly(rest, name.substr(1));
    }

    static bool matches(const std::string& pattern, std::string_view name) {
        return ListPattern(pattern, '/').matches(name);
    }

public:
    void matchesAsTheRulesSay() {
        std::mt19937 chance(1);
        const auto text = [&chance](std::string_view letters, std::size_t most) {
            std::string result(chance() % (most + 1), ' ');
            for (char& c : result) c = letters[chance() % letters.size()];
            return result;
        };
        std::size_t hits = 0;
        for (int i = 0; i < 20000; ++i) {
            const std::string pattern = text("ab/*%", 9), name = text("ab/", 8);
            const bool isMatch = matches(pattern, name);
            hits += isMatch ? 1 : 0;
            CPPUNIT_ASSERT_EQUAL_MESSAGE(pattern + " " + name, plainly(pattern, name), isMatch);
        }
        CPPUNIT_ASSERT(hits > 1000);
    }

    void takesInboxInAnyCase() {
        CPPUNIT_ASSERT(matches("inbox", "INBOX") && matches("Inbox/%", "iNBOX/a") && !matches("inboxes", "INBOXES"));
    }

    void simplifiesRuns() {
        CPPUNIT_ASSERT_EQUAL(std::string("*"), ListPattern("%*%**%%", '/').text());
        CPPUNIT_ASSERT_EQUAL(std::string("a%b*"), ListPattern("a%%%b*%", '/').text());
        CPPUNIT_ASSERT(matches(std::string(1 << 20, '%'), "a") && !matches(std::string(1 << 20, '%'), "a/b"));
    }

    void needsTheLettersOfTheName() {
        std::string pattern;
        for (int i = 0; i < (1 << 18); ++i) pattern += "a*";
        CPPUNIT_ASSERT(!matches(pattern, std::string(100, 'a')));
        CPPUNIT_ASSERT(matches("a*a*a", "aaa") && !matches("a*a*a*a", "aaa"));
    }

    void matchesLongNames() {
        const std::string name(4000, 'a');
        std::string pattern;
        for (int i = 0; i < 4000; ++i) pattern += "a*";
        CPPUNIT_ASSERT(matches(pattern, name) && !matches(pattern + "b", name));
        pattern.replace(pattern.size() - 2, 2, "%b");
        CPPUNIT_ASSERT(!matches(pattern, name) && matches(pattern, std::string(3999, 'a') + "b"));
    }

    void stopsBetweenPatterns() {
        ListPatterns patterns;
        for (const auto each : {"a", "b", "c"}) patterns.add(ListPattern(each, '/'));
        const auto atOnce = [] { return true; };
        CPPUNIT_ASSERT(patterns.match("a", atOnce) == std::optional(true));
        CPPUNIT_ASSERT(!patterns.match("c", atOnce) && !patterns.match("c", atOnce));
        CPPUNIT_ASSERT(patterns.match("c", atOnce) == std::optional(true));
        CPPUNIT_ASSERT(patterns.match("d", [] { return false; }) == std::optional(false));
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(ListPatternTest);

}  // namespace imapd
