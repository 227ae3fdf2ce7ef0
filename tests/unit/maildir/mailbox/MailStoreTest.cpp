// The mailboxes that the process keeps.
#include "MaildirFixture.h"
#include "maildir/Patience.h"
#include "maildir/mailbox/Presence.h"

#include "maildir/FileIdentity.h"

namespace maildir::test {

namespace {

class MailStoreTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(MailStoreTest);
    CPPUNIT_TEST(sharesOneMailbox);
    CPPUNIT_TEST(reopensWithoutListing);
    CPPUNIT_TEST(letsGoBeyondTheBudget);
    CPPUNIT_TEST(forgetsThatOneAlone);
    CPPUNIT_TEST(refusesWhatIsNoMaildir);
    CPPUNIT_TEST(makesCurWhereMailIs);
    CPPUNIT_TEST(makesNoCurInWhatIsOnItsWay);
    CPPUNIT_TEST(deliversWhereTmpIsMissing);
    CPPUNIT_TEST(watchesOneDirectoryByTwoPaths);
    CPPUNIT_TEST(keepsFactsFromOtherUsers);
    CPPUNIT_TEST(keepsCacheFilesFromOtherUsers);
    CPPUNIT_TEST_SUITE_END();

    static constexpr uid_t owner = 61001, stranger = 61002;

    TemporaryDirectory _directory;
    Maildir _maildir{_directory.path + "/box"};
    Process _process;
    std::optional<MailStore> _store;

public:
    void setUp() override { _store.emplace(_process.options(), 100000); }
    void tearDown() override {
        _store.reset();
        _process.end();
    }

    void sharesOneMailbox() { CPPUNIT_ASSERT(_store->open(_maildir.path) == _store->open(_maildir.path)); }

    void reopensWithoutListing() {
        for (int i = 0; i < 10; ++i) _maildir.deliver();
        const Mailbox* first = nullptr;
        std::uint64_t listings = 0;
        {
            const auto mailbox = _store->open(_maildir.path);
            const Viewer viewer(mailbox, {});
            mailbox->refresh();
            first = mailbox.get();
            listings = mailbox->listingCount();
        }
        CPPUNIT_ASSERT(listings > 0);
        const std::string base = _maildir.deliver();
        const auto mailbox = _store->open(_maildir.path);
        CPPUNIT_ASSERT(mailbox.get() == first);
        CPPUNIT_ASSERT_EQUAL(std::size_t(11), mailbox->refresh()->size());
        _maildir.flag(base, "S");
        CPPUNIT_ASSERT_EQUAL(std::size_t(10), mailbox->refresh()->unseen());
        _maildir.remove(base);
        CPPUNIT_ASSERT_EQUAL(std::size_t(10), mailbox->refresh()->size());
        CPPUNIT_ASSERT_EQUAL(listings, mailbox->listingCount());
    }

    void letsGoBeyondTheBudget() {
        MailStore store(_process.options(), 3 * 80 + 10);
        std::vector<std::weak_ptr<Mailbox>> opened;
        const auto held = store.open(_maildir.path);
        for (int i = 0; i < 8; ++i) {
            const Maildir each(_directory.path + "/box" + std::to_string(i));
            opened.push_back(store.open(each.path));
            CPPUNIT_ASSERT(!opened.back().expired());
        }
        CPPUNIT_ASSERT(opened.front().expired());
        CPPUNIT_ASSERT(!opened.back().expired());
        CPPUNIT_ASSERT(store.open(_maildir.path) == held);
    }

    void forgetsThatOneAlone() {
        const Maildir below(_maildir.path + "/.sub"), beside(_maildir.path + "2");
        const auto top = _store->open(_maildir.path), sub = _store->open(below.path), other = _store->open(beside.path);
        _store->forget(_maildir.path);
        CPPUNIT_ASSERT(top->isGone() && !sub->isGone() && !other->isGone());
        CPPUNIT_ASSERT(_store->open(_maildir.path) != top);
        CPPUNIT_ASSERT(_store->open(below.path) == sub);
    }

    // What a user of the system who reads in this folder is told of message 1: "denied", or what was found.
    std::string toldTo(MailStore& store, uid_t user, const std::string& what) {
        const FileIdentity::Scope scope(FileIdentity::of(user, user));
        try {
            const auto mailbox = store.open(_maildir.path);
            const Viewer viewer(mailbox, {});
            const Uid uid = mailbox->refresh()->at(0)->uid;
            if (what == "octets") return std::to_string(mailbox->exactOctets(uid));
            if (what == "type") return mailbox->structure(uid)->root.type;
            if (what == "rendering") return mailbox->sevenBit(uid) ? "rendered" : "as it is";
            if (what == "column") return mailbox->column("from")->size() > 0 ? "filled" : "empty";
            const auto known = mailbox->derived(uid, "key");
            return known ? *known : "none";
        } catch (const Error& error) {
            if (error.kind() != ErrorKind::NoPermission) throw;
            return "denied";
        }
    }

    // Files of one user, in a folder that another one may list.
    void shareWithoutTheFiles() {
        for (const char* part : {"", "/new", "/cur", "/tmp"}) chmod((_maildir.path + part).c_str(), 0777);
        chmod(_directory.path.c_str(), 0755);
        const std::string base = _maildir.deliver("Subject: secr\xc3\xa4t\nX: y\n\nbod\xc3\xa4\n");
        const std::string file = _maildir.path + "/" + _maildir.find(base);
        chmod(file.c_str(), 0600);
        CPPUNIT_ASSERT_EQUAL(0, chown(file.c_str(), owner, owner));
    }

    void readAsTheOwner(MailStore& store) {
        const FileIdentity::Scope scope(FileIdentity::of(owner, owner));
        const auto mailbox = store.open(_maildir.path);
        const Viewer viewer(mailbox, {});
        const Uid uid = mailbox->refresh()->at(0)->uid;
        CPPUNIT_ASSERT(mailbox->sevenBit(uid) != nullptr);
        mailbox->storeDerived(uid, "key", "derived");
        auto column = std::make_shared<Column>(mailbox->column("from")->opening());
        column->add(uid, "someone");
        mailbox->keepColumn("from", column);
        chmod((_maildir.path + "/dovecot-uidlist").c_str(), 0666);
    }

    void keepsFactsFromOtherUsers() {
        if (geteuid() != 0) return;
        shareWithoutTheFiles();
        Mailbox::Options options = _process.options();
        options.renderings = std::make_shared<Renderings>("");
        options.columns = std::make_shared<Columns>();
        MailStore store(options, 100000);
        readAsTheOwner(store);
        CPPUNIT_ASSERT_EQUAL(std::string("derived"), toldTo(store, owner, "derived"));
        CPPUNIT_ASSERT_EQUAL(std::string("filled"), toldTo(store, owner, "column"));
        CPPUNIT_ASSERT_EQUAL(std::string("denied"), toldTo(store, stranger, "type"));
        CPPUNIT_ASSERT_EQUAL(std::string("denied"), toldTo(store, stranger, "octets"));
        CPPUNIT_ASSERT_EQUAL(std::string("denied"), toldTo(store, stranger, "rendering"));
        CPPUNIT_ASSERT_EQUAL(std::string("none"), toldTo(store, stranger, "derived"));
        CPPUNIT_ASSERT_EQUAL(std::string("empty"), toldTo(store, stranger, "column"));
        CPPUNIT_ASSERT_EQUAL(std::string("derived"), toldTo(store, owner, "derived"));
    }

    void keepsCacheFilesFromOtherUsers() {
        if (geteuid() != 0) return;
        shareWithoutTheFiles();
        const std::string cache = _directory.path + "/cache";
        {
            const Process first(true, cache);
            MailStore store(first.options(), 100000);
            readAsTheOwner(store);
        }
        const Process second(true, cache);
        MailStore store(second.options(), 100000);
        CPPUNIT_ASSERT_EQUAL(std::string("none"), toldTo(store, stranger, "derived"));
        CPPUNIT_ASSERT_EQUAL(std::string("denied"), toldTo(store, stranger, "type"));
        CPPUNIT_ASSERT_EQUAL(std::string("derived"), toldTo(store, owner, "derived"));
    }

    void refusesWhatIsNoMaildir() {
        try {
            _store->open(_directory.path);
            CPPUNIT_FAIL("opened");
        } catch (const Error& error) {
            CPPUNIT_ASSERT(error.kind() == ErrorKind::NotFound);
        }
    }

    void makesCurWhereMailIs() {
        const std::string base = _maildir.deliver();
        for (const char* part : {"/cur", "/tmp"}) std::filesystem::remove(_maildir.path + part);
        const auto mailbox = _store->open(_maildir.path);
        CPPUNIT_ASSERT_EQUAL("1:" + base + " ", joined(listing(*mailbox->refresh())));
        for (const char* part : {"/cur", "/tmp"}) CPPUNIT_ASSERT(std::filesystem::exists(_maildir.path + part));
        CPPUNIT_ASSERT_EQUAL(std::size_t(1), _process.told().count("cur/ was missing in " + _maildir.path));
        CPPUNIT_ASSERT_EQUAL(std::size_t(1), mailbox->claimRecent().size());
        append(*mailbox, "x\r\n");
        CPPUNIT_ASSERT_EQUAL(std::size_t(2), mailbox->refresh()->size());
    }

    void makesNoCurInWhatIsOnItsWay() {
        _maildir.deliver();
        std::filesystem::remove(_maildir.path + "/cur");
        const Patience::Scope patience(Patience::Kind::Returns);
        const auto began = std::chrono::steady_clock::now();
        bool isOpen = false;
        for (int i = 0; i < 500 && !isOpen; ++i) {
            try {
                isOpen = _store->open(_maildir.path)->refresh()->size() == 1;
            } catch (const Error& error) {
                CPPUNIT_ASSERT_MESSAGE(error.what(), error.kind() == ErrorKind::WouldWait);
                CPPUNIT_ASSERT(!std::filesystem::exists(_maildir.path + "/cur"));
                usleep(20'000);
            }
        }
        CPPUNIT_ASSERT(isOpen);
        CPPUNIT_ASSERT(std::chrono::steady_clock::now() - began > Presence::apart / 2);
        // What is removed meanwhile is none.
        const Maildir other(_directory.path + "/other");
        write(other.path + "/new/1.M1.host", "x\n");
        std::filesystem::remove(other.path + "/cur");
        const auto removed = _store->open(other.path);
        CPPUNIT_ASSERT_THROW(removed->refresh(), Error);
        std::filesystem::remove(other.path + "/new/1.M1.host");
        CPPUNIT_ASSERT_THROW(removed->refresh(), Error);
        CPPUNIT_ASSERT(!std::filesystem::exists(other.path + "/cur"));
        CPPUNIT_ASSERT_THROW(_store->open(other.path), Error);
    }

    void deliversWhereTmpIsMissing() {
        for (const char* part : {"/new", "/tmp"}) std::filesystem::remove(_maildir.path + part);
        append(*_store->open(_maildir.path), "x\r\n");
        CPPUNIT_ASSERT_EQUAL(std::size_t(1), _store->open(_maildir.path)->refresh()->size());
    }

    void watchesOneDirectoryByTwoPaths() {
        CPPUNIT_ASSERT_EQUAL(0, symlink(_maildir.path.c_str(), (_directory.path + "/link").c_str()));
        const auto one = _store->open(_maildir.path);
        auto other = _store->open(_directory.path + "/link");
        one->refresh();
        other->refresh();
        _maildir.deliver();
        CPPUNIT_ASSERT_EQUAL(std::size_t(1), one->refresh()->size());
        CPPUNIT_ASSERT_EQUAL(std::size_t(1), other->refresh()->size());
        other->markGone();
        other.reset();
        _store->forget(_directory.path + "/link");
        _maildir.deliver();
        CPPUNIT_ASSERT_EQUAL(std::size_t(2), one->refresh()->size());
        CPPUNIT_ASSERT_EQUAL(std::uint64_t(1), one->listingCount());
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(MailStoreTest);

}  // namespace

}  // namespace maildir::test
