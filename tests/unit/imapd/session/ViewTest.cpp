// What a session is told of its mailbox while others hold what a look at it needs.
#include "imapd/session/View.h"

#include <cppunit/extensions/HelperMacros.h>

#include <atomic>
#include <thread>

#include "maildir/DotLock.h"
#include "maildir/Patience.h"
#include "tests/unit/imapd/MailboxFixture.h"

namespace imapd {

class ViewTest : public MailboxFixture {
    CPPUNIT_TEST_SUITE(ViewTest);
    CPPUNIT_TEST(tellsOfAnExpungeThoughRecentCannotBeClaimed);
    CPPUNIT_TEST_SUITE_END();

    static bool mustWait(const std::function<void()>& call) {
        try {
            call();
        } catch (const maildir::Error& error) {
            CPPUNIT_ASSERT(error.kind() == maildir::ErrorKind::WouldWait);
            return true;
        }
        return false;
    }

public:
    void tellsOfAnExpungeThoughRecentCannotBeClaimed() {
        const Uid first = delivered("Subject: a\n\nbody\n");
        (void)delivered("Subject: b\n\nbody\n");
        View view(_mailbox, false, ShownKeywords(), [] {});
        std::ofstream(_directory + "/new/2.recent") << "Subject: c\n\nbody\n";
        _mailbox->refresh();
        const std::vector<Uid> uids{first};
        _mailbox->expunge(uids, false);
        std::atomic<bool> isOver{false};
        std::jthread waiting;  // ends after the lock
        auto lock = std::make_unique<maildir::DotLock>(_directory + "/dovecot-uidlist.lock", 0);
        std::ofstream(_directory + "/new/3.unlisted") << "Subject: d\n\nbody\n";
        // It waits for the lock as a verb of the command line does, and has the mailbox meanwhile.
        waiting = std::jthread([&] {
            _mailbox->refresh();
            isOver = true;
        });
        const maildir::Patience::Scope scope(maildir::Patience::Kind::Returns);
        const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
        bool isBusy = false;
        while (!isBusy && std::chrono::steady_clock::now() < deadline) {
            isBusy = mustWait([&] { _mailbox->changeFlags(std::vector<Uid>{}, {}); });
        }
        CPPUNIT_ASSERT(isBusy && !isOver);
        View::SyncOptions options;
        CPPUNIT_ASSERT(mustWait([&] { view.lookForNews(options); }));
        options.lookAtDisk = false;
        CPPUNIT_ASSERT(!mustWait([&] { view.lookForNews(options); }));
        std::string told;
        const WireFeatures features;
        ResponseWriter writer(told, features);
        CPPUNIT_ASSERT(view.tellNews(writer, [] { return false; }));
        CPPUNIT_ASSERT_EQUAL(std::string("* 1 EXPUNGE\r\n* 2 EXISTS\r\n* 0 RECENT\r\n"), told);
        lock.reset();
        waiting.join();
        told.clear();
        options.lookAtDisk = true;
        view.lookForNews(options);
        CPPUNIT_ASSERT(view.tellNews(writer, [] { return false; }));
        CPPUNIT_ASSERT_EQUAL(std::string("* 3 EXISTS\r\n* 2 RECENT\r\n"), told);
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(ViewTest);

}  // namespace imapd
