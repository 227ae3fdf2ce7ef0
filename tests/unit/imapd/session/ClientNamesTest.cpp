#include "imapd/session/ClientNames.h"

#include <cppunit/TestFixture.h>
#include <cppunit/extensions/HelperMacros.h>

using imapd::ClientNames;
using maildir::MailboxName;

namespace {

constexpr ClientNames::Rules anyCase{false, 0}, fiveShown{true, 5};

ClientNames of(const std::vector<MailboxName>& names, ClientNames::Rules rules) {
    std::vector<maildir::MailboxEntry> entries;
    for (const MailboxName& name : names) entries.push_back({name, true});
    return {entries, rules};
}

}  // namespace

class ClientNamesTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(ClientNamesTest);
    CPPUNIT_TEST(exactNamesMeanNothingElse);
    CPPUNIT_TEST(caseOfAllLetters);
    CPPUNIT_TEST(caseOfEachLevel);
    CPPUNIT_TEST(twinsByCase);
    CPPUNIT_TEST(longNames);
    CPPUNIT_TEST(longNamesAreCutBetweenCharacters);
    CPPUNIT_TEST(longNamesDoNotEndInADelimiter);
    CPPUNIT_TEST(twinsByLength);
    CPPUNIT_TEST(longNamesInAnotherCase);
    CPPUNIT_TEST_SUITE_END();

public:
    void exactNamesMeanNothingElse() {
        CPPUNIT_ASSERT(!ClientNames().meant({{"Work"}}));
        CPPUNIT_ASSERT((ClientNames().shown({{"Work"}}) == MailboxName{{"Work"}}));
        CPPUNIT_ASSERT(ClientNames::Rules().areExact());
    }

    void caseOfAllLetters() {
        const ClientNames names = of({{{"\xC3\x84rger"}},
                                      {{"Stra\xC3\x9F"
                                        "e"}}},
                                     anyCase);
        CPPUNIT_ASSERT((names.meant({{"\xC3\xA4RGER"}}) == MailboxName{{"\xC3\x84rger"}}));
        CPPUNIT_ASSERT(names.meant({{"STRASSE"}}).has_value());
        CPPUNIT_ASSERT(!names.meant({{"Arger"}}));
    }

    void caseOfEachLevel() {
        const ClientNames names = of({{{"A"}}, {{"A", "b"}}}, anyCase);
        CPPUNIT_ASSERT((names.meant({{"a", "B"}}) == MailboxName{{"A", "b"}}));
        CPPUNIT_ASSERT(!names.meant({{"ab"}}));
    }

    void twinsByCase() {
        const ClientNames names = of({{{"Work"}}, {{"WORK"}}, {{"other"}}}, anyCase);
        CPPUNIT_ASSERT(!names.meant({{"work"}}));
        CPPUNIT_ASSERT(names.isAmbiguous({{"work"}}));
        CPPUNIT_ASSERT(!names.isAmbiguous({{"OTHER"}}));
    }

    void longNames() {
        const ClientNames names = of({{{"abcdefg"}}, {{"short"}}}, fiveShown);
        CPPUNIT_ASSERT((names.shown({{"abcdefg"}}) == MailboxName{{"abcde"}}));
        CPPUNIT_ASSERT((names.meant({{"abcde"}}) == MailboxName{{"abcdefg"}}));
        CPPUNIT_ASSERT((names.shown({{"short"}}) == MailboxName{{"short"}}));
        CPPUNIT_ASSERT((names.shown({{"missing"}}) == MailboxName{{"missing"}}));
    }

    void longNamesAreCutBetweenCharacters() {
        const ClientNames names = of({{{"abcd\xC3\xA4xyz"}}}, fiveShown);
        CPPUNIT_ASSERT((names.shown({{"abcd\xC3\xA4xyz"}}) == MailboxName{{"abcd\xC3\xA4"}}));
        CPPUNIT_ASSERT_EQUAL(std::size_t(8), imapd::charactersOf({{"abcd\xC3\xA4xyz"}}));
    }

    void longNamesDoNotEndInADelimiter() {
        const ClientNames names = of({{{"abcd", "efg"}}, {{"ab", "efg"}}}, fiveShown);
        CPPUNIT_ASSERT((names.shown({{"abcd", "efg"}}) == MailboxName{{"abcd"}}));
        CPPUNIT_ASSERT((names.shown({{"ab", "efg"}}) == MailboxName{{"ab", "ef"}}));
    }

    void twinsByLength() {
        const ClientNames names = of({{{"abcdefg"}}, {{"abcdexy"}}, {{"vwxyz"}}, {{"vwxyz12"}}}, fiveShown);
        CPPUNIT_ASSERT((names.shown({{"abcdefg"}}) == MailboxName{{"abcdefg"}}));
        CPPUNIT_ASSERT(!names.meant({{"abcde"}}));
        // The name of another one cannot be had by cutting.
        CPPUNIT_ASSERT((names.shown({{"vwxyz12"}}) == MailboxName{{"vwxyz12"}}));
    }

    void longNamesInAnotherCase() {
        const ClientNames names = of({{{"Abcdefg"}}}, {false, 5});
        CPPUNIT_ASSERT((names.meant({{"ABCDE"}}) == MailboxName{{"Abcdefg"}}));
        CPPUNIT_ASSERT((names.meant({{"abcdefG"}}) == MailboxName{{"Abcdefg"}}));
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(ClientNamesTest);
