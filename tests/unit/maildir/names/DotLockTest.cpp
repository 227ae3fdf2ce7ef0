// Lock files keep others out while their holders live and work, and not for ever after that.
#include "maildir/DotLock.h"

#include <cppunit/extensions/HelperMacros.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <optional>
#include <thread>
#include <vector>

#include "maildir/Patience.h"
#include "tests/unit/maildir/names/TemporaryTree.h"

using std::string_literals::operator""s;
using std::chrono::seconds;

namespace maildir {

class DotLockTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(DotLockTest);
    CPPUNIT_TEST(locksAndUnlocks);
    CPPUNIT_TEST(keepsOthersOut);
    CPPUNIT_TEST(takesOverTheLockOfADeadProcess);
    CPPUNIT_TEST(takesOverALockOfAFormerProcessWithOurNumber);
    CPPUNIT_TEST(respectsALockWhateverTimeItsFileHas);
    CPPUNIT_TEST(takesALockThatWasSeenUnchangedForTwoMinutes);
    CPPUNIT_TEST(respectsAForeignLockThatIsRenewed);
    CPPUNIT_TEST(beginsAnewWithEachLockOfAName);
    CPPUNIT_TEST(neverTakesTheLockOfALivingProcess);
    CPPUNIT_TEST(neverTakesALockThatSomebodyHasFlocked);
    CPPUNIT_TEST(takesALockOlderThanTheProcessWithItsNumber);
    CPPUNIT_TEST(tellsTheLivesOfProcesses);
    CPPUNIT_TEST(takesALockWithoutItsText);
    CPPUNIT_TEST(doesNotUnderstandEveryNumber);
    CPPUNIT_TEST(doesNotRemoveALockThatWasTakenOver);
    CPPUNIT_TEST(noticesThatItWasTakenOver);
    CPPUNIT_TEST(renewsWhileItWorks);
    CPPUNIT_TEST(replacesNothingUnderALostLock);
    CPPUNIT_TEST(tellsAtOnceWhereNobodyMayWait);
    CPPUNIT_TEST(remembersWhatItSawBetweenTries);
    CPPUNIT_TEST(letsOneInAtATime);
    CPPUNIT_TEST_SUITE_END();

    TemporaryTree _tree;
    // The clocks and processes of these tests.
    LockJudge::Clock::time_point _now{seconds(1000)};
    std::optional<seconds> _life = seconds(500);
    time_t _fileTime = 2'000'000'000;
    LockJudge _judge{{"here", [this] { return _now; }, [this](pid_t) { return _life; },
                      [this](const std::string&) { return std::optional(_fileTime); }}};

    void setTime(const std::string& name, time_t time) const {
        const timespec times[2] = {{time, 0}, {time, 0}};
        CPPUNIT_ASSERT_EQUAL(0, ::utimensat(AT_FDCWD, (_tree / name).c_str(), times, 0));
    }
    [[nodiscard]] time_t timeOf(const std::string& name) const {
        struct stat status {};
        CPPUNIT_ASSERT_EQUAL(0, ::stat((_tree / name).c_str(), &status));
        return status.st_mtim.tv_sec;
    }
    [[nodiscard]] std::string tryLock() {
        return errorOf([&] { const DotLock lock(_tree / "x.lock", 0, _judge); });
    }
    // Goes by the real clocks and processes.
    [[nodiscard]] std::string tryRealLock() const {
        return errorOf([&] { const DotLock lock(_tree / "x.lock", 30); });
    }
    static int waitFor(pid_t child) {
        int status = -1;
        CPPUNIT_ASSERT_EQUAL(child, ::waitpid(child, &status, 0));
        return status;
    }

public:
    void locksAndUnlocks() {
        {
            const DotLock lock(_tree / "x.lock", 0, _judge);
            CPPUNIT_ASSERT_EQUAL(std::to_string(::getpid()) + ":here", _tree.read("x.lock"));
            CPPUNIT_ASSERT(lock.stillMine());
        }
        CPPUNIT_ASSERT(!_tree.has("x.lock"));
        CPPUNIT_ASSERT_EQUAL("Unavailable"s, errorOf([&] { const DotLock lock(_tree / "none/x.lock", 0); }));
    }

    void keepsOthersOut() {
        const DotLock lock(_tree / "x.lock", 0);
        CPPUNIT_ASSERT_EQUAL("Busy"s, tryRealLock());  // the same process, another thread
        const pid_t child = ::fork();
        if (child == 0) ::_exit(tryRealLock() == "Busy" ? 0 : 1);
        CPPUNIT_ASSERT_EQUAL(0, waitFor(child));
        CPPUNIT_ASSERT(_tree.has("x.lock"));
    }

    void takesOverTheLockOfADeadProcess() {
        const pid_t child = ::fork();
        if (child == 0) {
            new DotLock(_tree / "x.lock", 0);
            ::_exit(0);
        }
        CPPUNIT_ASSERT_EQUAL(0, waitFor(child));
        CPPUNIT_ASSERT(_tree.has("x.lock"));
        CPPUNIT_ASSERT_EQUAL("none"s, tryRealLock());
        _life.reset();
        _tree.write("x.lock", "77:here");
        CPPUNIT_ASSERT_EQUAL("none"s, tryLock());
    }

    void takesOverALockOfAFormerProcessWithOurNumber() {
        _tree.write("x.lock", _judge.ownText());
        CPPUNIT_ASSERT_EQUAL("none"s, tryLock());
    }

    // A file server's clock may be minutes away from ours.
    void respectsALockWhateverTimeItsFileHas() {
        for (const std::string& holder : {"1:there"s, "77:here"s}) {
            const time_t present = ::time(nullptr);
            for (const time_t each : {_fileTime - 180, _fileTime - 100'000, _fileTime + 180, present - 180, present}) {
                _tree.write("x.lock", holder);
                setTime("x.lock", each);
                CPPUNIT_ASSERT_EQUAL("Busy"s, tryLock());
                _now += seconds(1);
                CPPUNIT_ASSERT_EQUAL("Busy"s, tryLock());
                CPPUNIT_ASSERT_EQUAL(holder, _tree.read("x.lock"));
                std::filesystem::remove(_tree / "x.lock");
            }
        }
    }

    void takesALockThatWasSeenUnchangedForTwoMinutes() {
        _tree.write("x.lock", "1:there");
        CPPUNIT_ASSERT_EQUAL("Busy"s, tryLock());
        _now += LockJudge::staleAfter - seconds(1);
        CPPUNIT_ASSERT_EQUAL("Busy"s, tryLock());
        _now += seconds(1);
        CPPUNIT_ASSERT_EQUAL("none"s, tryLock());
    }

    void respectsAForeignLockThatIsRenewed() {
        _tree.write("x.lock", "1:there");
        for (int minutes = 0; minutes < 10; ++minutes) {
            setTime("x.lock", _fileTime + minutes);
            CPPUNIT_ASSERT_EQUAL("Busy"s, tryLock());
            _now += seconds(60);
            CPPUNIT_ASSERT_EQUAL("Busy"s, tryLock());
        }
    }

    void beginsAnewWithEachLockOfAName() {
        _tree.write("x.lock", "1:there");
        setTime("x.lock", _fileTime);
        CPPUNIT_ASSERT_EQUAL("Busy"s, tryLock());
        _now += LockJudge::staleAfter;
        _tree.write("y", "2:there");
        setTime("y", _fileTime);
        std::filesystem::rename(_tree / "y", _tree / "x.lock");
        CPPUNIT_ASSERT_EQUAL("Busy"s, tryLock());
        _now += LockJudge::staleAfter;
        CPPUNIT_ASSERT_EQUAL("none"s, tryLock());
    }

    void neverTakesTheLockOfALivingProcess() {
        _tree.write("x.lock", "77:here");
        setTime("x.lock", _fileTime - 499);
        CPPUNIT_ASSERT_EQUAL("Busy"s, tryLock());
        _now += seconds(100'000);
        _fileTime += 100'000;
        _life = seconds(100'500);
        CPPUNIT_ASSERT_EQUAL("Busy"s, tryLock());
        _life = seconds(0);  // it can't be told how long it has lived
        CPPUNIT_ASSERT_EQUAL("Busy"s, tryLock());
    }

    void neverTakesALockThatSomebodyHasFlocked() {
        for (const std::string& holder : {"1:there"s, ""s, "77:here"s}) {
            _life.reset();
            _tree.write("x.lock", holder);
            {
                const FileDescriptor file(::open((_tree / "x.lock").c_str(), O_RDONLY | O_CLOEXEC));
                CPPUNIT_ASSERT_EQUAL(0, ::flock(file.get(), LOCK_EX | LOCK_NB));
                CPPUNIT_ASSERT_EQUAL("Busy"s, tryLock());
                _now += seconds(100'000);
                CPPUNIT_ASSERT_EQUAL("Busy"s, tryLock());
            }
            CPPUNIT_ASSERT_EQUAL("none"s, tryLock());
        }
    }

    // The file server's clock and the system's do not matter: both ages are durations.
    void takesALockOlderThanTheProcessWithItsNumber() {
        _tree.write("x.lock", "77:here");
        setTime("x.lock", _fileTime - 600);
        CPPUNIT_ASSERT_EQUAL("Busy"s, tryLock());
        _now += LockJudge::doubtfulAfter;
        CPPUNIT_ASSERT_EQUAL("none"s, tryLock());
    }

    void tellsTheLivesOfProcesses() {
        const LockJudge::Sources sources = LockJudge::system();
        CPPUNIT_ASSERT(sources.lifeOf(1).has_value());
        const pid_t child = ::fork();
        if (child == 0) {
            ::pause();
            ::_exit(0);
        }
        const auto life = sources.lifeOf(child);
        ::kill(child, SIGKILL);
        (void)waitFor(child);
        CPPUNIT_ASSERT(life && *life < seconds(60));
        CPPUNIT_ASSERT(!sources.lifeOf(child));
        const auto present = sources.fileTime(_tree.path());
        CPPUNIT_ASSERT(present && std::abs(*present - ::time(nullptr)) < 60);
        CPPUNIT_ASSERT(!sources.fileTime(_tree / "none"));
        CPPUNIT_ASSERT(std::filesystem::is_empty(_tree.path()));
    }

    void takesALockWithoutItsText() {
        for (const std::string& text : {""s, "12"s}) {
            _tree.write("x.lock", text);
            setTime("x.lock", _fileTime);
            CPPUNIT_ASSERT_EQUAL("Busy"s, tryLock());
            _now += LockJudge::unfinishedAfter;
            CPPUNIT_ASSERT_EQUAL("none"s, tryLock());
            // Left since before a restart, by the clock of the file system that has it.
            _tree.write("x.lock", text);
            setTime("x.lock", _fileTime - 10);
            CPPUNIT_ASSERT_EQUAL("none"s, tryLock());
        }
    }

    void doesNotUnderstandEveryNumber() {
        _life.reset();
        for (const std::string& holder : {"2147483646:there"s, "-1:here"s, "99999999999999999999:here"s, "0:here"s}) {
            _tree.write("x.lock", holder);
            CPPUNIT_ASSERT_EQUAL("Busy"s, tryLock());
            CPPUNIT_ASSERT_EQUAL(holder, _tree.read("x.lock"));
        }
    }

    void doesNotRemoveALockThatWasTakenOver() {
        {
            const DotLock lock(_tree / "x.lock", 0, _judge);
            _tree.write("y", "another's");
            std::filesystem::rename(_tree / "y", _tree / "x.lock");
        }
        CPPUNIT_ASSERT_EQUAL("another's"s, _tree.read("x.lock"));
    }

    void noticesThatItWasTakenOver() {
        DotLock lock(_tree / "x.lock", 0, _judge);
        lock.require();
        std::filesystem::remove(_tree / "x.lock");
        CPPUNIT_ASSERT(!lock.stillMine());
        CPPUNIT_ASSERT_EQUAL("Busy"s, errorOf([&] { lock.require(); }));
        _tree.write("x.lock", "1:there");
        CPPUNIT_ASSERT_EQUAL("Busy"s, errorOf([&] { lock.require(); }));
    }

    void renewsWhileItWorks() {
        DotLock lock(_tree / "x.lock", 0, _judge);
        setTime("x.lock", 1'000'000'000);
        lock.require();
        CPPUNIT_ASSERT_EQUAL(time_t(1'000'000'000), timeOf("x.lock"));
        _now += seconds(30);
        lock.require();
        CPPUNIT_ASSERT(timeOf("x.lock") > 1'000'000'000);
        setTime("x.lock", 1'000'000'000);
        _now += seconds(30);
        lock.renew();
        CPPUNIT_ASSERT(timeOf("x.lock") > 1'000'000'000);
    }

    void replacesNothingUnderALostLock() {
        DotLock lock(_tree / "x.lock", 0, _judge);
        replaceFile(lock, _tree / "file", "old");
        std::filesystem::remove(_tree / "x.lock");
        CPPUNIT_ASSERT_EQUAL("Busy"s, errorOf([&] { replaceFile(lock, _tree / "file", "new"); }));
        CPPUNIT_ASSERT_EQUAL("old"s, _tree.read("file"));
        CPPUNIT_ASSERT_EQUAL(std::size_t(1), listDirectory(_tree.path()).size());
    }

    void tellsAtOnceWhereNobodyMayWait() {
        const DotLock lock(_tree / "x.lock", 0, _judge);
        const auto began = std::chrono::steady_clock::now();
        const auto attempt = [&] { const DotLock other(_tree / "x.lock", 60'000, _judge); };
        {
            const Patience::Scope scope(Patience::Kind::Returns);
            CPPUNIT_ASSERT_EQUAL("WouldWait"s, errorOf(attempt));
            const Patience::Scope inner(Patience::Kind::GivesUp);
            CPPUNIT_ASSERT_EQUAL("Busy"s, errorOf(attempt));
        }
        CPPUNIT_ASSERT(Patience::current() == Patience::Kind::Waits);
        CPPUNIT_ASSERT(std::chrono::steady_clock::now() - began < seconds(30));
    }

    void remembersWhatItSawBetweenTries() {
        _tree.write("x.lock", "1:there");
        const Patience::Scope scope(Patience::Kind::Returns);
        CPPUNIT_ASSERT_EQUAL("WouldWait"s, tryLock());
        _now += LockJudge::staleAfter;
        CPPUNIT_ASSERT_EQUAL("none"s, tryLock());
    }

    void letsOneInAtATime() {
        // A stale lock at the start: all find it at once, and still only one gets it at a time.
        _life.reset();
        _fileTime = ::time(nullptr);  // locks that are made now are not old
        _tree.write("x.lock", "77:here");
        std::atomic<int> inside = 0;
        std::atomic<bool> collided = false;
        std::vector<std::thread> threads;
        for (int i = 0; i < 8; ++i) {
            threads.emplace_back([&] {
                for (int round = 0; round < 20; ++round) {
                    const DotLock lock(_tree / "x.lock", 60'000, _judge);
                    if (++inside != 1) collided = true;
                    std::this_thread::yield();
                    --inside;
                }
            });
        }
        for (std::thread& thread : threads) thread.join();
        CPPUNIT_ASSERT(!collided);
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(DotLockTest);

}  // namespace maildir
