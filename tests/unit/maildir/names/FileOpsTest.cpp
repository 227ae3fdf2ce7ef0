// Files appear whole or not at all.
#include "maildir/FileOps.h"

#include <cppunit/extensions/HelperMacros.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "tests/unit/maildir/names/TemporaryTree.h"

using std::string_literals::operator""s;

namespace maildir {

class FileOpsTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(FileOpsTest);
    CPPUNIT_TEST(ownsDescriptors);
    CPPUNIT_TEST(createsFilesOnceWithTheModeOfTheDirectory);
    CPPUNIT_TEST(makesDirectoriesWithTheModeOfTheParent);
    CPPUNIT_TEST(readsWholeFiles);
    CPPUNIT_TEST(readsNoSpecialFiles);
    CPPUNIT_TEST(replacesFiles);
    CPPUNIT_TEST(leavesTheOldFileWhenItCannotReplace);
    CPPUNIT_TEST(leavesNoTraceOfReadingAMessage);
    CPPUNIT_TEST(opensOnlyRegularFilesAsMessages);
    CPPUNIT_TEST(refusesPathsWithNul);
    CPPUNIT_TEST(listsDirectories);
    CPPUNIT_TEST(removesWithoutFollowingLinks);
    CPPUNIT_TEST_SUITE_END();

    TemporaryTree _tree;

    [[nodiscard]] unsigned modeOf(const std::string& name) const {
        struct stat status {};
        CPPUNIT_ASSERT_EQUAL(0, ::stat((_tree / name).c_str(), &status));
        return status.st_mode & 07777U;
    }

public:
    void ownsDescriptors() {
        FileDescriptor first = openDirectory(_tree.path());
        const int number = first.get();
        FileDescriptor second(std::move(first));
        CPPUNIT_ASSERT_EQUAL(number, second.get());
        second = openDirectory("/");
        CPPUNIT_ASSERT(second.isOpen());
        CPPUNIT_ASSERT_EQUAL(-1, ::fcntl(number, F_GETFD) == -1 || number == second.get() ? -1 : 0);
        CPPUNIT_ASSERT(::fcntl(second.get(), F_GETFD) & FD_CLOEXEC);
        const int released = second.release();
        CPPUNIT_ASSERT(!second.isOpen());
        CPPUNIT_ASSERT_EQUAL(0, ::close(released));
        CPPUNIT_ASSERT(!openExisting(_tree / "none", O_RDONLY));
        CPPUNIT_ASSERT_EQUAL("Unavailable"s, errorOf([&] { openDirectory(_tree / "none"); }));
    }

    void createsFilesOnceWithTheModeOfTheDirectory() {
        const mode_t old = ::umask(077);
        CPPUNIT_ASSERT_EQUAL(0, ::chmod(_tree.path().c_str(), 0750));
        createExclusive(_tree / "file");
        ::umask(old);
        CPPUNIT_ASSERT_EQUAL(0640U, modeOf("file"));
        CPPUNIT_ASSERT_EQUAL("AlreadyExists"s, errorOf([&] { createExclusive(_tree / "file"); }));
        CPPUNIT_ASSERT_EQUAL(0, ::symlink("target", (_tree / "link").c_str()));
        CPPUNIT_ASSERT_EQUAL("AlreadyExists"s, errorOf([&] { createExclusive(_tree / "link"); }));
        CPPUNIT_ASSERT(!_tree.has("target"));
    }

    void makesDirectoriesWithTheModeOfTheParent() {
        const mode_t old = ::umask(077);
        CPPUNIT_ASSERT_EQUAL(0, ::chmod(_tree.path().c_str(), 02770));
        makeDirectory(_tree / "sub");
        ::umask(old);
        CPPUNIT_ASSERT_EQUAL(02770U, modeOf("sub"));
        CPPUNIT_ASSERT_EQUAL("AlreadyExists"s, errorOf([&] { makeDirectory(_tree / "sub"); }));
        CPPUNIT_ASSERT_EQUAL("Unavailable"s, errorOf([&] { makeDirectory(_tree / "none/sub"); }));
    }

    void readsWholeFiles() {
        const std::string content = std::string(100'000, 'x') + "\0\xFF"s;
        _tree.write("file", content);
        CPPUNIT_ASSERT(readFile(_tree / "file") == content);
        CPPUNIT_ASSERT(readFile(_tree / "file", content.size()) == content);
        CPPUNIT_ASSERT_EQUAL("Limit"s, errorOf([&] { readFile(_tree / "file", content.size() - 1); }));
        _tree.write("empty", "");
        CPPUNIT_ASSERT(readFile(_tree / "empty", 0) == ""s);
        CPPUNIT_ASSERT(!readFile(_tree / "none"));
    }

    void readsNoSpecialFiles() {
        CPPUNIT_ASSERT_EQUAL(0, ::mkfifo((_tree / "fifo").c_str(), 0600));
        CPPUNIT_ASSERT_EQUAL("Corrupt"s, errorOf([&] { readFile(_tree / "fifo"); }));
        CPPUNIT_ASSERT_EQUAL("Corrupt"s, errorOf([&] { readFile(_tree.path()); }));
        for (const char* const target : {"/dev/zero", "fifo", "."}) {
            const std::string link = _tree / "link";
            CPPUNIT_ASSERT_EQUAL(0, symlink(target, link.c_str()));
            CPPUNIT_ASSERT_EQUAL("Corrupt"s, errorOf([&] { readFile(link); }));
            CPPUNIT_ASSERT_EQUAL(0, unlink(link.c_str()));
        }
        _tree.write("file", "x");
        CPPUNIT_ASSERT_EQUAL(0, symlink("file", (_tree / "link").c_str()));
        CPPUNIT_ASSERT_EQUAL("x"s, readFile(_tree / "link").value());
    }

    void replacesFiles() {
        replaceFile(_tree / "file", "old");
        replaceFile(_tree / "file", "new");
        CPPUNIT_ASSERT_EQUAL("new"s, _tree.read("file"));
        CPPUNIT_ASSERT_EQUAL(std::size_t(1), listDirectory(_tree.path()).size());
    }

    void leavesTheOldFileWhenItCannotReplace() {
        std::filesystem::create_directories(_tree / "taken/by a directory");
        CPPUNIT_ASSERT(errorOf([&] { replaceFile(_tree / "taken", "new"); }) != "none");
        CPPUNIT_ASSERT_EQUAL(std::size_t(1), listDirectory(_tree.path()).size());
    }

    void leavesNoTraceOfReadingAMessage() {
        const std::string path = _tree.path() + "/message";
        _tree.write("message", "content");
        const timespec times[2] = {{1'000'000'000, 0}, {1'100'000'000, 0}};  // read before it was written: relatime
        CPPUNIT_ASSERT_EQUAL(0, utimensat(AT_FDCWD, path.c_str(), times, 0));
        const auto file = openMessage(path);
        char octets[7];
        CPPUNIT_ASSERT_EQUAL(ssize_t(7), read(file->file.get(), octets, sizeof octets));
        struct stat status {};
        CPPUNIT_ASSERT_EQUAL(0, stat(path.c_str(), &status));
        CPPUNIT_ASSERT_EQUAL(std::int64_t(1'000'000'000), std::int64_t(status.st_atim.tv_sec));
        CPPUNIT_ASSERT(!openMessage(_tree.path() + "/none"));
    }

    void opensOnlyRegularFilesAsMessages() {
        _tree.write("message", "content");
        CPPUNIT_ASSERT_EQUAL(0, symlink("message", (_tree.path() + "/link").c_str()));
        CPPUNIT_ASSERT_EQUAL(0, mkfifo((_tree.path() + "/pipe").c_str(), 0600));
        const FileDescriptor folder = openDirectory(_tree.path());
        CPPUNIT_ASSERT(openMessage(folder.get(), "message"));
        CPPUNIT_ASSERT(statusOfMessage(folder.get(), "message"));
        for (const char* const name : {"link", "pipe", ".", "none"}) {
            CPPUNIT_ASSERT(!openMessage(_tree / name));  // at once, though nobody writes
            CPPUNIT_ASSERT(!openMessage(folder.get(), name));
            CPPUNIT_ASSERT(!statusOfMessage(folder.get(), name));
        }
        CPPUNIT_ASSERT_EQUAL("Unavailable"s, errorOf([&] { (void)openMessage(_tree / "message/x"); }));
        CPPUNIT_ASSERT_THROW(openMessage("a\0b"s), Error);
    }

    void refusesPathsWithNul() {
        const std::string path = _tree / "a\0b"s;
        CPPUNIT_ASSERT_EQUAL("InvalidName"s, errorOf([&] { createExclusive(path); }));
        CPPUNIT_ASSERT_EQUAL("InvalidName"s, errorOf([&] { makeDirectory(path); }));
        CPPUNIT_ASSERT_EQUAL("InvalidName"s, errorOf([&] { removeInSlices(path, [] { return false; }); }));
        CPPUNIT_ASSERT_EQUAL("InvalidName"s, errorOf([&] { readFile(path); }));
    }

    void listsDirectories() {
        _tree.write("a", "");
        _tree.write(".b", "");
        auto names = listDirectory(_tree.path());
        std::sort(names.begin(), names.end());
        CPPUNIT_ASSERT((names == std::vector<std::string>{".b", "a"}));
        CPPUNIT_ASSERT_EQUAL("Unavailable"s, errorOf([&] { listDirectory(_tree / "none"); }));
        CPPUNIT_ASSERT_EQUAL("Unavailable"s, errorOf([&] { listDirectory(_tree / "a"); }));
    }

    void removesWithoutFollowingLinks() {
        std::filesystem::create_directories(_tree / "gone/a/b/c");
        std::filesystem::create_directories(_tree / "kept");
        _tree.write("kept/file", "x");
        std::filesystem::create_directory_symlink(_tree / "kept", _tree / "gone/a/link");
        removeInSlices(_tree / "gone", [] { return false; });
        removeInSlices(_tree / "gone", [] { return false; });
        CPPUNIT_ASSERT(!_tree.has("gone"));
        CPPUNIT_ASSERT_EQUAL("x"s, _tree.read("kept/file"));
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(FileOpsTest);

}  // namespace maildir
