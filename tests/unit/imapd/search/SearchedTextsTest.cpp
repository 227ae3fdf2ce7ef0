// SearchedTexts: what one reading of a message finds is what SEARCH asks for afterwards, text by text.
#include "imapd/search/SearchedTexts.h"

#include <cppunit/extensions/HelperMacros.h>

#include "tests/unit/imapd/MailboxFixture.h"

namespace imapd {

using maildir::SearchPattern;

class SearchedTextsTest : public MailboxFixture {
    CPPUNIT_TEST_SUITE(SearchedTextsTest);
    CPPUNIT_TEST(tellsBodiesFromMessages);
    CPPUNIT_TEST(answersInTheOrderAsked);
    CPPUNIT_TEST(readsInPieces);
    CPPUNIT_TEST(readsNothingLongForAnother);
    CPPUNIT_TEST(isGoneOnceTheFileIs);
    CPPUNIT_TEST_SUITE_END();

    static std::shared_ptr<const SearchPattern> pattern(const std::string& text) {
        return std::make_shared<const SearchPattern>(text);
    }

public:
    void tellsBodiesFromMessages() {
        const maildir::Uid uid = delivered("Subject: head\n\nbody\n");
        const SearchedTexts::Patterns both{pattern("HEAD"), pattern("body")};
        const SearchedTexts::Found found = SearchedTexts(both, both).lookIn(*_mailbox, uid).value();
        CPPUNIT_ASSERT((found.inBody == std::vector{false, true}));
        CPPUNIT_ASSERT((found.inMessage == std::vector{true, true}));
        CPPUNIT_ASSERT(SearchedTexts({}, both).lookIn(*_mailbox, uid)->inBody.empty());
        CPPUNIT_ASSERT(SearchedTexts(both, {}).lookIn(*_mailbox, uid)->inMessage.empty());
    }

    void answersInTheOrderAsked() {
        const maildir::Uid uid = delivered("Subject: head\n\nbody\n");
        const SearchedTexts::Patterns inBodies{pattern("head"), pattern("body"), pattern("o")},
            inMessages{pattern("ead")};
        const SearchedTexts texts(inBodies, inMessages);
        const SearchedTexts::Found found = texts.lookIn(*_mailbox, uid).value();
        CPPUNIT_ASSERT(
            (texts.answers(found, {inBodies[2].get(), inBodies[0].get()}, false) == std::vector{true, false}));
        CPPUNIT_ASSERT((texts.answers(found, {inBodies[1].get()}, false) == std::vector{true}));
        CPPUNIT_ASSERT((texts.answers(found, {inMessages[0].get()}, true) == std::vector{true}));
        CPPUNIT_ASSERT(texts.answers(found, {}, true).empty());
    }

    void readsInPieces() {
        const maildir::Uid uid = delivered("Subject: head\n\n" + std::string(1 << 20, 'x') + "\nbody\n");
        const SearchedTexts texts({pattern("body"), pattern("head")}, {pattern("head"), pattern("none")});
        SearchedTexts::Reading reading(texts, *_mailbox, uid);
        std::size_t steps = 0;
        while (!reading.step()) ++steps;
        CPPUNIT_ASSERT(steps >= 2 * (1 << 20) / (64 * 1024));
        const SearchedTexts::Found found = reading.take();
        CPPUNIT_ASSERT((found.inBody == std::vector{true, false}));
        CPPUNIT_ASSERT((found.inMessage == std::vector{true, false}));
    }

    // Whoever waits for it could not do anything else meanwhile.
    void readsNothingLongForAnother() {
        const maildir::Uid uid = delivered("Subject: head\n\n" + std::string(1 << 20, 'x') + "\nbody\n");
        CPPUNIT_ASSERT(SearchedTexts({pattern("body")}, {}).lookIn(*_mailbox, uid)->inBody.at(0));
        const SearchedTexts::Patterns many(100, pattern("body"));
        CPPUNIT_ASSERT(!SearchedTexts(many, {}).lookIn(*_mailbox, uid));
        CPPUNIT_ASSERT(!SearchedTexts({}, many).lookIn(*_mailbox, uid));
    }

    void isGoneOnceTheFileIs() {
        const maildir::Uid uid = delivered("Subject: head\n\nbody\n");
        std::filesystem::remove(_directory + "/cur/1.0:2,");
        CPPUNIT_ASSERT_THROW((void)SearchedTexts({pattern("body")}, {}).lookIn(*_mailbox, uid), maildir::Error);
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(SearchedTextsTest);

}  // namespace imapd
