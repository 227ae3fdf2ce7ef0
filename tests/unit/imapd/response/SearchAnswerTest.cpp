// SearchAnswer: the forms of SEARCH and ESEARCH, whole and in pieces.
#include "imapd/response/SearchAnswer.h"

#include <cppunit/extensions/HelperMacros.h>

#include <algorithm>
#include <numeric>

using std::string_literals::operator""s;

namespace imapd {

class SearchAnswerTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(SearchAnswerTest);
    CPPUNIT_TEST(answersAnEmptySearch);
    CPPUNIT_TEST(writesNothingWhereNothingIsAsked);
    CPPUNIT_TEST(writesEsearch);
    CPPUNIT_TEST(leavesOutOfEsearchWhatIsNotThere);
    CPPUNIT_TEST(writesTheShortestSet);
    CPPUNIT_TEST(writesManyNumbersInPieces);
    CPPUNIT_TEST(writesALongSetInPieces);
    CPPUNIT_TEST_SUITE_END();

    static constexpr std::size_t pieceOctets = 32 * 1024;
    WireFeatures _features;

    std::string whole(SearchAnswer answer) const {
        std::string out;
        ResponseWriter writer(out, _features);
        for (std::size_t before = 0; !answer.write(writer); before = out.size()) {
            CPPUNIT_ASSERT(out.size() - before > 0 && out.size() - before < pieceOctets);
        }
        return out;
    }

    std::string setOf(std::vector<std::uint32_t> all) const {
        ExtendedResult result;
        result.all = std::move(all);
        std::string text = whole({"a", std::move(result)});
        const std::string head = "* ESEARCH (TAG \"a\") ALL ";
        CPPUNIT_ASSERT(text.starts_with(head) && text.ends_with("\r\n"));
        return text.substr(head.size(), text.size() - head.size() - 2);
    }

    static std::vector<std::uint32_t> numbers(std::size_t count, std::uint32_t step) {
        std::vector<std::uint32_t> result(count);
        std::iota(result.begin(), result.end(), 0u);
        for (std::uint32_t& each : result) each = 1 + each * step;
        return result;
    }

public:
    void answersAnEmptySearch() {
        CPPUNIT_ASSERT_EQUAL("* SEARCH\r\n"s, whole(SearchAnswer(std::vector<std::uint32_t>())));
    }

    void writesNothingWhereNothingIsAsked() { CPPUNIT_ASSERT_EQUAL(""s, whole({})); }

    void writesEsearch() {
        CPPUNIT_ASSERT_EQUAL("* ESEARCH (TAG \"a\\\"1\") UID MIN 2 MAX 4294967295 ALL 2:3,4294967295 COUNT 3\r\n"s,
                             whole({"a\"1", {true, 2, 4294967295u, {2, 3, 4294967295u}, 3}}));
    }

    void leavesOutOfEsearchWhatIsNotThere() {
        CPPUNIT_ASSERT_EQUAL("* ESEARCH (TAG \"a1\") COUNT 0\r\n"s, whole({"a1", {false, {}, {}, {}, 0}}));
    }

    void writesTheShortestSet() {
        CPPUNIT_ASSERT_EQUAL("1:3,7,9:10"s, setOf({1, 2, 3, 7, 9, 10}));
        CPPUNIT_ASSERT_EQUAL("1:100000"s, setOf(numbers(100000, 1)));
    }

    void writesManyNumbersInPieces() {
        const std::string text = whole(SearchAnswer(numbers(100000, 1)));
        CPPUNIT_ASSERT(text.starts_with("* SEARCH 1 2 3 ") && text.ends_with(" 99999 100000\r\n"));
        CPPUNIT_ASSERT_EQUAL(std::ptrdiff_t(1 + 100000), std::count(text.begin(), text.end(), ' '));
    }

    void writesALongSetInPieces() {
        const std::string set = setOf(numbers(50000, 2));
        CPPUNIT_ASSERT(set.starts_with("1,3,5,") && set.ends_with(",99997,99999"));
        CPPUNIT_ASSERT_EQUAL(std::ptrdiff_t(49999), std::count(set.begin(), set.end(), ','));
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(SearchAnswerTest);

}  // namespace imapd
