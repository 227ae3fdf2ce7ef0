// A UIDVALIDITY never comes again in a tree: over processes, restarts, crashes between steps and clocks set back.
#include "maildir/names/UidValidityFile.h"

#include <cppunit/extensions/HelperMacros.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <vector>

#include "maildir/Patience.h"
#include "maildir/names/MailTree.h"
#include "tests/unit/maildir/names/TemporaryTree.h"

using std::string_literals::operator""s;

namespace maildir {

class UidValidityFileTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(UidValidityFileTest);
    CPPUNIT_TEST(beginsWithThePresentTime);
    CPPUNIT_TEST(goesOnFromDovecotsFiles);
    CPPUNIT_TEST(goesOnWhenTheClockIsSetBack);
    CPPUNIT_TEST(isAboveEveryListOfTheTree);
    CPPUNIT_TEST(isAboveWhatItIsToBeAbove);
    CPPUNIT_TEST(goesOnAfterACrashBetweenTheTwoFiles);
    CPPUNIT_TEST(mendsDamagedFiles);
    CPPUNIT_TEST(givesEachOfSeveralProcessesItsOwn);
    CPPUNIT_TEST(isCarefulInARootThatMayNotBeWrittenTo);
    CPPUNIT_TEST(doesNotWaitForItsLock);
    CPPUNIT_TEST(readsWhatListsSay);
    CPPUNIT_TEST(remembersWhatLeavesItsName);
    CPPUNIT_TEST(writesTheFileOnceForMany);
    CPPUNIT_TEST(forgetsItsReserveWhenOthersGaveOne);
    CPPUNIT_TEST_SUITE_END();

    TemporaryTree _tree;
    std::int64_t _now = 0x70000000;

    [[nodiscard]] std::uint32_t next(Layout layout = Layout::MaildirPlusPlus) const {
        return UidValidityFile({_tree.path(), layout}, [this] { return _now; }).next().value;
    }
    // The numbers behind the names of the files beside it.
    [[nodiscard]] std::vector<std::string> twins() const {
        std::vector<std::string> found;
        for (const std::string& name : listDirectory(_tree.path())) {
            if (name.starts_with("dovecot-uidvalidity.")) found.push_back(name.substr(20));
        }
        std::sort(found.begin(), found.end());
        return found;
    }
    static std::string hex(std::uint32_t value) {
        char text[9];
        std::snprintf(text, sizeof text, "%08x", value);
        return text;
    }
    // The files tell of this number, and of some more if those are reserved.
    void checkFiles(std::uint32_t value, std::uint32_t mostReserved = 64) const {
        const std::string written = _tree.read("dovecot-uidvalidity");
        CPPUNIT_ASSERT(hex(value) <= written && written <= hex(value + mostReserved));
        CPPUNIT_ASSERT((twins() == std::vector<std::string>{written}));
        CPPUNIT_ASSERT(!_tree.has("dovecot-uidvalidity.lock"));
    }

public:
    // Numbers that the process gave in other tests count as well, so that times here grow from test to test.
    void setUp() override {
        static std::int64_t time = 0x70000000;
        _now = time += 0x100000;
    }

    void beginsWithThePresentTime() {
        const std::uint32_t first = next();
        CPPUNIT_ASSERT_EQUAL(static_cast<std::uint32_t>(_now), first);
        checkFiles(first);
        CPPUNIT_ASSERT_EQUAL(first + 1, next());
        _now += 100;
        CPPUNIT_ASSERT_EQUAL(first + 100, next());
        checkFiles(first + 100);
    }

    void goesOnFromDovecotsFiles() {
        const auto last = static_cast<std::uint32_t>(_now) + 1000;
        _tree.write("dovecot-uidvalidity", hex(last));
        _tree.write("dovecot-uidvalidity." + hex(last), "");
        CPPUNIT_ASSERT_EQUAL(last + 1, next());
        checkFiles(last + 1);
    }

    void goesOnWhenTheClockIsSetBack() {
        const std::uint32_t before = next();
        _now -= 50'000;
        CPPUNIT_ASSERT_EQUAL(before + 1, next());
        checkFiles(before + 1);
    }

    void isAboveEveryListOfTheTree() {
        const auto last = static_cast<std::uint32_t>(_now) + 500;
        _tree.makeMaildir(".Work");
        _tree.write(".Work/dovecot-uidlist", "3 V" + std::to_string(last) + " N1 Gx\n");
        _tree.makeMaildir("sub/deep");
        _tree.write("sub/deep/courierimapuiddb", "1 " + std::to_string(last + 500) + " 7\n");
        CPPUNIT_ASSERT_EQUAL(last + 1, next());
        std::filesystem::remove(_tree / "dovecot-uidvalidity");
        CPPUNIT_ASSERT_EQUAL(last + 501, next(Layout::Fs));
    }

    void isAboveWhatItIsToBeAbove() {
        const std::uint32_t first = next();
        const UidValidityFile file({_tree.path()}, [this] { return _now; });
        CPPUNIT_ASSERT_EQUAL(first + 501, file.next(UidValidity{first + 500}).value);
        checkFiles(first + 501);
        CPPUNIT_ASSERT_EQUAL(first + 502, file.next(UidValidity{first}).value);
        CPPUNIT_ASSERT_EQUAL(first + 503, file.next(UidValidity{0xFFFFFFFF}).value);  // that is damage
        checkFiles(first + 503);
    }

    void goesOnAfterACrashBetweenTheTwoFiles() {
        const std::uint32_t given = next();
        _now -= 50'000;
        std::filesystem::rename(_tree / ("dovecot-uidvalidity." + hex(given)),
                                _tree / ("dovecot-uidvalidity." + hex(given + 9)));
        CPPUNIT_ASSERT_EQUAL(given + 10, next());
        checkFiles(given + 10);
        std::filesystem::remove(_tree / ("dovecot-uidvalidity." + hex(given + 10)));
        CPPUNIT_ASSERT_EQUAL(given + 11, next());
        checkFiles(given + 11);
    }

    void mendsDamagedFiles() {
        const std::uint32_t given = next();
        _now -= 50'000;
        std::uint32_t last = given;
        for (const std::string& damaged : {""s, "zz"s, "xxxxxxxx"s, "00000000"s, "ffffffff"s, "12345678"s}) {
            _tree.write("dovecot-uidvalidity", damaged);
            _tree.write("dovecot-uidvalidity.fffffffe", "");
            _tree.write("dovecot-uidvalidity.none", "");
            const std::uint32_t value = next();
            CPPUNIT_ASSERT(value > last && value < 0xF0000000);
            last = value;
            std::filesystem::remove(_tree / "dovecot-uidvalidity.none");
            checkFiles(value);
        }
        std::filesystem::remove(_tree / "dovecot-uidvalidity");
        std::filesystem::create_directory(_tree / "dovecot-uidvalidity");
        CPPUNIT_ASSERT(errorOf([&] { (void)next(); }) != "none");  // never one that is not written down
    }

    void givesEachOfSeveralProcessesItsOwn() {
        constexpr int processes = 4, each = 25;
        std::vector<pid_t> children;
        int pipes[2];
        CPPUNIT_ASSERT_EQUAL(0, ::pipe(pipes));
        for (int number = 0; number < processes; ++number) {
            const pid_t child = ::fork();
            if (child == 0) {
                for (int i = 0; i < each; ++i) {
                    const std::uint32_t value = next();
                    if (::write(pipes[1], &value, sizeof value) != ssize_t(sizeof value)) ::_exit(1);
                }
                ::_exit(0);
            }
            children.push_back(child);
        }
        ::close(pipes[1]);
        std::set<std::uint32_t> given;
        std::uint32_t value = 0;
        while (::read(pipes[0], &value, sizeof value) == ssize_t(sizeof value)) given.insert(value);
        ::close(pipes[0]);
        for (const pid_t child : children) {
            int status = -1;
            CPPUNIT_ASSERT_EQUAL(child, ::waitpid(child, &status, 0));
            CPPUNIT_ASSERT_EQUAL(0, status);
        }
        CPPUNIT_ASSERT_EQUAL(std::size_t(processes * each), given.size());
        checkFiles(*given.rbegin());
    }

    // Root may write everywhere: a child with a user's rights does it.
    void isCarefulInARootThatMayNotBeWrittenTo() {
        const std::uint32_t given = next();
        CPPUNIT_ASSERT_EQUAL(0, ::chmod(_tree.path().c_str(), 0555));
        const pid_t child = ::fork();
        if (child == 0) {
            if (::geteuid() == 0 && ::setuid(65534) != 0) ::_exit(2);
            const std::uint32_t first = next(), second = next();
            ::_exit(first > given && second > first ? 0 : 1);
        }
        int status = -1;
        CPPUNIT_ASSERT_EQUAL(child, ::waitpid(child, &status, 0));
        CPPUNIT_ASSERT_EQUAL(0, ::chmod(_tree.path().c_str(), 0755));
        CPPUNIT_ASSERT_EQUAL(0, status);
        checkFiles(given);
    }

    void doesNotWaitForItsLock() {
        const std::uint32_t given = next();
        const DotLock lock(_tree / "dovecot-uidvalidity.lock", 0);
        const Patience::Scope scope(Patience::Kind::Returns);
        CPPUNIT_ASSERT_EQUAL("WouldWait"s, errorOf([&] { (void)next(); }));
        CPPUNIT_ASSERT_EQUAL(hex(given), _tree.read("dovecot-uidvalidity"));
    }

    void readsWhatListsSay() {
        const auto read = [this](const std::string& name, const std::string& text) {
            std::filesystem::remove(_tree / "dovecot-uidlist");
            _tree.write(name, text);
            return recordedUidValidity(_tree.path()).value;
        };
        CPPUNIT_ASSERT_EQUAL(0U, recordedUidValidity(_tree.path()).value);
        CPPUNIT_ASSERT_EQUAL(7U, read("courierimapuiddb", "1 7 9\n"));
        CPPUNIT_ASSERT_EQUAL(8U, read("dovecot-uidlist", "3 V8 N2 Gx\n1 :a\n"));
        CPPUNIT_ASSERT_EQUAL(9U, read("dovecot-uidlist", "3 N2 V9"));
        CPPUNIT_ASSERT_EQUAL(5U, read("dovecot-uidlist", "1 5 9\n"));
        CPPUNIT_ASSERT_EQUAL(6U, read("dovecot-uidlist", "3" + std::string(4000, ' ') + "V6 N1\n"));
        CPPUNIT_ASSERT_EQUAL(0U, read("dovecot-uidlist", "3 Vx\n"));
    }

    void remembersWhatLeavesItsName() {
        for (const Layout layout : {Layout::MaildirPlusPlus, Layout::Fs}) {
            TreeSettings settings;
            const std::string root = layout == Layout::Fs ? "fs" : "plus";
            _tree.makeMaildir(root);
            settings.root = _tree / root;
            settings.layout = layout;
            const MailTree tree(settings);
            const MailboxName work{{"Work"}}, other{{"Other"}}, inner{{"Other", "Inner"}};
            tree.create(work);
            const auto record = [&](const MailboxName& name, std::int64_t value) {
                replaceFile(tree.pathOf(name) + "/dovecot-uidlist", "3 V" + std::to_string(value) + " N1 Gx\n");
            };
            const auto following = [&] {
                return std::int64_t(UidValidityFile({settings.root, layout}, [] { return 1; }).next().value);
            };
            record(work, _now + 1000);
            tree.remove(work);
            CPPUNIT_ASSERT(readFile(settings.root + "/dovecot-uidvalidity").has_value());
            CPPUNIT_ASSERT(following() > _now + 1000);
            tree.create(inner);
            record(inner, _now + 3000);
            tree.rename(other, work);
            CPPUNIT_ASSERT_EQUAL(hex(static_cast<std::uint32_t>(_now + 3000)),
                                 readFile(settings.root + "/dovecot-uidvalidity").value());
            CPPUNIT_ASSERT(following() > _now + 3000);
            _now += 10'000;
        }
    }

    void writesTheFileOnceForMany() {
        std::set<std::string> contents;
        std::uint32_t last = 0;
        for (int number = 0; number < 500; ++number) {
            const std::uint32_t value = next();
            CPPUNIT_ASSERT(value > last);
            CPPUNIT_ASSERT(hex(value) <= _tree.read("dovecot-uidvalidity"));
            contents.insert(_tree.read("dovecot-uidvalidity"));
            last = value;
        }
        CPPUNIT_ASSERT(contents.size() < 20);
        CPPUNIT_ASSERT_EQUAL(static_cast<std::uint32_t>(_now) + 499, last);
        // After a pause it begins with the present time again, and reserves nothing.
        _now += 10'000;
        CPPUNIT_ASSERT_EQUAL(static_cast<std::uint32_t>(_now), next());
        checkFiles(static_cast<std::uint32_t>(_now), 0);
    }

    // Another process that made the mailbox, with a number above the reserve, and deleted it.
    void forgetsItsReserveWhenOthersGaveOne() {
        for (int number = 0; number < 5; ++number) (void)next();
        const std::uint32_t others = static_cast<std::uint32_t>(_now) + 5000;
        std::filesystem::rename(_tree.path() + "/dovecot-uidvalidity." + twins().back(),
                                _tree.path() + "/dovecot-uidvalidity." + hex(others));
        _tree.write("dovecot-uidvalidity", hex(others));
        CPPUNIT_ASSERT_EQUAL(others + 1, next());
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(UidValidityFileTest);

}  // namespace maildir
