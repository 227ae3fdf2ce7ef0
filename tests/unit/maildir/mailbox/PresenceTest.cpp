// A mailbox that can't be looked at stays what it was; one that is gone ends; empty directories that a program cleaned
// away are made again.
#include "MaildirFixture.h"
#include "maildir/FileIdentity.h"
#include "maildir/mailbox/Presence.h"

namespace maildir::test {

namespace {

class PresenceTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(PresenceTest);
    CPPUNIT_TEST(keepsAMailboxWhoseRootIsAway);
    CPPUNIT_TEST(keepsAMailboxBelowAnotherRoot);
    CPPUNIT_TEST(keepsAMailboxBehindALinkThatLeadsNowhere);
    CPPUNIT_TEST(keepsAMailboxThatMayNotBeRead);
    CPPUNIT_TEST(keepsMessagesOfACurThatIsAway);
    CPPUNIT_TEST(keepsMessagesOfANewThatIsAway);
    CPPUNIT_TEST(endsOneThatIsMissedTwice);
    CPPUNIT_TEST(endsOneThatIsReplaced);
    CPPUNIT_TEST(neverEndsTheRootThatIsAway);
    CPPUNIT_TEST(makesWhatWasCleanedAway);
    CPPUNIT_TEST(makesWhatADeliveryNeeds);
    CPPUNIT_TEST(makesTmpForAnExpunge);
    CPPUNIT_TEST(tellsTheLogOnce);
    CPPUNIT_TEST(makesNoNewTreeForOneThatIsAway);
    CPPUNIT_TEST(keepsAListThatIsNotRead);
    CPPUNIT_TEST_SUITE_END();

    TemporaryDirectory _directory;
    const std::string _root = _directory.path + "/mail", _away = _directory.path + "/away";
    const bool _isMade = mkdir(_root.c_str(), 0700) == 0;
    Maildir _maildir{_root + "/.Box"};
    Process _watching, _polling{false};
    std::vector<std::string> _log;

    [[nodiscard]] std::shared_ptr<Mailbox> open(bool isWatched, const std::string& path = {}) {
        Mailbox::Options options = (isWatched ? _watching : _polling).options();
        options.log = [this](const std::string& line) { _log.push_back(line); };
        return std::make_shared<Mailbox>(path.empty() ? _maildir.path : path, options, _root);
    }
    static std::optional<ErrorKind> kindOf(const std::function<void()>& call) {
        try {
            call();
        } catch (const Error& error) {
            return error.kind();
        }
        return std::nullopt;
    }
    // What refresh() fails by, until it is something else than Unavailable, or time enough for a second look is over.
    static std::optional<ErrorKind> settled(Mailbox& mailbox) {
        const auto end = std::chrono::steady_clock::now() + Presence::apart + std::chrono::milliseconds(500);
        for (;;) {
            const auto kind = kindOf([&] { mailbox.refresh(); });
            if (kind != ErrorKind::Unavailable || std::chrono::steady_clock::now() > end) return kind;
            usleep(50'000);
        }
    }
    // While `away` is done and until `back` is, the mailbox keeps what it had.
    void keeps(ErrorKind expected, const std::function<void()>& away, const std::function<void()>& back) {
        for (const bool isWatched : {true, false}) {
            const auto mailbox = open(isWatched);
            const std::string before = joined(listing(*mailbox->refresh()));
            const UidValidity validity = mailbox->snapshot()->uidValidity();
            CPPUNIT_ASSERT(!before.empty());
            away();
            CPPUNIT_ASSERT(settled(*mailbox) == expected);
            CPPUNIT_ASSERT_EQUAL(before, joined(listing(*mailbox->snapshot())));
            CPPUNIT_ASSERT(!mailbox->isGone() && mailbox->isTroubled());
            back();
            CPPUNIT_ASSERT_EQUAL(before, joined(listing(*mailbox->refresh())));
            CPPUNIT_ASSERT(mailbox->snapshot()->uidValidity() == validity);
            CPPUNIT_ASSERT(!mailbox->isTroubled());
            const std::string more = _maildir.deliver();  // it still hears of news
            CPPUNIT_ASSERT(
                eventually(*mailbox, [&](const Snapshot& now) { return listing(now).back().ends_with(more); }));
        }
    }

public:
    void keepsAMailboxWhoseRootIsAway() {
        _maildir.deliver();
        keeps(
            ErrorKind::Unavailable, [this] { std::filesystem::rename(_root, _away); },
            [this] { std::filesystem::rename(_away, _root); });
    }

    void keepsAMailboxBelowAnotherRoot() {
        _maildir.deliver();
        keeps(
            ErrorKind::Unavailable,
            [this] {
                std::filesystem::rename(_root, _away);
                mkdir(_root.c_str(), 0700);
            },
            [this] {
                std::filesystem::remove(_root);
                std::filesystem::rename(_away, _root);
            });
    }

    void keepsAMailboxBehindALinkThatLeadsNowhere() {
        _maildir.deliver();
        const std::string elsewhere = _directory.path + "/elsewhere";
        std::filesystem::rename(_maildir.path, elsewhere);
        std::filesystem::create_directory_symlink(elsewhere, _maildir.path);
        keeps(
            ErrorKind::Unavailable, [&] { std::filesystem::rename(elsewhere, _away); },
            [&] { std::filesystem::rename(_away, elsewhere); });
    }

    void keepsAMailboxThatMayNotBeRead() {
        if (geteuid() != 0) return;
        _maildir.deliver();
        const uid_t user = 61001;
        for (const std::string& path : {_directory.path, _root, _maildir.path, _maildir.path + "/new",
                                        _maildir.path + "/cur", _maildir.path + "/tmp"}) {
            CPPUNIT_ASSERT_EQUAL(0, chown(path.c_str(), user, user));
        }
        const FileIdentity::Scope scope(FileIdentity::of(user, user));
        keeps(
            ErrorKind::NoPermission, [this] { chmod(_maildir.path.c_str(), 0); },
            [this] { chmod(_maildir.path.c_str(), 0700); });
        keeps(
            ErrorKind::NoPermission, [this] { chmod(_root.c_str(), 0); }, [this] { chmod(_root.c_str(), 0700); });
    }

    void keepsMessagesOfACurThatIsAway() {
        _maildir.put("1600000000.M1P1.host:2,S");
        keeps(
            ErrorKind::Unavailable, [this] { std::filesystem::rename(_maildir.path + "/cur", _away); },
            [this] { std::filesystem::rename(_away, _maildir.path + "/cur"); });
    }

    void keepsMessagesOfANewThatIsAway() {
        _maildir.deliver();
        keeps(
            ErrorKind::Unavailable, [this] { std::filesystem::rename(_maildir.path + "/new", _away); },
            [this] { std::filesystem::rename(_away, _maildir.path + "/new"); });
        const auto mailbox = open(true);
        mailbox->refresh();
        std::filesystem::rename(_maildir.path + "/new", _away);
        mkdir((_maildir.path + "/new").c_str(), 0700);  // that the messages are not in it says nothing
        CPPUNIT_ASSERT(settled(*mailbox) == ErrorKind::NotFound);
    }

    void endsOneThatIsMissedTwice() {
        for (const bool isWatched : {true, false}) {
            Maildir box(_root + "/.Gone");
            box.deliver();
            const auto mailbox = open(isWatched, box.path);
            const auto before = mailbox->refresh();
            std::filesystem::remove_all(box.path);
            CPPUNIT_ASSERT(kindOf([&] { mailbox->refresh(); }) == ErrorKind::Unavailable);
            CPPUNIT_ASSERT(settled(*mailbox) == ErrorKind::NotFound);
            CPPUNIT_ASSERT(mailbox->isGone());
            CPPUNIT_ASSERT_EQUAL(before->size(), mailbox->snapshot()->size());
        }
    }

    void endsOneThatIsReplaced() {
        _maildir.deliver();
        const auto mailbox = open(true);
        mailbox->refresh();
        std::filesystem::rename(_maildir.path, _away);
        const Maildir other(_maildir.path);
        CPPUNIT_ASSERT(kindOf([&] { mailbox->refresh(); }) == ErrorKind::NotFound);
        CPPUNIT_ASSERT(mailbox->isGone());
    }

    void neverEndsTheRootThatIsAway() {
        const Maildir inbox(_root);
        const auto mailbox = open(true, _root);
        mailbox->refresh();
        std::filesystem::rename(_root, _away);
        CPPUNIT_ASSERT(settled(*mailbox) == ErrorKind::Unavailable);
        CPPUNIT_ASSERT(!mailbox->isGone());
        std::filesystem::rename(_away, _root);
        CPPUNIT_ASSERT(!kindOf([&] { mailbox->refresh(); }));
    }

    void makesWhatWasCleanedAway() {
        _maildir.put("1600000000.M1P1.host:2,S");
        for (const bool isWatched : {true, false}) {
            const auto mailbox = open(isWatched);
            mailbox->refresh();
            for (const char* const part : {"/new", "/tmp"})
                CPPUNIT_ASSERT_EQUAL(0, rmdir((_maildir.path + part).c_str()));
            CPPUNIT_ASSERT_EQUAL(std::size_t(1), mailbox->refresh()->size());
            const auto isMade = [this](const Snapshot&) { return std::filesystem::exists(_maildir.path + "/new"); };
            CPPUNIT_ASSERT(eventually(*mailbox, isMade));
            CPPUNIT_ASSERT(std::filesystem::exists(_maildir.path + "/tmp"));
            const std::string more = _maildir.deliver();
            CPPUNIT_ASSERT(eventually(*mailbox, [](const Snapshot& now) { return now.size() == 2; }));
            _maildir.remove(more);
            CPPUNIT_ASSERT(eventually(*mailbox, [](const Snapshot& now) { return now.size() == 1; }));
        }
    }

    void makesWhatADeliveryNeeds() {
        const auto mailbox = open(true);
        mailbox->refresh();
        for (const char* const part : {"/new", "/tmp"}) CPPUNIT_ASSERT_EQUAL(0, rmdir((_maildir.path + part).c_str()));
        append(*mailbox, "a: b\r\n\r\nc\r\n");
        CPPUNIT_ASSERT_EQUAL(std::size_t(1), _maildir.count("new"));
        CPPUNIT_ASSERT_EQUAL(std::size_t(1), mailbox->refresh()->size());
    }

    void makesTmpForAnExpunge() {
        _maildir.put("1600000000.M1P1.host:2,S");
        const auto mailbox = open(true);
        mailbox->refresh();
        const Viewer viewer(mailbox, {});
        CPPUNIT_ASSERT_EQUAL(0, rmdir((_maildir.path + "/tmp").c_str()));
        const std::vector<Uid> one{Uid{1}};
        CPPUNIT_ASSERT_EQUAL(std::size_t(1), mailbox->expunge(one, false).size());
        CPPUNIT_ASSERT_EQUAL(std::string("Subject: x\n\nbody\n"), readAll(mailbox->open(Uid{1})));
    }

    void tellsTheLogOnce() {
        _maildir.deliver();
        const auto mailbox = open(true);
        mailbox->refresh();
        for (int turn = 0; turn < 2; ++turn) {
            _log.clear();
            std::filesystem::rename(_root, _away);
            for (int look = 0; look < 3; ++look) CPPUNIT_ASSERT(kindOf([&] { mailbox->refresh(); }).has_value());
            CPPUNIT_ASSERT_EQUAL(std::size_t(1), _log.size());
            CPPUNIT_ASSERT(_log.front().find("mount it, or put it back") != std::string::npos);
            std::filesystem::rename(_away, _root);
            mailbox->refresh();
            mailbox->refresh();
            CPPUNIT_ASSERT_EQUAL(std::size_t(2), _log.size());
            CPPUNIT_ASSERT(_log.back().ends_with("can be looked at again"));
        }
    }

    void makesNoNewTreeForOneThatIsAway() {
        const TreePlace tree{_root};
        MailStore store(_watching.options(), 100000);
        CPPUNIT_ASSERT(!kindOf([&] { store.requireRoot(_root); }));
        store.open(_maildir.path, tree)->refresh();
        CPPUNIT_ASSERT(!kindOf([&] { store.requireRoot(_root); }));
        std::filesystem::rename(_root, _away);
        CPPUNIT_ASSERT(kindOf([&] { store.requireRoot(_root); }) == ErrorKind::Unavailable);
        CPPUNIT_ASSERT(kindOf([&] { (void)store.open(_maildir.path, tree); }) == ErrorKind::Unavailable);
        CPPUNIT_ASSERT(kindOf([&] { (void)store.open(_root + "/.Never", tree); }) == ErrorKind::Unavailable);
        mkdir(_root.c_str(), 0700);  // the admin says that it is meant to be empty
        CPPUNIT_ASSERT(!kindOf([&] { store.requireRoot(_root); }));
        CPPUNIT_ASSERT(kindOf([&] { (void)store.open(_root + "/.Never", tree); }) == ErrorKind::NotFound);
    }

    void keepsAListThatIsNotRead() {
        _maildir.deliver();
        const std::string path = _maildir.path + "/dovecot-uidlist";
        const auto mailbox = open(false);
        const std::string before = joined(listing(*mailbox->refresh()));
        std::filesystem::rename(path, _away);
        std::filesystem::create_symlink("nowhere", path);  // what may not be read, as root can
        _maildir.deliver();
        CPPUNIT_ASSERT(kindOf([&] { mailbox->refresh(); }) == ErrorKind::Unavailable);
        CPPUNIT_ASSERT_EQUAL(before, joined(listing(*mailbox->snapshot())));
        std::filesystem::rename(_away, path);
        CPPUNIT_ASSERT_EQUAL(std::size_t(2), mailbox->refresh()->size());
        CPPUNIT_ASSERT(joined(listing(*mailbox->snapshot())).starts_with(before));
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(PresenceTest);

}  // namespace

}  // namespace maildir::test
