// A UID list is changed only by whoever has its lock at that moment, however long ago it was taken.
#include <thread>

#include "maildir/Patience.h"
#include "maildir/mailbox/UidList.h"
#include "tests/unit/maildir/mailbox/MaildirFixture.h"

namespace maildir::test {

class ListLockTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(ListLockTest);
    CPPUNIT_TEST(addsNoRowsUnderALostLock);
    CPPUNIT_TEST(rewritesNothingUnderALostLock);
    CPPUNIT_TEST(takesRowsBackUnderItsLock);
    CPPUNIT_TEST(takesNothingBackUnderALostLock);
    CPPUNIT_TEST(locksTheListForKeywordsThatLiveInIt);
    CPPUNIT_TEST_SUITE_END();

    TemporaryDirectory _directory;
    Maildir _maildir{_directory.path + "/m"};
    std::function<void()> _atRenewal = [] {};  // between the look at the lock and what it guards
    LockJudge _judge{{"here",
                      [this] {
                          _atRenewal();
                          return LockJudge::Clock::now();
                      },
                      [](pid_t) { return std::optional(std::chrono::seconds(0)); },
                      [](const std::string&) { return std::optional<time_t>(); }}};

    static ErrorKind kindOf(const std::function<void()>& call) {
        try {
            call();
        } catch (const Error& error) {
            return error.kind();
        }
        CPPUNIT_FAIL("no error");
        return ErrorKind::Io;
    }
    [[nodiscard]] UidList written() const {
        UidList list(_maildir.path);
        const std::vector<UidRow> rows{{Uid{1}, {}, "a"}};
        list.rewrite(UidValidity{7}, Uid{2}, rows);
        return list;
    }
    void steal() const {
        std::filesystem::remove(_maildir.path + "/dovecot-uidlist.lock");
        write(_maildir.path + "/dovecot-uidlist.lock", "1:there");
    }

public:
    void addsNoRowsUnderALostLock() {
        UidList list = written();
        DotLock lock(list.lockPath(), 0);
        list.setLock(&lock);
        const std::vector<UidRow> rows{{Uid{2}, {}, "b"}}, more{{Uid{3}, {}, "c"}};
        list.append(rows);
        const std::string before = _maildir.uidList();
        steal();
        CPPUNIT_ASSERT(kindOf([&] { list.append(more); }) == ErrorKind::Busy);
        CPPUNIT_ASSERT_EQUAL(before, _maildir.uidList());
    }

    void rewritesNothingUnderALostLock() {
        UidList list = written();
        DotLock lock(list.lockPath(), 0, _judge);
        list.setLock(&lock);
        const std::string before = _maildir.uidList();
        const auto rewrite = [&] { list.rewrite(UidValidity{8}, Uid{2}, {}); };
        _atRenewal = [&] { steal(); };  // while the new file is written
        CPPUNIT_ASSERT(kindOf(rewrite) == ErrorKind::Busy);
        CPPUNIT_ASSERT_EQUAL(before, _maildir.uidList());
        CPPUNIT_ASSERT(kindOf(rewrite) == ErrorKind::Busy);
        CPPUNIT_ASSERT_EQUAL(before, _maildir.uidList());
    }

    void takesRowsBackUnderItsLock() {
        UidList list = written();
        DotLock lock(list.lockPath(), 0, _judge);
        list.setLock(&lock);
        const std::string before = _maildir.uidList();
        const std::vector<UidRow> rows{{Uid{2}, {}, "b"}};
        const std::string missing = _maildir.path + "/none";
        CPPUNIT_ASSERT(kindOf([&] { list.append(rows, std::span(&missing, 1)); }) == ErrorKind::NotFound);
        CPPUNIT_ASSERT_EQUAL(before, _maildir.uidList());
    }

    // What another wrote meanwhile would be cut off.
    void takesNothingBackUnderALostLock() {
        UidList list = written();
        DotLock lock(list.lockPath(), 0, _judge);
        list.setLock(&lock);
        const std::vector<UidRow> rows{{Uid{2}, {}, "b"}};
        const std::string missing = _maildir.path + "/none";
        _atRenewal = [&] {
            steal();
            std::ofstream(_maildir.path + "/dovecot-uidlist", std::ios::app) << "2 :other\n";
        };
        CPPUNIT_ASSERT(kindOf([&] { list.append(rows, std::span(&missing, 1)); }) == ErrorKind::NotFound);
        CPPUNIT_ASSERT(_maildir.uidList().find("2 :other\n") != std::string::npos);
        CPPUNIT_ASSERT(list.isDamaged());
    }

    // A keyword above the letters that has no name (any more) is taken away as well, and its list rewritten.
    void locksTheListForKeywordsThatLiveInIt() {
        _maildir.put("a:2,S");
        write(_maildir.path + "/dovecot-uidlist", "3 V7 N2 Ge2d452d07178540cff281f065809561b\n1 K30 :a\n");
        const Process process;
        Mailbox::Options options = process.options();
        options.lockTimeoutMs = 30;
        const auto mailbox = std::make_shared<Mailbox>(_maildir.path, options);
        const std::vector<Uid> uids{Uid{1}};
        CPPUNIT_ASSERT(mailbox->refresh()->find(Uid{1}).value()->keywords.any());
        FlagChange change;
        change.mode = FlagChange::Replace;
        {
            const DotLock lock(_maildir.path + "/dovecot-uidlist.lock", 0);
            CPPUNIT_ASSERT(kindOf([&] { mailbox->changeFlags(uids, change); }) == ErrorKind::Busy);
            CPPUNIT_ASSERT(_maildir.uidList().find("K30") != std::string::npos);
        }
        mailbox->changeFlags(uids, change);
        CPPUNIT_ASSERT(_maildir.uidList().find("K30") == std::string::npos);
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(ListLockTest);

}  // namespace maildir::test
