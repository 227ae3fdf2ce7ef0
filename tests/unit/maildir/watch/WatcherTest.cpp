// The watcher with real directories.
#include <sys/stat.h>
#include <unistd.h>

#include <cppunit/extensions/HelperMacros.h>
#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <utility>

#include "maildir/watch/Watcher.h"

namespace maildir::test {

namespace {

class Recorder : public WatchTarget {
public:
    void noteEvent(FileEvent::Kind kind, bool isInNew, std::string_view name) override {
        const std::lock_guard lock(_mutex);
        static constexpr const char* kinds[] = {"+", "<", "-", "w"};
        _events.push_back(kinds[kind] + std::string(isInNew ? "new/" : "cur/").append(name));
        _changed.notify_all();
    }
    void noteOverflow() override {
        const std::lock_guard lock(_mutex);
        ++_overflows;
        _changed.notify_all();
    }
    void noteNews() override { ++news; }
    void poll() override {
        const std::lock_guard lock(_mutex);
        ++_polls;
        _changed.notify_all();
    }
    void noteOther() override { ++others; }
    bool noteTimes(const FolderTimes& times, bool isLocal) override {
        const std::lock_guard lock(_mutex);
        CPPUNIT_ASSERT(isLocal && times.forNew > 0 && times.forCur > 0);
        ++_comparisons;
        _changed.notify_all();
        return true;
    }
    bool waitForComparisons(int count) {
        std::unique_lock lock(_mutex);
        return _changed.wait_for(lock, std::chrono::seconds(20), [&] { return _comparisons >= count; });
    }
    std::vector<std::string> take() {
        const std::lock_guard lock(_mutex);
        return std::exchange(_events, {});
    }
    int overflows() {
        const std::lock_guard lock(_mutex);
        return _overflows;
    }
    bool waitForEvent() {
        std::unique_lock lock(_mutex);
        return _changed.wait_for(lock, std::chrono::seconds(20), [this] { return !_events.empty(); });
    }
    bool waitForPolls(int count) {
        std::unique_lock lock(_mutex);
        return _changed.wait_for(lock, std::chrono::seconds(20), [&] { return _polls >= count; });
    }
    std::atomic<int> news{0}, others{0};

private:
    std::mutex _mutex;
    std::condition_variable _changed;
    std::vector<std::string> _events;
    int _overflows = 0, _polls = 0, _comparisons = 0;
};

class WatcherTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(WatcherTest);
    CPPUNIT_TEST(tellsWhatHappened);
    CPPUNIT_TEST(tellsWithoutBeingAsked);
    CPPUNIT_TEST(tellsAllOfOneDirectory);
    CPPUNIT_TEST(isSilentAfterUnwatch);
    CPPUNIT_TEST(survivesTheEndOfATarget);
    CPPUNIT_TEST(tellsWhenTheDirectoryGoes);
    CPPUNIT_TEST(watchesAnewWhatWasMadeAnew);
    CPPUNIT_TEST(losesNothingWhenItIsAskedAgain);
    CPPUNIT_TEST(tellsOfLostEvents);
    CPPUNIT_TEST(pollsWhatItCannotWatch);
    CPPUNIT_TEST(watchesWhatTellsOfEveryChange);
    CPPUNIT_TEST(comparesTheTimesOfWhatItWatches);
    CPPUNIT_TEST(knowsTheFileSystemsOfThisMachine);
    CPPUNIT_TEST_SUITE_END();

    std::string _path;
    std::shared_ptr<Recorder> _recorder = std::make_shared<Recorder>();

    void touch(const std::string& name) const { std::ofstream(_path + name) << "x"; }
    void move(const std::string& from, const std::string& to) const {
        std::filesystem::rename(_path + from, _path + to);
    }

public:
    void setUp() override {
        std::string pattern = std::filesystem::temp_directory_path().string() + "/watchXXXXXX";
        CPPUNIT_ASSERT(mkdtemp(pattern.data()) != nullptr);
        _path = pattern;
        for (const char* part : {"/new", "/cur", "/tmp"}) mkdir((_path + part).c_str(), 0700);
    }
    void tearDown() override { std::filesystem::remove_all(_path); }

    void tellsWhatHappened() {
        Watcher watcher({});
        CPPUNIT_ASSERT(watcher.watch(_path, _recorder));
        touch("/tmp/a");
        move("/tmp/a", "/new/a");
        move("/new/a", "/cur/a:2,S");
        touch("/cur/a:2,S");
        mkdir((_path + "/cur/directory").c_str(), 0700);
        touch("/cur/.hidden");
        std::filesystem::remove(_path + "/cur/a:2,S");
        watcher.drain();
        const std::vector<std::string> expected{"+new/a", "<new/a", "+cur/a:2,S", "wcur/a:2,S", "-cur/a:2,S"};
        CPPUNIT_ASSERT(_recorder->take() == expected);
        CPPUNIT_ASSERT(_recorder->news > 0);
        CPPUNIT_ASSERT_EQUAL(3, _recorder->others.load());  // the directory, and the hidden file twice
    }

    void tellsWithoutBeingAsked() {
        Watcher watcher({});
        watcher.watch(_path, _recorder);
        touch("/new/a");
        CPPUNIT_ASSERT(_recorder->waitForEvent());
    }

    void tellsAllOfOneDirectory() {
        Watcher watcher({});
        const auto other = std::make_shared<Recorder>();
        CPPUNIT_ASSERT(watcher.watch(_path, _recorder) &&
                       watcher.watch(_path + "/../" + _path.substr(_path.rfind('/') + 1), other));
        touch("/new/a");
        watcher.drain();
        CPPUNIT_ASSERT_EQUAL(std::size_t(2), _recorder->take().size());
        CPPUNIT_ASSERT_EQUAL(std::size_t(2), other->take().size());
        watcher.unwatch(other.get());
        touch("/new/b");
        watcher.drain();
        CPPUNIT_ASSERT_EQUAL(std::size_t(2), _recorder->take().size());
        CPPUNIT_ASSERT(other->take().empty());
    }

    void isSilentAfterUnwatch() {
        Watcher watcher({});
        watcher.watch(_path, _recorder);
        watcher.unwatch(_recorder.get());
        touch("/new/a");
        watcher.drain();
        CPPUNIT_ASSERT(_recorder->take().empty());
    }

    void survivesTheEndOfATarget() {
        Watcher watcher({});
        watcher.watch(_path, _recorder);
        _recorder.reset();
        touch("/new/a");
        watcher.drain();
        _recorder = std::make_shared<Recorder>();
        CPPUNIT_ASSERT(watcher.watch(_path, _recorder));
        touch("/new/b");
        watcher.drain();
        CPPUNIT_ASSERT_EQUAL(std::size_t(2), _recorder->take().size());
    }

    void tellsWhenTheDirectoryGoes() {
        Watcher watcher({});
        watcher.watch(_path, _recorder);
        std::filesystem::remove_all(_path);
        watcher.drain();
        CPPUNIT_ASSERT(_recorder->overflows() > 0);
        CPPUNIT_ASSERT(!watcher.watch(_path, _recorder));
    }

    void watchesAnewWhatWasMadeAnew() {
        Watcher watcher({});
        watcher.watch(_path, _recorder);
        std::filesystem::remove_all(_path + "/new");
        mkdir((_path + "/new").c_str(), 0700);
        watcher.drain();
        CPPUNIT_ASSERT(_recorder->overflows() > 0);
        CPPUNIT_ASSERT(watcher.watch(_path, _recorder));
        touch("/new/a");
        touch("/cur/b");
        watcher.drain();
        CPPUNIT_ASSERT_EQUAL(std::size_t(4), _recorder->take().size());
    }

    void losesNothingWhenItIsAskedAgain() {
        Watcher watcher({});
        for (int i = 0; i < 50; ++i) {
            CPPUNIT_ASSERT(watcher.watch(_path, _recorder));
            touch("/cur/" + std::to_string(i));
        }
        watcher.drain();
        CPPUNIT_ASSERT_EQUAL(std::size_t(100), _recorder->take().size());  // created, written
        watcher.unwatch(_recorder.get());
        touch("/cur/late");
        watcher.drain();
        CPPUNIT_ASSERT_EQUAL(std::size_t(0), _recorder->take().size());
    }

    void tellsOfLostEvents() {
        std::size_t limit = 0;
        std::ifstream("/proc/sys/fs/inotify/max_queued_events") >> limit;
        if (limit == 0 || limit > 100000) return;  // too much for a test
        Watcher watcher({});
        watcher.watch(_path, _recorder);
        // Holds up the watcher's thread, so that the queue fills.
        class Stuck : public Recorder {
        public:
            void noteEvent(FileEvent::Kind, bool, std::string_view) override {
                entered = true;
                while (!mayGo) usleep(1000);
            }
            std::atomic<bool> entered{false}, mayGo{false};
        };
        const std::string side = _path + "/side";
        for (const char* part : {"", "/new", "/cur"}) mkdir((side + part).c_str(), 0700);
        const auto stuck = std::make_shared<Stuck>();
        watcher.watch(side, stuck);
        touch("/side/new/x");
        while (!stuck->entered) usleep(1000);
        touch("/new/a");
        for (std::size_t i = 0; i < limit / 2 + 100; ++i) {
            rename((_path + "/new/a").c_str(), (_path + "/new/b").c_str());
            rename((_path + "/new/b").c_str(), (_path + "/new/a").c_str());
        }
        stuck->mayGo = true;
        for (int i = 0; i < 100 && _recorder->overflows() == 0; ++i) watcher.drain();
        CPPUNIT_ASSERT(_recorder->overflows() > 0);
    }

    void pollsWhatItCannotWatch() {
        Watcher::Options options;
        options.mode = Watcher::Mode::Off;
        options.pollIntervalMs = 5;
        Watcher watcher(options);
        CPPUNIT_ASSERT(!watcher.watch(_path, _recorder));
        CPPUNIT_ASSERT(_recorder->waitForPolls(3));
        watcher.unwatch(_recorder.get());
        watcher.drain();
    }

    void watchesWhatTellsOfEveryChange() {
        struct Case {
            Watcher::Mode mode;
            bool isLocal, isWatched;
            const char* told;
        };
        for (const Case& each : {Case{Watcher::Mode::Auto, true, true, "which tells of every change: watched"},
                                 Case{Watcher::Mode::Auto, false, false, "may not tell of every change: not watched"},
                                 Case{Watcher::Mode::On, false, true, "watched, since mailbox.watch is on; what other"},
                                 Case{Watcher::Mode::On, true, true, "watched, since mailbox.watch is on"},
                                 Case{Watcher::Mode::Off, true, false, "not watched, since mailbox.watch is off"}}) {
            std::vector<std::string> lines;
            Watcher::Options options;
            options.mode = each.mode;
            options.inform = [&lines](const std::string& line) { lines.push_back(line); };
            options.fileSystemOf = [&each](const std::string&) { return FileSystem{"kind", 7, each.isLocal}; };
            (void)_recorder->take();  // what the watcher before told at its end
            Watcher watcher(options);
            for (int again = 0; again < 3; ++again)
                CPPUNIT_ASSERT_EQUAL(each.isWatched, watcher.watch(_path, _recorder));
            CPPUNIT_ASSERT_EQUAL(std::size_t(1), lines.size());  // once a file system
            CPPUNIT_ASSERT_MESSAGE(lines[0], lines[0].find(each.told) != std::string::npos);
            CPPUNIT_ASSERT_MESSAGE(lines[0], lines[0].find(_path + " is on a file system of the kind kind") == 0);
            touch("/new/a");
            watcher.drain();
            CPPUNIT_ASSERT_EQUAL(each.isWatched, !_recorder->take().empty());
            std::filesystem::remove(_path + "/new/a");
        }
    }

    void comparesTheTimesOfWhatItWatches() {
        std::vector<std::string> lines;
        std::mutex mutex;
        Watcher::Options options;
        options.pollIntervalMs = 5;
        options.warn = [&](const std::string& line) {
            const std::lock_guard lock(mutex);
            lines.push_back(line);
        };
        options.fileSystemOf = [](const std::string&) { return FileSystem{"kind", 7, true}; };
        Watcher watcher(options);
        CPPUNIT_ASSERT(watcher.watch(_path, _recorder));
        CPPUNIT_ASSERT(_recorder->waitForComparisons(3));
        const std::lock_guard lock(mutex);
        CPPUNIT_ASSERT_EQUAL(std::size_t(1), lines.size());  // once a file system
        CPPUNIT_ASSERT_MESSAGE(lines[0], lines[0].find("mailbox.watch = off") != std::string::npos);
    }

    void knowsTheFileSystemsOfThisMachine() {
        const FileSystem proc = fileSystemOf("/proc");
        CPPUNIT_ASSERT_EQUAL(std::string("0x9fa0"), proc.kind);
        CPPUNIT_ASSERT(!proc.isLocal && proc.device != 0);
        CPPUNIT_ASSERT(fileSystemOf("/dev/shm").isLocal);
        CPPUNIT_ASSERT_EQUAL(std::string("tmpfs"), fileSystemOf("/dev/shm").kind);
        CPPUNIT_ASSERT(fileSystemOf(_path + "/nowhere").device == 0);
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(WatcherTest);

}  // namespace

}  // namespace maildir::test
