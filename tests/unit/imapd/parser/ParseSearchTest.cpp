// SEARCH: each key, RETURN and CHARSET, nesting and its bound.
#include <cppunit/extensions/HelperMacros.h>

#include "tests/unit/imapd/parser/ParserFixture.h"

using std::string_literals::operator""s;

namespace imapd {

class ParseSearchTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(ParseSearchTest);
    CPPUNIT_TEST(readsKeysWithoutOperand);
    CPPUNIT_TEST(readsKeysWithText);
    CPPUNIT_TEST(readsHeaderAndKeyword);
    CPPUNIT_TEST(readsKeysWithADate);
    CPPUNIT_TEST(readsKeysWithANumber);
    CPPUNIT_TEST(readsKeysWithASet);
    CPPUNIT_TEST(readsNestedKeys);
    CPPUNIT_TEST(readsCharset);
    CPPUNIT_TEST(readsReturn);
    CPPUNIT_TEST(takesReturnAndCharsetInEitherOrder);
    CPPUNIT_TEST(readsWhatThunderbirdSends);
    CPPUNIT_TEST(refusesWrongSearch);
    CPPUNIT_TEST(refusesNulInText);
    CPPUNIT_TEST(boundsNesting);
    CPPUNIT_TEST(survivesNestingBombs);
    CPPUNIT_TEST(boundsTheNumberOfKeys);
    CPPUNIT_TEST_SUITE_END();

public:
    void readsKeysWithoutOperand() {
        using enum SearchKey::Kind;
        const std::vector<std::pair<const char*, SearchKey::Kind>> table = {{"ALL", All},
                                                                            {"answered", Answered},
                                                                            {"DELETED", Deleted},
                                                                            {"DRAFT", Draft},
                                                                            {"FLAGGED", Flagged},
                                                                            {"NEW", New},
                                                                            {"OLD", Old},
                                                                            {"RECENT", Recent},
                                                                            {"SEEN", Seen},
                                                                            {"UNANSWERED", Unanswered},
                                                                            {"UNDELETED", Undeleted},
                                                                            {"UNDRAFT", Undraft},
                                                                            {"UNFLAGGED", Unflagged},
                                                                            {"UNSEEN", Unseen}};
        for (const auto& [name, kind] : table) CPPUNIT_ASSERT_MESSAGE(name, only(name).kind == kind);
    }

    void readsKeysWithText() {
        using enum SearchKey::Kind;
        const std::vector<std::pair<const char*, SearchKey::Kind>> table = {
            {"BCC", Bcc}, {"BODY", Body}, {"cc", Cc}, {"FROM", From}, {"SUBJECT", Subject}, {"TEXT", Text}, {"TO", To}};
        for (const auto& [name, kind] : table) {
            CPPUNIT_ASSERT_MESSAGE(name, only(name + " \"a b\""s).kind == kind);
            CPPUNIT_ASSERT_EQUAL(std::string("a b"), only(name + " \"a b\""s).text);
            CPPUNIT_ASSERT_EQUAL(std::string("\xc3\x9c"), only(name + " {2+}\r\n\xc3\x9c"s).text);
            CPPUNIT_ASSERT_EQUAL(std::string(), only(name + " \"\""s).text);
            refuseAll({{("SEARCH "s + name).c_str(), "Expected SP", 7 + std::string(name).size()}});
        }
    }

    void readsHeaderAndKeyword() {
        const SearchKey header = only("HEADER Message-ID abc@example.org");
        CPPUNIT_ASSERT(header.kind == SearchKey::Header);
        CPPUNIT_ASSERT_EQUAL(std::string("Message-ID"), header.field);
        CPPUNIT_ASSERT_EQUAL(std::string("abc@example.org"), header.text);
        CPPUNIT_ASSERT_EQUAL(std::string("$Forwarded"), only("KEYWORD $Forwarded").text);
        CPPUNIT_ASSERT(only("UNKEYWORD x").kind == SearchKey::Unkeyword);
        CPPUNIT_ASSERT_EQUAL(std::string("x"), only("KEYWORD \"x\"", liberal()).text);
    }

    void readsKeysWithADate() {
        using enum SearchKey::Kind;
        const std::vector<std::pair<const char*, SearchKey::Kind>> table = {
            {"BEFORE", Before},         {"ON", On},         {"SINCE", Since},
            {"SENTBEFORE", SentBefore}, {"SENTON", SentOn}, {"SENTSINCE", SentSince}};
        for (const auto& [name, kind] : table) {
            CPPUNIT_ASSERT_MESSAGE(name, only(name + " 1-Feb-1994"s).kind == kind);
            CPPUNIT_ASSERT_EQUAL(8797, only(name + " \"01-FEB-1994\""s).day);
        }
    }

    void readsKeysWithANumber() {
        CPPUNIT_ASSERT_EQUAL(std::uint64_t(9223372036854775807u), only("LARGER 9223372036854775807").number);
        CPPUNIT_ASSERT_EQUAL(std::uint64_t(0), only("SMALLER 0").number);
        CPPUNIT_ASSERT_EQUAL(std::uint64_t(3600), only("YOUNGER 3600").number);
        CPPUNIT_ASSERT(only("OLDER 1").kind == SearchKey::Older);
    }

    void readsKeysWithASet() {
        CPPUNIT_ASSERT(only("2,4:*").kind == SearchKey::SequenceNumbers);
        CPPUNIT_ASSERT_EQUAL(std::string("2,4:*"), shown(only("2,4:*").set));
        CPPUNIT_ASSERT_EQUAL(std::string("*"), shown(only("*").set));
        CPPUNIT_ASSERT_EQUAL(std::string("$"), shown(only("$").set));
        CPPUNIT_ASSERT(only("UID 5:1,7").kind == SearchKey::Uids);
        CPPUNIT_ASSERT_EQUAL(std::string("5:1,7"), shown(only("UID 5:1,7").set));
        CPPUNIT_ASSERT_EQUAL(std::string("$"), shown(only("UID $").set));
    }

    void readsNestedKeys() {
        CPPUNIT_ASSERT_EQUAL(std::string("(!1 |2,3)"), tree("NOT 1 OR 2 3"));
        CPPUNIT_ASSERT_EQUAL(std::string("(|!1,(2 3))"), tree("OR NOT 1 (2 3)"));
        CPPUNIT_ASSERT_EQUAL(std::string("((1) ((2 |3,4)))"), tree("(1) ((2 OR 3 4))"));
        CPPUNIT_ASSERT_EQUAL(std::string("(|(1),|2,3)"), tree("or (1) or 2 3"));
        CPPUNIT_ASSERT_EQUAL(std::string("(!!1)"), tree("NOT NOT 1"));
    }

    void readsCharset() {
        CPPUNIT_ASSERT_EQUAL(std::string(), accept<Search>("SEARCH ALL").charset);
        CPPUNIT_ASSERT_EQUAL(std::string("UTF-8"), accept<Search>("SEARCH CHARSET UTF-8 ALL").charset);
        CPPUNIT_ASSERT_EQUAL(std::string("x"), accept<Search>("UID SEARCH charset \"x\" ALL").charset);
    }

    void readsReturn() {
        CPPUNIT_ASSERT(!accept<Search>("SEARCH ALL").hasReturn);
        const auto none = accept<Search>("SEARCH RETURN () ALL");
        CPPUNIT_ASSERT(none.hasReturn && none.returnAll && !none.returnMin && !none.returnSave);
        const auto some = accept<Search>("UID SEARCH return (min Max COUNT) ALL");
        CPPUNIT_ASSERT(some.isUid && some.returnMin && some.returnMax && some.returnCount && !some.returnAll &&
                       !some.returnSave);
        const auto save = accept<Search>("SEARCH RETURN (SAVE) ALL");
        CPPUNIT_ASSERT(save.returnSave && !save.returnAll);
        CPPUNIT_ASSERT(accept<Search>("SEARCH RETURN (SAVE ALL) ALL").returnAll);
    }

    void takesReturnAndCharsetInEitherOrder() {
        for (const char* wire : {"SEARCH RETURN (MIN) CHARSET UTF-8 ALL", "SEARCH CHARSET UTF-8 RETURN (MIN) ALL"}) {
            const auto search = accept<Search>(wire);
            CPPUNIT_ASSERT(search.returnMin);
            CPPUNIT_ASSERT_EQUAL(std::string("UTF-8"), search.charset);
        }
    }

    void readsWhatThunderbirdSends() {
        const auto search = accept<Search>(
            "uid SEARCH CHARSET UTF-8 UNDELETED SUBJECT {10}\r\n\xc3\x9c"
            "berblick");
        CPPUNIT_ASSERT_EQUAL(std::size_t(2), search.key.children.size());
        CPPUNIT_ASSERT_EQUAL(std::string("\xc3\x9c"
                                         "berblick"),
                             search.key.children[1].text);
        CPPUNIT_ASSERT(search.key.kind == SearchKey::And);
    }

    void refusesWrongSearch() {
        refuseAll({{"SEARCH", "Expected SP", 6},
                   {"SEARCH ", "Expected a search key", 7},
                   {"SEARCH FOO", "Unknown search key FOO", 7},
                   {"SEARCH ALL ", "Expected a search key", 11},
                   {"SEARCH ()", "Expected a search key", 8},
                   {"SEARCH (ALL", "Expected SP or \")\"", 11},
                   {"SEARCH ALL)", "Expected SP", 10},
                   {"SEARCH NOT", "Expected SP", 10},
                   {"SEARCH OR ALL", "Expected SP", 13},
                   {"SEARCH OR (ALL) ", "Expected a search key", 16},
                   {"SEARCH FROM (x)", "Expected a string", 12},
                   {"SEARCH HEADER x", "Expected SP", 15},
                   {"SEARCH KEYWORD \\Seen", "Expected a keyword", 15},
                   {"SEARCH KEYWORD \"x\"", "Expected a keyword", 15},
                   {"SEARCH ON 31-Apr-1994", "Expected a date such as 1-Feb-1994", 10},
                   {"SEARCH ON \"1-Feb-1994 \"", "Expected a date such as 1-Feb-1994", 10},
                   {"SEARCH ON (", "Expected a date", 10},
                   {"SEARCH LARGER -1", "Expected a number", 14},
                   {"SEARCH LARGER 9223372036854775808", "Number too large", 14},
                   {"SEARCH YOUNGER 0", "Expected a number, not 0", 15},
                   {"SEARCH UID x", "Expected a sequence set", 11},
                   {"SEARCH 0", "Expected a message number or \"*\", not 0", 7},
                   {"SEARCH CHARSET", "Expected SP", 14},
                   {"SEARCH CHARSET UTF-8", "Expected SP", 20},
                   {"SEARCH CHARSET \"\" ALL", "Expected a charset", 15},
                   {"SEARCH CHARSET a CHARSET b ALL", "Unknown search key CHARSET", 17},
                   {"SEARCH ALL CHARSET UTF-8", "Unknown search key CHARSET", 11},
                   {"SEARCH RETURN ALL", "Expected \"(\"", 14},
                   {"SEARCH RETURN (FOO) ALL", "Unknown SEARCH return option FOO", 15},
                   {"SEARCH RETURN ()", "Expected SP", 16},
                   {"SEARCH RETURN () RETURN () ALL", "Unknown search key RETURN", 17}});
    }

    void refusesNulInText() {
        CPPUNIT_ASSERT_EQUAL(std::string("NUL is not allowed in a literal"), refuse("SEARCH TEXT {3+}\r\na\0b"s).text);
        CPPUNIT_ASSERT_EQUAL(std::string("A literal8 is not allowed here"), refuse("SEARCH TEXT ~{1+}\r\na").text);
    }

    void boundsNesting() {
        ParserOptions options;
        options.maxSearchNesting = 10;
        for (const std::string& level : std::vector<std::string>{"NOT ", "OR ALL ", "("}) {
            const std::string close(level == "(" ? 10 : 0, ')');
            accept<Search>("SEARCH " + repeated(level, 10) + "ALL" + close, options);
            const SyntaxError error =
                refuse("SEARCH " + repeated(level, 11) + "ALL" + close + (close.empty() ? "" : ")"), options);
            CPPUNIT_ASSERT(error.isLimit);
            CPPUNIT_ASSERT_EQUAL(std::string("Search keys nested too deeply (10 levels at most)"), error.text);
            // The key that is too deep: the one after eleven levels, for OR its first one already.
            const std::size_t back = level == "OR ALL " ? 4 : 0;
            CPPUNIT_ASSERT_EQUAL(7 + 11 * level.size() - back, error.position);
        }
        accept<Search>("SEARCH " + repeated("(ALL) ", 50) + "ALL", options);
        // An OR and the parentheses that it stands in are one level.
        accept<Search>("SEARCH " + repeated("(OR ALL ", 10) + "ALL" + std::string(10, ')'), options);
        CPPUNIT_ASSERT(refuse("SEARCH " + repeated("(OR ALL ", 11) + "ALL" + std::string(11, ')'), options).isLimit);
    }

    void survivesNestingBombs() {
        for (const std::string& level : std::vector<std::string>{"NOT ", "OR ", "(", "(NOT ", "OR ALL ("}) {
            CPPUNIT_ASSERT(refuse("SEARCH " + repeated(level, 1'900'000 / level.size()) + "ALL").isLimit);
        }
    }

    void boundsTheNumberOfKeys() {
        accept<Search>("SEARCH" + repeated(" 1", 10000));
        CPPUNIT_ASSERT(refuse("SEARCH" + repeated(" 1", 900'000)).isLimit);
        CPPUNIT_ASSERT(refuse("SEARCH " + repeated("(1 1) ", 100'000) + "1").isLimit);
    }

private:
    static std::string repeated(const std::string& text, std::size_t times) {
        std::string result;
        for (std::size_t i = 0; i < times; ++i) result += text;
        return result;
    }

    static SearchKey only(const std::string& key, const ParserOptions& options = {}) {
        const auto search = accept<Search>("SEARCH " + key, options);
        CPPUNIT_ASSERT_EQUAL(std::size_t(1), search.key.children.size());
        return search.key.children[0];
    }

    static std::string tree(const SearchKey& key) {
        switch (key.kind) {
            case SearchKey::Not:
                return "!" + tree(key.children.at(0));
            case SearchKey::Or:
                return "|" + tree(key.children.at(0)) + "," + tree(key.children.at(1));
            case SearchKey::And: {
                std::string text;
                for (const SearchKey& child : key.children) text += (text.empty() ? "(" : " ") + tree(child);
                return text + ")";
            }
            default:
                return shown(key.set);
        }
    }
    static std::string tree(const std::string& keys) { return tree(accept<Search>("SEARCH " + keys).key); }
};

CPPUNIT_TEST_SUITE_REGISTRATION(ParseSearchTest);

}  // namespace imapd
