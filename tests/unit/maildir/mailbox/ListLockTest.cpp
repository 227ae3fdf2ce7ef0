// A UID list is changed only by whoever has its lock at that moment, however long ago it was taken.
#include <atomic>
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
    CPPUNIT_TEST(keepsADeliveryThatHadToWait);
    CPPUNIT_TEST(givesUpADeliveryOnlyForItself);
    CPPUNIT_TEST(copiesAndMovesNothingBeforeItHasTheLock);
    CPPUNIT_TEST(changesWhatIsKnownWhileNewMailWaits);
    CPPUNIT_TEST(listsNothingWhileTheLockIsHeld);
    CPPUNIT_TEST(doesNotWaitForABusyWriter);
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
        CPPUNIT_ASSERT(kindOf([&] { list.append(rows, std::span(&missing, 1)); }) == ErrorKind::Unavailable);
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
        CPPUNIT_ASSERT(kindOf([&] { list.append(rows, std::span(&missing, 1)); }) == ErrorKind::Unavailable);
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

    void keepsADeliveryThatHadToWait() {
        const Process process;
        const auto mailbox = process.open(_maildir.path);
        mailbox->refresh();
        const auto delivery = mailbox->beginDelivery();
        delivery->write("Subject: x\r\n\r\nbody\r\n");
        const auto deliver = [&] { return mailbox->deliver(*delivery, {}, {}, 1'000'000'000); };
        const Patience::Scope scope(Patience::Kind::Returns);
        {
            const DotLock lock(_maildir.path + "/dovecot-uidlist.lock", 0);
            for (int attempt = 0; attempt < 3; ++attempt) {
                CPPUNIT_ASSERT(kindOf([&] { (void)deliver(); }) == ErrorKind::WouldWait);
                CPPUNIT_ASSERT_EQUAL(std::size_t(1), _maildir.count("tmp"));
                CPPUNIT_ASSERT_EQUAL(std::size_t(0), _maildir.fileCount());
            }
        }
        CPPUNIT_ASSERT_EQUAL(1U, deliver().uid.value);
        CPPUNIT_ASSERT_EQUAL(std::size_t(1), _maildir.fileCount());
        CPPUNIT_ASSERT_EQUAL(std::size_t(0), _maildir.count("tmp"));
    }

    void givesUpADeliveryOnlyForItself() {
        const Process process;
        const auto mailbox = process.open(_maildir.path);
        mailbox->refresh();
        const auto delivery = mailbox->beginDelivery();
        delivery->write("Subject: x\r\n\r\nbody\r\n");
        const DotLock lock(_maildir.path + "/dovecot-uidlist.lock", 0);
        const Patience::Scope scope(Patience::Kind::GivesUp);
        CPPUNIT_ASSERT(kindOf([&] { mailbox->deliver(*delivery, {}, {}, {}); }) == ErrorKind::Busy);
        CPPUNIT_ASSERT_EQUAL(std::size_t(0), _maildir.fileCount());
    }

    void copiesAndMovesNothingBeforeItHasTheLock() {
        const Maildir other(_directory.path + "/other");
        _maildir.put("a:2,a");
        write(_maildir.path + "/dovecot-keywords", "0 $Work\n");
        const Process process;
        const auto source = process.open(_maildir.path), target = process.open(other.path);
        source->refresh();
        target->refresh();
        const std::vector<Uid> uids{Uid{1}};
        const Viewer elsewhere(source, [] {});
        for (const char* const name : {"/dovecot-uidlist.lock", "/dovecot-keywords.lock"}) {
            const Patience::Scope scope(Patience::Kind::Returns);
            const DotLock lock(other.path + name, 0);
            CPPUNIT_ASSERT(kindOf([&] { target->copyFrom(*source, uids); }) == ErrorKind::WouldWait);
            CPPUNIT_ASSERT(kindOf([&] { target->moveFrom(*source, uids); }) == ErrorKind::WouldWait);
            CPPUNIT_ASSERT_EQUAL(std::size_t(0), other.fileCount());
            CPPUNIT_ASSERT_EQUAL(std::size_t(0), _maildir.count("tmp"));
            CPPUNIT_ASSERT_EQUAL(std::string("cur/a:2,a"), _maildir.find("a"));
        }
        CPPUNIT_ASSERT_EQUAL(std::size_t(1), target->moveFrom(*source, uids).target.size());
        CPPUNIT_ASSERT_EQUAL(std::size_t(1), other.fileCount());
    }

    void changesWhatIsKnownWhileNewMailWaits() {
        _maildir.put("a:2,");
        const Process process;
        const auto mailbox = process.open(_maildir.path);
        mailbox->refresh();
        const std::vector<Uid> uids{Uid{1}};
        FlagChange seen, named;
        seen.flags.set(Flag::Seen);
        named.keywords = {"$New"};
        const Patience::Scope scope(Patience::Kind::Returns);
        {
            const DotLock lock(_maildir.path + "/dovecot-uidlist.lock", 0);
            _maildir.deliver();
            CPPUNIT_ASSERT(kindOf([&] { mailbox->refresh(); }) == ErrorKind::WouldWait);
            CPPUNIT_ASSERT(mailbox->changeFlags(uids, seen).expunged.empty());
            CPPUNIT_ASSERT_EQUAL(std::string("cur/a:2,S"), _maildir.find("a"));
            // Another program takes the flag away: the next change goes by what the file is called now.
            std::filesystem::rename(_maildir.path + "/cur/a:2,S", _maildir.path + "/cur/a:2,");
            CPPUNIT_ASSERT(mailbox->changeFlags(uids, seen).expunged.empty());
            CPPUNIT_ASSERT_EQUAL(std::string("cur/a:2,S"), _maildir.find("a"));
            CPPUNIT_ASSERT(kindOf([&] { mailbox->changeFlags(uids, named); }) == ErrorKind::WouldWait);
            CPPUNIT_ASSERT(kindOf([&] { mailbox->refresh(); }) == ErrorKind::WouldWait);
        }
        CPPUNIT_ASSERT_EQUAL(std::size_t(2), mailbox->refresh()->size());
        mailbox->changeFlags(uids, named);
        CPPUNIT_ASSERT_EQUAL(std::string("cur/a:2,Sa"), _maildir.find("a"));
    }

    // Looking at a large folder again and again would cost others as much as waiting.
    void listsNothingWhileTheLockIsHeld() {
        const Process process;
        const auto mailbox = process.open(_maildir.path);
        _maildir.deliver();
        const Patience::Scope scope(Patience::Kind::Returns);
        {
            const DotLock lock(_maildir.path + "/dovecot-uidlist.lock", 0);
            CPPUNIT_ASSERT(kindOf([&] { mailbox->refresh(); }) == ErrorKind::WouldWait);
            const std::uint64_t listings = mailbox->listingCount();
            for (int attempt = 0; attempt < 5; ++attempt)
                CPPUNIT_ASSERT(kindOf([&] { mailbox->refresh(); }) == ErrorKind::WouldWait);
            CPPUNIT_ASSERT_EQUAL(listings, mailbox->listingCount());
        }
        CPPUNIT_ASSERT_EQUAL(std::size_t(1), mailbox->refresh()->size());
    }

    void doesNotWaitForABusyWriter() {
        _maildir.put("a:2,");
        const Process process;
        const auto mailbox = process.open(_maildir.path);
        mailbox->refresh();
        const DotLock lock(_maildir.path + "/dovecot-uidlist.lock", 0);
        _maildir.deliver();
        // This one waits for the lock as a verb of the command line does, and has the mailbox meanwhile.
        std::atomic<bool> isOver{false};
        std::jthread waiting([&] {
            try {
                mailbox->refresh();
            } catch (const Error&) {  // NOLINT(bugprone-empty-catch): nothing depends on it
            }
            isOver = true;
        });
        const Patience::Scope scope(Patience::Kind::Returns);
        FlagChange seen;
        seen.flags.set(Flag::Seen);
        const std::vector<Uid> uids{Uid{1}};
        bool wasTold = false;
        const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
        while (!wasTold && !isOver && std::chrono::steady_clock::now() < deadline) {
            try {
                mailbox->changeFlags(uids, seen);
            } catch (const Error& error) {
                CPPUNIT_ASSERT(error.kind() == ErrorKind::WouldWait);
                wasTold = true;
            }
        }
        CPPUNIT_ASSERT(wasTold);
        std::filesystem::remove(_maildir.path + "/dovecot-uidlist.lock");
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(ListLockTest);

}  // namespace maildir::test
