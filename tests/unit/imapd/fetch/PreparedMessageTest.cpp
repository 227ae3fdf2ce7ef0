// MessagePreparer: what is held of a message is what the response takes from its file, in memory of the pool.
#include "imapd/fetch/PreparedMessage.h"

#include <cppunit/extensions/HelperMacros.h>
#include <fcntl.h>

#include "tests/unit/imapd/MailboxFixture.h"

using std::string_literals::operator""s;

namespace imapd {

using maildir::Mailbox;
using maildir::Uid;

class PreparedMessageTest : public MailboxFixture {
    CPPUNIT_TEST_SUITE(PreparedMessageTest);
    CPPUNIT_TEST(holdsAMessageWhole);
    CPPUNIT_TEST(holdsNoMoreThanIsSent);
    CPPUNIT_TEST(leavesALargeMessageInItsFile);
    CPPUNIT_TEST(derivesWhatIsKept);
    CPPUNIT_TEST(doesWithoutMemory);
    CPPUNIT_TEST_SUITE_END();

    std::shared_ptr<OctetPool> _pool = std::make_shared<OctetPool>(128 * 1024, 3);

    std::optional<PreparedMessage> prepare(Uid uid, std::vector<FetchItem> items) {
        Fetch fetch;
        fetch.items = std::move(items);
        return MessagePreparer(FetchPlan::of(fetch, {}), {}, _pool)(*_mailbox, uid);
    }

    static FetchItem section(Section::Kind kind, std::vector<std::uint32_t> part = {}) {
        FetchItem item;
        item.kind = FetchItem::BodySection;
        item.isPeek = true;
        item.section.kind = kind;
        item.section.part = std::move(part);
        return item;
    }

    // Whether these octets, and neither the one before nor the one behind, are in memory.
    static bool holdsJust(PreparedMessage& message, std::uint64_t offset, std::size_t octets) {
        const maildir::MessageFile& file = message.content->file();
        const bool isWhole = file.storedOctets() == octets;
        return file.held(offset, octets) && (offset == 0 || !file.held(offset - 1, 1)) &&
               !file.held(offset + octets, 1) && (file.descriptor() == -1) == isWhole;
    }

public:
    void holdsAMessageWhole() {
        const std::string octets = "Subject: x\n\nbody\n";
        auto message = prepare(delivered(octets), {section(Section::Whole)});
        CPPUNIT_ASSERT(message && holdsJust(*message, 0, octets.size()));
        CPPUNIT_ASSERT_EQUAL("Subject: x\n\n"s, message->content->header());
    }

    void holdsNoMoreThanIsSent() {
        const std::string head = "Content-Type: multipart/mixed; boundary=b\n\n";
        const std::string first = "--b\n\nfirst\n", second = "--b\n\nsecond part\n", end = "--b--\n";
        const Uid uid = delivered(head + first + second + end);
        auto part = prepare(uid, {section(Section::Whole, {2})});
        CPPUNIT_ASSERT(part && part->content->file().descriptor() == -1);  // it had to be parsed
        part = prepare(uid, {section(Section::Whole, {2})});
        CPPUNIT_ASSERT(part && holdsJust(*part, head.size() + first.size() + 5, 11));
        FetchItem beginning = section(Section::Whole, {2});
        beginning.isPartial = true;
        beginning.partialFirst = 2;
        beginning.partialCount = 4;
        part = prepare(uid, {beginning});
        CPPUNIT_ASSERT(part && holdsJust(*part, head.size() + first.size() + 5, 6));
        beginning.partialFirst = beginning.partialCount = UINT64_MAX;  // nothing of it: read or not
        CPPUNIT_ASSERT(prepare(uid, {beginning}));
        auto both = prepare(uid, {section(Section::Header), section(Section::Whole, {1})});
        CPPUNIT_ASSERT(both && holdsJust(*both, 0, head.size() + 5 + 5));
        CPPUNIT_ASSERT(prepare(uid, {section(Section::Whole, {3})}));  // there is no such part
    }

    void leavesALargeMessageInItsFile() {
        const Uid uid = delivered("Subject: x\n\n" + std::string(128 * 1024, 'x'));
        auto message = prepare(uid, {section(Section::Whole)});
        CPPUNIT_ASSERT(message && !message->content->file().held(0, 1) && message->content->file().descriptor() >= 0);
        const int descriptor = message->content->file().descriptor();
        message = prepare(uid, {section(Section::Text)});
        CPPUNIT_ASSERT_EQUAL(-1, ::fcntl(descriptor, F_GETFD));  // not left open until more is prepared
        CPPUNIT_ASSERT(message && holdsJust(*message, 12, 128 * 1024));
    }

    void derivesWhatIsKept() {
        const Uid uid = delivered("Subject: x\nFrom: a@example.org\n\nbody\n");
        FetchItem envelope, fields = section(Section::HeaderFields);
        envelope.kind = FetchItem::Envelope;
        fields.section.fields = {"subject"};
        CPPUNIT_ASSERT(!prepare(uid, {envelope, fields}));  // none of it is read again
        std::filesystem::remove(_directory + "/cur/1.0:2,");
        CPPUNIT_ASSERT_EQUAL("Subject: x\r\n\r\n"s, *_mailbox->derived(uid, "fields1 SUBJECT"));
        CPPUNIT_ASSERT(_mailbox->derived(uid, "envelope1"));
    }

    void doesWithoutMemory() {
        const Uid uid = delivered("Subject: x\n\nbody\n");
        std::vector<PreparedMessage> held;
        while (auto message = prepare(uid, {section(Section::Whole)})) held.push_back(std::move(*message));
        CPPUNIT_ASSERT_EQUAL(std::size_t(3), held.size());
        held.pop_back();
        CPPUNIT_ASSERT(prepare(uid, {section(Section::Whole)}));
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(PreparedMessageTest);

}  // namespace imapd
