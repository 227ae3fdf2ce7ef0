// The mailboxes that the process keeps.
#include "MaildirFixture.h"

namespace maildir::test {

namespace {

class MailStoreTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(MailStoreTest);
    CPPUNIT_TEST(sharesOneMailbox);
    CPPUNIT_TEST(reopensWithoutListing);
    CPPUNIT_TEST(letsGoBeyondTheBudget);
    CPPUNIT_TEST(forgetsThatOneAlone);
    CPPUNIT_TEST(refusesWhatIsNoMaildir);
    CPPUNIT_TEST(watchesOneDirectoryByTwoPaths);
    CPPUNIT_TEST_SUITE_END();

    TemporaryDirectory _directory;
    Maildir _maildir{_directory.path + "/box"};
    Process _process;
    std::optional<MailStore> _store;

public:
    void setUp() override { _store.emplace(_process.options(), 100000); }
    void tearDown() override { _store.reset(); }

    void sharesOneMailbox() { CPPUNIT_ASSERT(_store->open(_maildir.path) == _store->open(_maildir.path)); }

    void reopensWithoutListing() {
        for (int i = 0; i < 10; ++i) _maildir.deliver();
        const Mailbox* first = nullptr;
        std::uint64_t listings = 0;
        {
            const auto mailbox = _store->open(_maildir.path);
            const Viewer viewer(mailbox, {});
            mailbox->refresh();
            first = mailbox.get();
            listings = mailbox->listingCount();
        }
        CPPUNIT_ASSERT(listings > 0);
        const std::string base = _maildir.deliver();
        const auto mailbox = _store->open(_maildir.path);
        CPPUNIT_ASSERT(mailbox.get() == first);
        CPPUNIT_ASSERT_EQUAL(std::size_t(11), mailbox->refresh()->size());
        _maildir.flag(base, "S");
        CPPUNIT_ASSERT_EQUAL(std::size_t(10), mailbox->refresh()->unseen());
        _maildir.remove(base);
        CPPUNIT_ASSERT_EQUAL(std::size_t(10), mailbox->refresh()->size());
        CPPUNIT_ASSERT_EQUAL(listings, mailbox->listingCount());
    }

    void letsGoBeyondTheBudget() {
        MailStore store(_process.options(), 3 * 80 + 10);
        std::vector<std::weak_ptr<Mailbox>> opened;
        const auto held = store.open(_maildir.path);
        for (int i = 0; i < 8; ++i) {
            const Maildir each(_directory.path + "/box" + std::to_string(i));
            opened.push_back(store.open(each.path));
            CPPUNIT_ASSERT(!opened.back().expired());
        }
        CPPUNIT_ASSERT(opened.front().expired());
        CPPUNIT_ASSERT(!opened.back().expired());
        CPPUNIT_ASSERT(store.open(_maildir.path) == held);
    }

    void forgetsThatOneAlone() {
        const Maildir below(_maildir.path + "/.sub"), beside(_maildir.path + "2");
        const auto top = _store->open(_maildir.path), sub = _store->open(below.path), other = _store->open(beside.path);
        _store->forget(_maildir.path);
        CPPUNIT_ASSERT(top->isGone() && !sub->isGone() && !other->isGone());
        CPPUNIT_ASSERT(_store->open(_maildir.path) != top);
        CPPUNIT_ASSERT(_store->open(below.path) == sub);
    }

    void refusesWhatIsNoMaildir() {
        try {
            _store->open(_directory.path);
            CPPUNIT_FAIL("opened");
        } catch (const Error& error) {
            CPPUNIT_ASSERT(error.kind() == ErrorKind::NotFound);
        }
    }

    void watchesOneDirectoryByTwoPaths() {
        CPPUNIT_ASSERT_EQUAL(0, symlink(_maildir.path.c_str(), (_directory.path + "/link").c_str()));
        const auto one = _store->open(_maildir.path);
        auto other = _store->open(_directory.path + "/link");
        one->refresh();
        other->refresh();
        _maildir.deliver();
        CPPUNIT_ASSERT_EQUAL(std::size_t(1), one->refresh()->size());
        CPPUNIT_ASSERT_EQUAL(std::size_t(1), other->refresh()->size());
        other->markGone();
        other.reset();
        _store->forget(_directory.path + "/link");
        _maildir.deliver();
        CPPUNIT_ASSERT_EQUAL(std::size_t(2), one->refresh()->size());
        CPPUNIT_ASSERT_EQUAL(std::uint64_t(1), one->listingCount());
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(MailStoreTest);

}  // namespace

}  // namespace maildir::test
