// What the times of directories tell, by which clock, and where watches do not tell.
#include <atomic>
#include <thread>

#include "CoarseTimes.h"
#include "MaildirFixture.h"

namespace maildir::test {

namespace {

FileSystem ofAnotherMachine(const std::string&) {
    return {"fuse", 7, false};
}

class TimesTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(TimesTest);
    CPPUNIT_TEST(seesADeliveryInTheSecondOfALook);
    CPPUNIT_TEST(believesNoClockButItsOwn);
    CPPUNIT_TEST(looksAtTimesWhereAWatchMayNotTell);
    CPPUNIT_TEST(comparesTimesWhenAMailboxIsOpenedAgain);
    CPPUNIT_TEST(comparesTimesOfAnOpenMailbox);
    CPPUNIT_TEST(takesNothingForGoneThatWasRenamedInTheSameSecond);
    CPPUNIT_TEST_SUITE_END();

    TemporaryDirectory _directory;
    int _boxes = 0;

    [[nodiscard]] std::string freshPath() { return _directory.path + "/" + std::to_string(++_boxes); }

    // A mailbox that is looked at, and gets a second message in the same step of the clock that gives the times.
    void lookAfterALook(const Process& process) {
        bool isWithin = false;
        for (int attempt = 0; attempt < 20 && !isWithin; ++attempt) {
            Maildir box(freshPath());
            const auto mailbox = process.open(box.path);
            CoarseTimes::waitForStep();
            const time_t began = CoarseTimes::presentStep();
            box.put("1600000001.M1P1.host:2,");
            mailbox->refresh();
            mailbox->refresh();
            box.put("1600000002.M1P1.host:2,");
            isWithin = CoarseTimes::presentStep() == began;
            if (!isWithin) continue;
            CPPUNIT_ASSERT_EQUAL(std::size_t(2), mailbox->refresh()->size());
            // Later the times are trusted: nothing is listed any more.
            CoarseTimes::waitForStep();
            CoarseTimes::waitForStep();
            CoarseTimes::waitForStep();
            mailbox->refresh();
            mailbox->refresh();
            const std::uint64_t listings = mailbox->listingCount();
            mailbox->refresh();
            CPPUNIT_ASSERT_EQUAL(listings, mailbox->listingCount());
        }
        CPPUNIT_ASSERT_MESSAGE("never within one step", isWithin);
    }

public:
    void seesADeliveryInTheSecondOfALook() {
        const CoarseTimes coarse(1);
        lookAfterALook(Process(false));
    }

    // A file server whose clock is minutes behind ours, or ahead: its newest times look old, or set.
    void believesNoClockButItsOwn() {
        for (const time_t ahead : {-180, 180}) {
            const CoarseTimes coarse(1, ahead);
            Process process;
            process.fileSystemOf = ofAnotherMachine;
            lookAfterALook(process);
        }
    }

    void looksAtTimesWhereAWatchMayNotTell() {
        const SilentWatches silent;
        Process process;
        process.fileSystemOf = ofAnotherMachine;
        Maildir box(freshPath());
        const auto mailbox = process.open(box.path);
        CPPUNIT_ASSERT_EQUAL(std::size_t(0), mailbox->refresh()->size());
        const std::string base = box.deliver();
        CPPUNIT_ASSERT_EQUAL(std::size_t(1), mailbox->refresh()->size());
        box.flag(base, "S");
        CPPUNIT_ASSERT_EQUAL(std::size_t(0), mailbox->refresh()->unseen());
    }

    void comparesTimesWhenAMailboxIsOpenedAgain() {
        const SilentWatches silent;
        Process process;
        MailStore store(process.options(), 100000);
        Maildir box(freshPath());
        const auto mailbox = store.open(box.path);
        mailbox->refresh();
        mailbox->refresh();
        usleep(20'000);  // a tick, so that the times can tell
        box.deliver();
        CPPUNIT_ASSERT_EQUAL(std::size_t(0), mailbox->refresh()->size());
        CPPUNIT_ASSERT(store.open(box.path) == mailbox);
        CPPUNIT_ASSERT_EQUAL(std::size_t(1), mailbox->refresh()->size());
        const std::uint64_t listings = mailbox->listingCount();
        store.open(box.path)->refresh();
        CPPUNIT_ASSERT_EQUAL(listings, mailbox->listingCount());
    }

    void comparesTimesOfAnOpenMailbox() {
        const SilentWatches silent;
        Process process;
        process.pollIntervalMs = 20;
        Maildir box(freshPath());
        const auto mailbox = process.open(box.path);
        mailbox->refresh();
        std::atomic<int> news{0};
        const Viewer viewer(mailbox, [&news] { ++news; });
        usleep(20'000);
        box.deliver();
        for (int i = 0; i < 2000 && news == 0; ++i) usleep(5'000);  // the watcher's thread finds it
        CPPUNIT_ASSERT(news > 0);
        CPPUNIT_ASSERT_EQUAL(std::size_t(1), mailbox->refresh()->size());
    }

    // What a listing misses since it is renamed meanwhile; the times of before and after are the same.
    void takesNothingForGoneThatWasRenamedInTheSameSecond() {
        const CoarseTimes coarse(2);
        Maildir box(freshPath());
        constexpr int many = 1500;
        std::vector<std::string> names;
        for (int number = 0; number < many; ++number) names.push_back(box.put(std::to_string(number) + ".m:2,"));
        const Process process;
        const auto mailbox = process.open(box.path);
        CPPUNIT_ASSERT_EQUAL(std::size_t(many), mailbox->refresh()->size());
        std::atomic<bool> ends{false};
        std::thread renamer([&] {
            for (int turn = 0; !ends; ++turn) {
                const std::string from = box.path + "/cur/", before = turn % 2 == 0 ? ":2," : ":2,S",
                                  after = turn % 2 == 0 ? ":2,S" : ":2,";
                for (const std::string& name : names) {
                    (void)::rename((from + name + before).c_str(), (from + name + after).c_str());
                }
            }
        });
        std::size_t least = many;
        for (int look = 0; look < 15; ++look) {
            const Process other;
            least = std::min(least, other.open(box.path)->refresh()->size());
        }
        ends = true;
        renamer.join();
        CPPUNIT_ASSERT_EQUAL(std::size_t(many), least);
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(TimesTest);

}  // namespace

}  // namespace maildir::test
