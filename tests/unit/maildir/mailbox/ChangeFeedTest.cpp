// What is news, and what is our own doing.
#include <cppunit/extensions/HelperMacros.h>

#include <utility>

#include "maildir/mailbox/ChangeFeed.h"

namespace maildir::test {

namespace {

class ChangeFeedTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(ChangeFeedTest);
    CPPUNIT_TEST(passesOnWhatOthersDo);
    CPPUNIT_TEST(keepsQuietAboutOurOwnDoing);
    CPPUNIT_TEST(countsWhatOthersDo);
    CPPUNIT_TEST(looksAtAllWhenAnEventWasTakenForOurs);
    CPPUNIT_TEST(looksAtAllAfterTooManyEvents);
    CPPUNIT_TEST(looksAtAllWhenExpectedEventsDoNotCome);
    CPPUNIT_TEST(remembersWhatViewersShow);
    CPPUNIT_TEST(findsOutAWatchThatLosesEvents);
    CPPUNIT_TEST(believesNoOtherClock);
    CPPUNIT_TEST_SUITE_END();

    ChangeFeed _feed;

public:
    void setUp() override { _feed.setWatched(true); }

    // Nanoseconds since the epoch, some seconds from now.
    static std::int64_t in(int seconds) { return (time(nullptr) + seconds) * std::int64_t{1'000'000'000}; }

    void findsOutAWatchThatLosesEvents() {
        const std::int64_t old = in(-100);
        CPPUNIT_ASSERT(!_feed.noteTimes({old, old}, true));
        _feed.noteEvent(FileEvent::Appeared, true, "told");
        (void)_feed.take();
        _feed.settle();
        CPPUNIT_ASSERT_MESSAGE("a change that was told", !_feed.noteTimes({in(-1), old}, true));
        bool isWoken = false;
        _feed.add(
            nullptr, [&isWoken] { isWoken = true; }, 0);
        CPPUNIT_ASSERT_MESSAGE("a change after all that was told", _feed.noteTimes({in(-1), in(5)}, true));
        CPPUNIT_ASSERT(isWoken && _feed.take().everything);
        _feed.settle();
        CPPUNIT_ASSERT_MESSAGE("which is looked at once", !_feed.noteTimes({in(-1), in(5)}, true));
        CPPUNIT_ASSERT(!_feed.hasPending());
        _feed.setWatched(false);
        CPPUNIT_ASSERT_MESSAGE("where nothing is watched nothing is lost", !_feed.noteTimes({in(9), in(9)}, true));
    }

    void believesNoOtherClock() {
        const std::int64_t behind = in(-180);
        CPPUNIT_ASSERT(_feed.noteTimes({behind, behind}, false));
        (void)_feed.take();
        _feed.settle();
        CPPUNIT_ASSERT(!_feed.noteTimes({behind, behind}, false));
        CPPUNIT_ASSERT_MESSAGE("newer, but older than our clock", _feed.noteTimes({behind + 1, behind}, false));
    }

    void passesOnWhatOthersDo() {
        CPPUNIT_ASSERT(!_feed.hasPending());
        _feed.noteEvent(FileEvent::Appeared, true, "a");
        CPPUNIT_ASSERT(_feed.hasPending());
        const ChangeFeed::Pending pending = _feed.take();
        CPPUNIT_ASSERT(!pending.everything && pending.events.size() == 1);
        CPPUNIT_ASSERT_MESSAGE("taken, but not published yet", _feed.hasPending());
        _feed.settle();
        CPPUNIT_ASSERT(!_feed.hasPending());
    }

    void keepsQuietAboutOurOwnDoing() {
        _feed.expect(FileEvent::Appeared, true, "a");
        _feed.noteEvent(FileEvent::Appeared, false, "a");
        _feed.noteEvent(FileEvent::Removed, true, "a");
        CPPUNIT_ASSERT_EQUAL(std::size_t(2), _feed.take().events.size());
        _feed.settle();
        _feed.noteEvent(FileEvent::Appeared, true, "a");
        CPPUNIT_ASSERT(!_feed.hasPending());
        _feed.noteEvent(FileEvent::Appeared, true, "a");
        CPPUNIT_ASSERT(_feed.hasPending());
    }

    void countsWhatOthersDo() {
        std::uint64_t before = _feed.newsOfOthers();
        const auto isNews = [&] { return std::exchange(before, _feed.newsOfOthers()) != _feed.newsOfOthers(); };
        _feed.expect(FileEvent::Appeared, false, "ours");
        _feed.noteEvent(FileEvent::Appeared, false, "ours");
        _feed.expect(FileEvent::MovedAway, false, "not done");
        _feed.unexpect(FileEvent::MovedAway, false, "not done");
        CPPUNIT_ASSERT(!isNews());
        _feed.noteEvent(FileEvent::Appeared, false, "theirs");
        CPPUNIT_ASSERT(isNews());
        (void)_feed.take();
        _feed.settle();
        CPPUNIT_ASSERT_MESSAGE("once looked at, it has happened still", !isNews());
        _feed.noteOverflow();
        CPPUNIT_ASSERT(isNews());
        _feed.noteEvent(FileEvent::Appeared, false, "while all is to be looked at");
        CPPUNIT_ASSERT(isNews());
        _feed.setWatched(false);
        _feed.setWatched(true);
        CPPUNIT_ASSERT_MESSAGE("nobody told what happened in between", isNews());
    }

    void looksAtAllWhenAnEventWasTakenForOurs() {
        _feed.expect(FileEvent::MovedAway, false, "a");
        _feed.unexpect(FileEvent::MovedAway, false, "a");
        CPPUNIT_ASSERT(!_feed.hasPending());
        _feed.expect(FileEvent::MovedAway, false, "a");
        _feed.noteEvent(FileEvent::MovedAway, false, "a");  // another program was quicker
        _feed.unexpect(FileEvent::MovedAway, false, "a");
        CPPUNIT_ASSERT(_feed.take().everything);
    }

    void looksAtAllAfterTooManyEvents() {
        for (int i = 0; i < 30000; ++i) _feed.noteEvent(FileEvent::Appeared, true, std::to_string(i));
        const ChangeFeed::Pending pending = _feed.take();
        CPPUNIT_ASSERT(pending.everything && pending.events.empty());
    }

    void looksAtAllWhenExpectedEventsDoNotCome() {
        for (std::size_t i = 0; i < ExpectedEvents::most; ++i) _feed.expect(FileEvent::Appeared, true, "lost");
        CPPUNIT_ASSERT(!_feed.hasPending());
        _feed.expect(FileEvent::Appeared, true, "a");
        CPPUNIT_ASSERT(_feed.take().everything);
        _feed.settle();
        _feed.noteEvent(FileEvent::Appeared, true, "a");
        CPPUNIT_ASSERT(!_feed.hasPending());
        _feed.noteEvent(FileEvent::Appeared, true, "lost");
        CPPUNIT_ASSERT(_feed.hasPending());
    }

    void remembersWhatViewersShow() {
        const auto* const one = reinterpret_cast<const Viewer*>(&_feed);
        const auto* const other = reinterpret_cast<const Viewer*>(this);
        CPPUNIT_ASSERT(!_feed.isShownBesides(nullptr));
        CPPUNIT_ASSERT_EQUAL(UINT64_MAX, _feed.oldestShown());
        int woken = 0;
        _feed.add(
            one, [&woken] { ++woken; }, 5);
        CPPUNIT_ASSERT(_feed.isShownBesides(nullptr) && !_feed.isShownBesides(one) && _feed.isShownBesides(other));
        _feed.add(other, {}, 7);
        CPPUNIT_ASSERT(_feed.isShownBesides(one));
        CPPUNIT_ASSERT_EQUAL(std::uint64_t(5), _feed.oldestShown());
        _feed.acknowledge(one, 9);
        CPPUNIT_ASSERT_EQUAL(std::uint64_t(7), _feed.oldestShown());
        _feed.wakeViewers();
        CPPUNIT_ASSERT_EQUAL(1, woken);
        _feed.remove(other);
        CPPUNIT_ASSERT_EQUAL(std::uint64_t(9), _feed.oldestShown());
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(ChangeFeedTest);

}  // namespace

}  // namespace maildir::test
