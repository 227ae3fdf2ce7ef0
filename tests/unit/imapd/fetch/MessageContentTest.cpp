// MessageContent: the header block wherever it ends, and no facts of one content shown for another.
#include "imapd/fetch/MessageContent.h"

#include <cppunit/extensions/HelperMacros.h>

#include "tests/unit/imapd/MailboxFixture.h"

using std::string_literals::operator""s;

namespace imapd {

using maildir::ErrorKind;
using maildir::Mailbox;
using maildir::Rendering;
using maildir::Uid;

class MessageContentTest : public MailboxFixture {
    CPPUNIT_TEST_SUITE(MessageContentTest);
    CPPUNIT_TEST(readsAHeaderThatEndsAnywhere);
    CPPUNIT_TEST(takesAMessageWithoutEmptyLineForHeader);
    CPPUNIT_TEST(readsAnEmptyHeader);
    CPPUNIT_TEST(agreesWithTheStructure);
    CPPUNIT_TEST(isGoneOnceTheFileIs);
    CPPUNIT_TEST(isGoneOnceRewritten);
    CPPUNIT_TEST(keepsDerivedFacts);
    CPPUNIT_TEST(showsTheRenderingThroughout);
    CPPUNIT_TEST(keepsFactsOfARenderingApart);
    CPPUNIT_TEST(rendersNothingWithoutNeed);
    CPPUNIT_TEST(keepsRenderingsOnlyOfTheSameContent);
    CPPUNIT_TEST_SUITE_END();

    std::string headerOf(const std::string& octets) {
        MessageContent content(*_mailbox, delivered(octets));
        return content.header();
    }

public:
    void readsAHeaderThatEndsAnywhere() {
        // Around the end of the first block that is read, with both kinds of line end.
        for (const std::string lineEnd : {"\n", "\r\n"}) {
            for (std::size_t octets = 8186; octets <= 8196; ++octets) {
                const std::string header =
                    "X: " + std::string(octets - 3 - 2 * lineEnd.size(), 'x') + lineEnd + lineEnd;
                CPPUNIT_ASSERT_EQUAL(octets, header.size());
                CPPUNIT_ASSERT_EQUAL(header, headerOf(header + "body" + lineEnd + lineEnd + "more"));
            }
        }
    }

    void takesAMessageWithoutEmptyLineForHeader() {
        const std::string message = "Subject: x\nFrom: " + std::string(20000, 'f') + "\n";
        CPPUNIT_ASSERT_EQUAL(message, headerOf(message));
        CPPUNIT_ASSERT_EQUAL(""s, headerOf(""));
    }

    void readsAnEmptyHeader() {
        CPPUNIT_ASSERT_EQUAL("\n"s, headerOf("\nbody\n\n"));
        CPPUNIT_ASSERT_EQUAL("\r\n"s, headerOf("\r\nbody\r\n\r\n"));
    }

    void agreesWithTheStructure() {
        for (const std::string message :
             {"A: b\n\nbody\n", "A: b\r\n\r\nbody", "A: b\n", "\n", "", "A: b\r\n\nx", "x\n \n\ny"}) {
            MessageContent content(*_mailbox, delivered(message));
            CPPUNIT_ASSERT_EQUAL(content.stored(content.structure().root.header), content.header());
        }
    }

    void isGoneOnceTheFileIs() {
        const Uid uid = delivered("A: b\n\nbody\n");
        std::filesystem::remove(_directory + "/cur/1.0:2,");
        MessageContent content(*_mailbox, uid);
        try {
            content.file();
            CPPUNIT_FAIL("a message that is gone was opened");
        } catch (const maildir::Error& error) {
            CPPUNIT_ASSERT(error.kind() == ErrorKind::Expunged);
        }
    }

    void isGoneOnceRewritten() {
        const Uid uid = delivered("A: b\n\nbody\n");
        MessageContent content(*_mailbox, uid);
        content.structure();
        deliver("1.0", "A: b\n\nanother body\n");
        try {
            content.file();
            CPPUNIT_FAIL("facts of one content were shown for another");
        } catch (const maildir::Error& error) {
            CPPUNIT_ASSERT(error.kind() == ErrorKind::Expunged);
        }
    }

    void showsTheRenderingThroughout() {
        const std::string stored = "Subject: \xC3\xBC\n\n\xE9\n";
        const Uid uid = delivered(stored);
        MessageContent plain(*_mailbox, uid), content(*_mailbox, uid, Rendering::SevenBit);
        CPPUNIT_ASSERT_EQUAL("=E9\r\n"s, content.stored(content.structure().root.body));
        CPPUNIT_ASSERT_EQUAL("\xE9\n"s, plain.stored(plain.structure().root.body));
        CPPUNIT_ASSERT(content.header().starts_with("Subject: =?utf-8?B?w7w=?=\r\nMIME-Version"));
        CPPUNIT_ASSERT_EQUAL(content.structure().wireOctets, content.file().storedOctets());
        CPPUNIT_ASSERT_EQUAL(content.structure().wireOctets, _mailbox->exactOctets(uid, Rendering::SevenBit));
        CPPUNIT_ASSERT_EQUAL(std::uint64_t(stored.size() + 3), _mailbox->exactOctets(uid));
        // The file comes first, or the structure.
        MessageContent other(*_mailbox, uid, Rendering::SevenBit);
        CPPUNIT_ASSERT_EQUAL(other.file().storedOctets(), other.structure().storedOctets);
    }

    void keepsFactsOfARenderingApart() {
        const Uid uid = delivered("Subject: \xC3\xBC\n\n\xE9\n");
        MessageContent plain(*_mailbox, uid), content(*_mailbox, uid, Rendering::SevenBit);
        content.header();
        content.storeDerived("key", "rendered");
        CPPUNIT_ASSERT(plain.derived("key") == nullptr);
        plain.storeDerived("key", "stored");
        CPPUNIT_ASSERT_EQUAL("rendered"s, *content.derived("key"));
        CPPUNIT_ASSERT_EQUAL("stored"s, *plain.derived("key"));
    }

    void rendersNothingWithoutNeed() {
        const Uid uid = delivered("Subject: x\n\nbody\n");
        CPPUNIT_ASSERT(_mailbox->sevenBit(uid) == nullptr);
        MessageContent content(*_mailbox, uid, Rendering::SevenBit);
        CPPUNIT_ASSERT_EQUAL("Subject: x\n\n"s, content.header());
        CPPUNIT_ASSERT_EQUAL(_mailbox->exactOctets(uid), _mailbox->exactOctets(uid, Rendering::SevenBit));
    }

    void keepsRenderingsOnlyOfTheSameContent() {
        const Uid uid = delivered("Subject: x\n\n\xE9\n");
        const auto first = _mailbox->sevenBit(uid);
        CPPUNIT_ASSERT(_mailbox->sevenBit(uid) == first);
        deliver("1.0", "Subject: x\n\n\xE8\n");  // as many octets
        const std::filesystem::path file = _directory + "/cur/1.0:2,";
        std::filesystem::last_write_time(file, std::filesystem::last_write_time(file) + std::chrono::hours(1));
        try {
            (void)_mailbox->sevenBit(uid);
            CPPUNIT_FAIL("a rendering of one content was shown for another");
        } catch (const maildir::Error& error) {
            CPPUNIT_ASSERT(error.kind() == ErrorKind::Expunged);
        }
    }

    void keepsDerivedFacts() {
        const Uid uid = delivered("A: b\n\nbody\n");
        MessageContent content(*_mailbox, uid);
        content.header();  // facts are only kept of a file that was looked at
        content.storeDerived("key", "value");
        const auto kept = MessageContent(*_mailbox, uid).derived("key");
        CPPUNIT_ASSERT(kept != nullptr);
        CPPUNIT_ASSERT_EQUAL("value"s, *kept);
        content.storeDerived("large", std::string(100 * 1024, 'x'));
        CPPUNIT_ASSERT(MessageContent(*_mailbox, uid).derived("large") == nullptr);
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(MessageContentTest);

}  // namespace imapd
