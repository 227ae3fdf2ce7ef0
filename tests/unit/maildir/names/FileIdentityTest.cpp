// Rights to files that belong to a thread: taken on, restored, and no other thread's. Most of it needs root.
#include "maildir/FileIdentity.h"

#include <cppunit/extensions/HelperMacros.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "maildir/Error.h"
#include "maildir/FileOps.h"
#include "tests/unit/maildir/names/TemporaryTree.h"

namespace maildir {

namespace {

constexpr uid_t anna = 61001, ben = 61002;

bool canRead(const std::string& path) {
    return FileDescriptor(::open(path.c_str(), O_RDONLY | O_CLOEXEC)).isOpen();
}

}  // namespace

class FileIdentityTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(FileIdentityTest);
    CPPUNIT_TEST(rootIsNobodysUser);
    CPPUNIT_TEST(usersAreApart);
    CPPUNIT_TEST(scopesNestAndEndByExceptions);
    CPPUNIT_TEST(otherThreadsKeepTheirRights);
    CPPUNIT_TEST(withoutRootItIsRefused);
    CPPUNIT_TEST_SUITE_END();

public:
    void rootIsNobodysUser() {
        for (const auto& [user, group] :
             {std::pair<uid_t, gid_t>{0, anna}, {anna, 0}, {uid_t(-1), anna}, {anna, gid_t(-1)}}) {
            CPPUNIT_ASSERT_THROW(FileIdentity::of(user, group), Error);
        }
        CPPUNIT_ASSERT(!FileIdentity::current());
        const FileIdentity::Scope none(nullptr);  // needs no right
        CPPUNIT_ASSERT(!FileIdentity::current());
    }

    void usersAreApart() {
        if (::geteuid() != 0) return;
        const TemporaryTree tree;
        CPPUNIT_ASSERT_EQUAL(0, ::chmod(tree.path().c_str(), 0777));
        for (const uid_t user : {anna, ben}) {
            const FileIdentity::Scope scope(FileIdentity::of(user, user));
            const std::string path = tree.path() + "/" + std::to_string(user);
            CPPUNIT_ASSERT(FileDescriptor(::open(path.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600)).isOpen());
            struct stat status {};
            CPPUNIT_ASSERT_EQUAL(0, ::stat(path.c_str(), &status));
            CPPUNIT_ASSERT(status.st_uid == user && status.st_gid == user);
            CPPUNIT_ASSERT(canRead(path));
            CPPUNIT_ASSERT_EQUAL(user == anna, canRead(tree.path() + "/" + std::to_string(anna)));
            CPPUNIT_ASSERT(!canRead("/etc/shadow"));
        }
        CPPUNIT_ASSERT(canRead("/etc/shadow") && canRead(tree.path() + "/" + std::to_string(ben)));
    }

    void scopesNestAndEndByExceptions() {
        if (::geteuid() != 0) return;
        const auto first = FileIdentity::of(anna, anna), second = FileIdentity::of(ben, ben);
        {
            const FileIdentity::Scope outer(first);
            CPPUNIT_ASSERT(FileIdentity::isCurrent(FileIdentity::of(anna, anna)));
            try {
                const FileIdentity::Scope inner(second);
                CPPUNIT_ASSERT(FileIdentity::isCurrent(second));
                const FileIdentity::Scope server(nullptr);
                CPPUNIT_ASSERT(!FileIdentity::current() && canRead("/etc/shadow"));
                throw std::runtime_error("in the middle");
            } catch (const std::runtime_error&) {
                CPPUNIT_ASSERT(FileIdentity::current() == first);
            }
            std::vector<gid_t> groups(64);
            CPPUNIT_ASSERT_EQUAL(1, ::getgroups(64, groups.data()));
            CPPUNIT_ASSERT_EQUAL(gid_t(anna), groups[0]);
        }
        CPPUNIT_ASSERT(!FileIdentity::current() && canRead("/etc/shadow"));
    }

    void otherThreadsKeepTheirRights() {
        if (::geteuid() != 0) return;
        bool couldRead = false;
        std::thread other;
        {
            // Made before: a thread begins with the rights of its maker.
            std::atomic<int> stage = 0;
            other = std::thread([&] {
                stage.wait(0);
                couldRead = canRead("/etc/shadow");
                stage = 2;
                stage.notify_all();
            });
            const FileIdentity::Scope scope(FileIdentity::of(anna, anna));
            stage = 1;
            stage.notify_all();
            stage.wait(1);
        }
        other.join();
        CPPUNIT_ASSERT(couldRead);
    }

    void withoutRootItIsRefused() {
        if (::geteuid() == 0) return;
        CPPUNIT_ASSERT_THROW(FileIdentity::Scope(FileIdentity::of(anna, anna)), Error);
        CPPUNIT_ASSERT(!FileIdentity::current());
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(FileIdentityTest);

}  // namespace maildir
