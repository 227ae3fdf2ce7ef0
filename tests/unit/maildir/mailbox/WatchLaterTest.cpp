// A mailbox that was taken from its cache file is watched only after it was shown: nothing that happens before is
// missed.
#include <atomic>

#include "StoredFixture.h"

namespace maildir::test {

namespace {

class WatchLaterTest : public StoredFixture {
    CPPUNIT_TEST_SUITE(WatchLaterTest);
    CPPUNIT_TEST(watchesLater);
    CPPUNIT_TEST(seesWhatHappensBeforeItWatches);
    CPPUNIT_TEST(tellsWhatItCantWatch);
    CPPUNIT_TEST(watchesBeforeItChangesAnything);
    CPPUNIT_TEST(watchesByItself);
    CPPUNIT_TEST_SUITE_END();

    // A process whose mailboxes are watched only when the test calls finishWatching().
    [[nodiscard]] Mailbox::Options optionsOfOneThatWatchesLater(const Process& of, int& due) const {
        Mailbox::Options options = of.options();
        options.onWatchDue = [&due](const std::shared_ptr<Mailbox>&) { ++due; };
        return options;
    }

public:
    // After a restart SELECT is answered before the directories are watched; later all is as if they had been.
    void watchesLater() {
        const std::string seen = filled(20);
        const Process one = process();
        int due = 0;
        const auto mailbox = std::make_shared<Mailbox>(_maildir.path, optionsOfOneThatWatchesLater(one, due));
        CPPUNIT_ASSERT_EQUAL(std::size_t(20), mailbox->refresh()->size());
        CPPUNIT_ASSERT_EQUAL(1, due);
        mailbox->refresh();
        CPPUNIT_ASSERT_EQUAL(2, due);
        mailbox->finishWatching();
        mailbox->finishWatching();
        mailbox->refresh();
        CPPUNIT_ASSERT_EQUAL(2, due);
        CPPUNIT_ASSERT_EQUAL(seen, everything(*mailbox));
        _maildir.deliver("Subject: new\n\nnew\n", "1700000001.new");
        CPPUNIT_ASSERT_EQUAL(std::size_t(21), mailbox->refresh()->size());
        CPPUNIT_ASSERT_EQUAL(std::uint64_t(0), mailbox->listingCount());
    }

    void seesWhatHappensBeforeItWatches() {
        for (const bool asksBefore : {false, true}) {
            std::filesystem::remove_all(_maildir.path + "/cur/1700000001.M1P1.host:2,");
            filled(20);
            const Process one = process();
            int due = 0;
            const auto mailbox = std::make_shared<Mailbox>(_maildir.path, optionsOfOneThatWatchesLater(one, due));
            CPPUNIT_ASSERT_EQUAL(std::size_t(20), mailbox->refresh()->size());
            int news = 0;
            const Viewer viewer(mailbox, [&news] { ++news; });
            _maildir.put("1700000001.M1P1.host:2,");
            if (asksBefore) CPPUNIT_ASSERT_EQUAL(std::size_t(21), mailbox->refresh()->size());
            mailbox->finishWatching();
            CPPUNIT_ASSERT(news > 0);
            CPPUNIT_ASSERT_EQUAL(std::size_t(21), mailbox->snapshot()->size());
            CPPUNIT_ASSERT_EQUAL(std::size_t(21), mailbox->refresh()->size());
            CPPUNIT_ASSERT(mailbox->listingCount() > 0);
            CPPUNIT_ASSERT_EQUAL(1, due);
        }
    }

    // A session in IDLE asks for nothing, and no event comes of a directory that went before it was watched.
    void tellsWhatItCantWatch() {
        filled(20);
        const Process one = process();
        int due = 0;
        const auto mailbox = std::make_shared<Mailbox>(_maildir.path, optionsOfOneThatWatchesLater(one, due));
        CPPUNIT_ASSERT_EQUAL(std::size_t(20), mailbox->refresh()->size());
        int news = 0;
        const Viewer viewer(mailbox, [&news] { ++news; });
        std::filesystem::remove_all(_maildir.path);
        mailbox->finishWatching();
        CPPUNIT_ASSERT_EQUAL(1, news);
        CPPUNIT_ASSERT_THROW(mailbox->refresh(), Error);
    }

    // Else each of our own changes would be a reason to list the directories.
    void watchesBeforeItChangesAnything() {
        filled(20);
        Maildir target(_directory.path + "/target");
        using Change = std::function<void(Mailbox&, Mailbox&)>;
        const std::vector<Uid> uids{Uid{2}};
        const std::vector<Change> changes{
            [&](Mailbox& mailbox, Mailbox&) {
                mailbox.changeFlags(uids, {FlagChange::Add, Flag::Flagged, {}});
            },
            [&](Mailbox& mailbox, Mailbox&) { append(mailbox, "x\r\n"); },
            [&](Mailbox& mailbox, Mailbox&) { CPPUNIT_ASSERT_EQUAL(std::size_t(1), mailbox.claimRecent().size()); },
            [&](Mailbox& mailbox, Mailbox& other) { other.copyFrom(mailbox, uids); },
            [&](Mailbox& mailbox, Mailbox& other) { mailbox.copyFrom(other, std::vector<Uid>{Uid{1}}); },
            [&](Mailbox& mailbox, Mailbox&) { mailbox.expunge(uids, false); },
        };
        std::size_t size = 20;
        for (const Change& change : changes) {
            _maildir.age();
            reopen([](Mailbox& mailbox) {
                usleep(120'000);
                mailbox.save(true);
            });
            const Process one = process();
            int due = 0;
            const auto mailbox = std::make_shared<Mailbox>(_maildir.path, optionsOfOneThatWatchesLater(one, due));
            const auto other = one.open(target.path);
            CPPUNIT_ASSERT_EQUAL(size, mailbox->refresh()->size());
            change(*mailbox, *other);
            size = mailbox->refresh()->size();
            CPPUNIT_ASSERT_EQUAL(size, _maildir.fileCount());
            CPPUNIT_ASSERT_EQUAL(std::uint64_t(0), mailbox->listingCount());
        }
        CPPUNIT_ASSERT_EQUAL(std::size_t(21), size);
    }

    void watchesByItself() {
        filled(10);
        const Process one = process();
        MailStore store(one.options(), 1000);
        const auto mailbox = store.open(_maildir.path);
        mailbox->refresh();
        std::atomic<int> news{0};
        const Viewer viewer(mailbox, [&news] { ++news; });
        _maildir.deliver("Subject: new\n\nnew\n", "1700000001.new");
        for (int i = 0; i < 200 && news == 0; ++i) usleep(10'000);
        CPPUNIT_ASSERT(news > 0);
        CPPUNIT_ASSERT_EQUAL(std::size_t(11), mailbox->refresh()->size());
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(WatchLaterTest);

}  // namespace

}  // namespace maildir::test
