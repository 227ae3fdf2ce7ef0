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
    CPPUNIT_TEST(tellsWhatAMoveDidBeforeItHadToWait);
    CPPUNIT_TEST(findsRenamedMessagesWhileNewMailWaits);
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

    // The lock is taken by another between the two tries that a move needs of a message that was renamed.
    void tellsWhatAMoveDidBeforeItHadToWait() {
        for (const auto kind : {Patience::Kind::Returns, Patience::Kind::GivesUp}) {
            const std::string word = kind == Patience::Kind::Returns ? "returns" : "givesUp";
            Maildir from(_directory.path + "/from" + word);
            const Maildir to(_directory.path + "/to" + word);
            for (const char* const name : {"a:2,", "b:2,", "c:2,"}) from.put(name);
            const Process process(false);  // so that nobody else wakes the viewer
            const auto source = process.open(from.path), target = process.open(to.path);
            source->refresh();
            target->refresh();
            from.flag("b", "F");
            std::optional<DotLock> lock;
            bool isTold = false;
            const Viewer watching(source, [&] {  // as soon as the first are moved
                if (!std::exchange(isTold, true)) lock.emplace(to.path + "/dovecot-uidlist.lock", 0);
            });
            const std::vector<Uid> uids{Uid{1}, Uid{2}, Uid{3}}, moved{Uid{1}, Uid{3}}, second{Uid{2}};
            const Patience::Scope scope(kind);
            const CopyResult first = target->moveFrom(*source, uids);
            CPPUNIT_ASSERT(first.source == moved && first.target.size() == 2 && !first.someExpunged);
            CPPUNIT_ASSERT(first.waiting == second);
            CPPUNIT_ASSERT(kindOf([&] { (void)target->moveFrom(*source, first.waiting); }) ==
                           (kind == Patience::Kind::Returns ? ErrorKind::WouldWait : ErrorKind::Busy));
            CPPUNIT_ASSERT_EQUAL(std::string("cur/b:2,F"), from.find("b"));
            CPPUNIT_ASSERT(uidsOf(*source->snapshot()) == second);
            CPPUNIT_ASSERT_EQUAL(std::size_t(2), to.fileCount());
            lock.reset();
            const CopyResult rest = target->moveFrom(*source, first.waiting);
            CPPUNIT_ASSERT(rest.source == second && rest.waiting.empty());
            CPPUNIT_ASSERT_EQUAL(std::size_t(0), from.fileCount());
            CPPUNIT_ASSERT_EQUAL(std::size_t(3), target->refresh()->size());
        }
    }

    // They have UIDs, so that nothing that is done with them needs the lock.
    void findsRenamedMessagesWhileNewMailWaits() {
        const Maildir other(_directory.path + "/other");
        for (const char* const name : {"a:2,", "b:2,", "c:2,"}) _maildir.put(name);
        const Process process;
        const auto source = process.open(_maildir.path), target = process.open(other.path);
        source->refresh();
        target->refresh();
        for (const auto kind : {Patience::Kind::Returns, Patience::Kind::GivesUp}) {
            const DotLock lock(_maildir.path + "/dovecot-uidlist.lock", 0);
            const Patience::Scope scope(kind);
            _maildir.deliver();
            const std::string letters = kind == Patience::Kind::Returns ? "F" : "FS";
            for (const char* const name : {"a", "b", "c"}) {
                if (!_maildir.find(name).empty()) _maildir.flag(name, letters);
            }
            CPPUNIT_ASSERT_EQUAL(std::string("Subject: x\n\nbody\n"), readAll(source->open(Uid{3})));
            _maildir.flag("c", "R" + letters);
            const std::vector<Uid> one{kind == Patience::Kind::Returns ? Uid{1} : Uid{2}}, third{Uid{3}};
            CPPUNIT_ASSERT(target->moveFrom(*source, one).source == one);
            CPPUNIT_ASSERT_EQUAL(std::size_t(1), target->copyFrom(*source, third).target.size());
        }
        const DotLock lock(_maildir.path + "/dovecot-uidlist.lock", 0);
        const Patience::Scope scope(Patience::Kind::GivesUp);
        _maildir.flag("c", "T");
        const std::vector<Uid> third{Uid{3}};
        CPPUNIT_ASSERT(source->expunge(third, true) == third);
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
