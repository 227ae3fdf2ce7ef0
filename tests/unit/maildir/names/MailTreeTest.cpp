// Mailboxes are created, removed and renamed on disk in both layouts, and what a crash leaves can be finished.
#include "maildir/names/MailTree.h"

#include <cppunit/extensions/HelperMacros.h>

#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <functional>
#include <thread>

#include "maildir/FileIdentity.h"
#include "maildir/FileOps.h"
#include "tests/unit/maildir/names/TemporaryTree.h"

using std::string_literals::operator""s;

namespace maildir {

class MailTreeTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(MailTreeTest);
    CPPUNIT_TEST(makesTheRoot);
    CPPUNIT_TEST(makesNoRootOverAnotherStore);
    CPPUNIT_TEST(makesNoRootUnlessItMay);
    CPPUNIT_TEST(createsNothingWhereTheRootHasGone);
    CPPUNIT_TEST(listsATreeThatIsNotThere);
    CPPUNIT_TEST(tellsWhereMailHasCome);
    CPPUNIT_TEST(createsMailboxesInMaildirPlusPlus);
    CPPUNIT_TEST(createsMailboxesInFs);
    CPPUNIT_TEST(createsWhatACrashLeftHalf);
    CPPUNIT_TEST(createsOnceOnly);
    CPPUNIT_TEST(refusesHostileNames);
    CPPUNIT_TEST(listsParentsBeforeChildren);
    CPPUNIT_TEST(hidesWhatIsNoMailbox);
    CPPUNIT_TEST(listsWhereMailIsAlthoughCurIsMissing);
    CPPUNIT_TEST(listsWhatMayNotBeLookedInto);
    CPPUNIT_TEST(tellsNothingOfARootThatIsAway);
    CPPUNIT_TEST(takesAnotherRootInItsPlace);
    CPPUNIT_TEST(listsFsTreesWithLoops);
    CPPUNIT_TEST(removesInMaildirPlusPlus);
    CPPUNIT_TEST(removesInFsButNotTheChildren);
    CPPUNIT_TEST(removesALinkNotItsTarget);
    CPPUNIT_TEST(cleansLeftoversOfRemovals);
    CPPUNIT_TEST(removesFilesInSlices);
    CPPUNIT_TEST(doesNotRemoveInbox);
    CPPUNIT_TEST(renamesWithInferiors);
    CPPUNIT_TEST(renamesALevelThatIsNoMailbox);
    CPPUNIT_TEST(finishesARenameThatCrashed);
    CPPUNIT_TEST(refusesRenamesThatCannotBe);
    CPPUNIT_TEST(renamesNothingIfOneNameIsTooLong);
    CPPUNIT_TEST(detectsTheEncodingOfTheTree);
    CPPUNIT_TEST(keepsSubscriptions);
    CPPUNIT_TEST_SUITE_END();

    TemporaryTree _place;
    std::string _root = _place / "mail";

    [[nodiscard]] MailTree tree(Layout layout = Layout::MaildirPlusPlus) const {
        MailTree made({_root, layout, std::nullopt, 0});
        made.ensureRoot();
        return made;
    }
    [[nodiscard]] static std::string listed(const MailTree& tree) {
        std::string text;
        for (const MailboxEntry& entry : tree.list()) {
            text += entry.isSelectable ? "" : "(";
            for (std::size_t i = 0; i < entry.name.levels.size(); ++i) text += (i ? "/" : "") + entry.name.levels[i];
            text += entry.isSelectable ? " " : ") ";
        }
        return text;
    }
    static constexpr Layout bothLayouts[] = {Layout::MaildirPlusPlus, Layout::Fs};
    void inBothLayouts(const std::function<void(Layout)>& check) {
        for (const Layout layout : bothLayouts) {
            _root = _place / (layout == Layout::Fs ? "fs" : "maildir++");
            check(layout);
        }
    }

public:
    void makesTheRoot() {
        _root = _place / "deep/er/mail";
        MailTree made({_root + "//", Layout::MaildirPlusPlus, std::nullopt, 0});
        CPPUNIT_ASSERT(!made.exists(MailboxName::inbox()));
        made.ensureRoot();
        made.ensureRoot();
        CPPUNIT_ASSERT(made.exists(MailboxName::inbox()));
        CPPUNIT_ASSERT_EQUAL(_root, made.pathOf(MailboxName::inbox()));
        CPPUNIT_ASSERT(_place.has("deep/er/mail/new") && _place.has("deep/er/mail/tmp"));
        CPPUNIT_ASSERT(!_place.has("deep/er/mail/maildirfolder"));
        struct stat status {};
        CPPUNIT_ASSERT_EQUAL(0, ::stat(_root.c_str(), &status));
        CPPUNIT_ASSERT_EQUAL(0700U, status.st_mode & 07777U);
    }

    // An empty INBOX in the place of somebody's mail is what nobody may see.
    void makesNoRootOverAnotherStore() {
        const auto refuses = [this](const std::string& name, const std::function<void()>& put, const char* told) {
            _root = _place / name;
            put();
            try {
                MailTree({_root, Layout::MaildirPlusPlus, std::nullopt, 0}).ensureRoot();
            } catch (const Error& error) {
                CPPUNIT_ASSERT(error.kind() == ErrorKind::Corrupt);
                CPPUNIT_ASSERT_MESSAGE(error.what(), std::string(error.what()).find(told) != std::string::npos);
                CPPUNIT_ASSERT_MESSAGE(name, !_place.has(name + "/cur") && !_place.has(name + "/tmp"));
                return;
            }
            CPPUNIT_FAIL(name + " was taken for a place to make a tree in");
        };
        const auto folder = [this](const std::string& below) {
            return [this, below] { std::filesystem::create_directories(_root + "/" + below); };
        };
        const auto file = [this](const std::string& below, const std::string& text) {
            return [this, below, text] {
                std::filesystem::create_directories(below.empty() ? _place / "" : _root);
                std::ofstream(_root + below) << text;
            };
        };
        refuses("sdbox", folder("mailboxes/INBOX/dbox-Mails"), "Dovecot's sdbox (mailboxes/)");
        refuses("mdbox", folder("storage"), "Dovecot's mdbox (storage/)");
        refuses("mboxes", folder(".imap"), "mbox");
        refuses("mbox", file("", "From anna Mon\nSubject: x\n\n"), "an mbox file: convert");
        refuses("file", file("", "something"), "a file, where a folder should be");
        refuses("inbox", file("/inbox", "From anna Mon\n"), "an mbox file (inbox)");
        refuses("cyrus", file("/cyrus.header", "x"), "Cyrus");
        refuses("mh", file("/.mh_sequences", ""), "MH");
        refuses("home", folder("Maildir/cur"), "mail.location has to end in /Maildir");
        // A Maildir is one, whatever else lies in it, and other files are no mail.
        for (const char* const beside : {"cur", "new"}) {
            _root = _place / std::string("both-") + beside;
            folder(beside)();
            folder("mailboxes")();
            CPPUNIT_ASSERT(!MailTree({_root, Layout::Fs, std::nullopt, 0}).ensureRoot());
        }
        _root = _place / "files";
        file("/inbox", "no mail")();
        folder("sieve")();
        CPPUNIT_ASSERT(MailTree({_root, Layout::MaildirPlusPlus, std::nullopt, 0}).ensureRoot());
    }

    void makesNoRootUnlessItMay() {
        const TreeSettings settings{_root, Layout::MaildirPlusPlus, std::nullopt, 0, false};
        try {
            MailTree(settings).ensureRoot();
            CPPUNIT_FAIL("a root was made");
        } catch (const Error& error) {
            CPPUNIT_ASSERT(error.kind() == ErrorKind::Unavailable);
        }
        CPPUNIT_ASSERT(!_place.has("mail"));
        CPPUNIT_ASSERT(MailTree({_root, Layout::MaildirPlusPlus, std::nullopt, 0}).ensureRoot());
        std::filesystem::remove(_root + "/tmp");
        CPPUNIT_ASSERT(!MailTree(settings).ensureRoot());
        CPPUNIT_ASSERT_MESSAGE("what is missing of a tree is made again", _place.has("mail/tmp"));
    }

    void createsNothingWhereTheRootHasGone() {
        const MailTree made = tree();
        std::filesystem::rename(_root, _root + ".unmounted");
        try {
            made.create({{"Box"}});
            CPPUNIT_FAIL("a mailbox was made in a new root");
        } catch (const Error& error) {
            CPPUNIT_ASSERT(error.kind() == ErrorKind::Unavailable);
        }
        CPPUNIT_ASSERT(!_place.has("mail"));
    }

    void listsATreeThatIsNotThere() {
        inBothLayouts([this](Layout layout) {
            CPPUNIT_ASSERT_EQUAL("INBOX "s, listed(MailTree({_root, layout, std::nullopt, 0})));
        });
    }

    void tellsWhereMailHasCome() {
        const MailTree made = tree();
        made.create({{"A"}});
        CPPUNIT_ASSERT(!made.hasNewMail({{"A"}}) && !made.hasNewMail({{"none"}}));
        std::ofstream(_root + "/.A/new/.hidden") << "x";
        std::ofstream(_root + "/.A/cur/1.a:2,") << "x";
        CPPUNIT_ASSERT(!made.hasNewMail({{"A"}}));
        std::ofstream(_root + "/.A/new/2.b") << "x";
        CPPUNIT_ASSERT(made.hasNewMail({{"A"}}) && !made.hasNewMail(MailboxName::inbox()));
    }

    void createsMailboxesInMaildirPlusPlus() {
        const MailTree made = tree();
        made.create({{"A", "B.c", "D"}});
        CPPUNIT_ASSERT_EQUAL("INBOX A A/B.c A/B.c/D "s, listed(made));
        for (const char* part : {"cur", "new", "tmp", "maildirfolder"}) {
            CPPUNIT_ASSERT(_place.has("mail/.A.B&AC4-c.D/"s + part));
            CPPUNIT_ASSERT(_place.has("mail/.A/"s + part));
        }
        CPPUNIT_ASSERT(made.exists({{"A"}}) && !made.exists({{"B"}}) && !made.exists({{""}}));
        CPPUNIT_ASSERT(made.hasChildren({{"A"}}) && !made.hasChildren({{"A", "B.c", "D"}}));
        CPPUNIT_ASSERT(!made.hasChildren(MailboxName::inbox()));
        made.create({{"INBOX", "x"}});
        CPPUNIT_ASSERT(made.hasChildren(MailboxName::inbox()));
        struct stat status {};
        CPPUNIT_ASSERT_EQUAL(0, ::stat((_root + "/.A/cur").c_str(), &status));
        CPPUNIT_ASSERT_EQUAL(0700U, status.st_mode & 07777U);
    }

    void createsMailboxesInFs() {
        const MailTree made = tree(Layout::Fs);
        made.create({{"A", "cur", "D.e"}});
        CPPUNIT_ASSERT_EQUAL("INBOX A A/cur A/cur/D.e "s, listed(made));
        CPPUNIT_ASSERT(_place.has("mail/A/&AGM-ur/D.e/new") && !_place.has("mail/A/maildirfolder"));
        CPPUNIT_ASSERT(made.hasChildren({{"A", "cur"}}) && !made.hasChildren({{"A", "cur", "D.e"}}));
    }

    void createsWhatACrashLeftHalf() {
        const MailTree made = tree();
        std::filesystem::create_directories(_root + "/.A/new");
        _place.write("mail/.A/maildirfolder", "");
        CPPUNIT_ASSERT(!made.exists({{"A"}}));
        CPPUNIT_ASSERT_EQUAL("INBOX "s, listed(made));
        made.create({{"A"}});
        CPPUNIT_ASSERT(made.exists({{"A"}}) && _place.has("mail/.A/tmp"));
    }

    void createsOnceOnly() {
        inBothLayouts([this](Layout layout) {
            const MailTree made = tree(layout);
            std::atomic<int> successes = 0;
            std::vector<std::thread> threads;
            for (int i = 0; i < 4; ++i) {
                threads.emplace_back([&] {
                    if (errorOf([&] { made.create({{"A", "B"}}); }) == "none") ++successes;
                });
            }
            for (std::thread& thread : threads) thread.join();
            CPPUNIT_ASSERT_EQUAL(1, successes.load());
            CPPUNIT_ASSERT_EQUAL("AlreadyExists"s, errorOf([&] { made.create({{"A"}}); }));
            CPPUNIT_ASSERT_EQUAL("AlreadyExists"s, errorOf([&] { made.create(MailboxName::inbox()); }));
            CPPUNIT_ASSERT_EQUAL("AlreadyExists"s, errorOf([&] { made.create({{"inbox"}}); }));
            // A plain file there is no mailbox that exists.
            const bool isFs = made.settings().layout == Layout::Fs;
            const std::string root = made.settings().root;
            std::ofstream(root + (isFs ? "/File" : "/.File")) << "x";
            CPPUNIT_ASSERT_EQUAL("InvalidName"s, errorOf([&] { made.create({{"File"}}); }));
            CPPUNIT_ASSERT_EQUAL("InvalidName"s, errorOf([&] { made.create({{"File", "Below"}}); }));
        });
    }

    void refusesHostileNames() {
        inBothLayouts([this](Layout layout) {
            const MailTree made = tree(layout);
            const std::size_t before = entriesIn(_place.path());
            for (const MailboxName& name : {MailboxName{{""}}, MailboxName{{"a", "", "b"}}, MailboxName{{"a\0"s}},
                                            MailboxName{{"\xFF"}}, MailboxName{}}) {
                CPPUNIT_ASSERT_EQUAL("InvalidName"s, errorOf([&] { made.create(name); }));
            }
            CPPUNIT_ASSERT_EQUAL("Limit"s, errorOf([&] { made.create({{std::string(300, 'x')}}); }));
            for (const MailboxName& name :
                 {MailboxName{{".."}}, MailboxName{{"..", "..", "x"}}, MailboxName{{"a/../../b"}}, MailboxName{{"cur"}},
                  MailboxName{{"tmp", "new"}}, MailboxName{{"=raw=.."}}}) {
                made.create(name);
                CPPUNIT_ASSERT(made.exists(name));
            }
            CPPUNIT_ASSERT_EQUAL(before, entriesIn(_place.path()));
            CPPUNIT_ASSERT(!std::filesystem::exists(_root + "/cur/cur"));
        });
    }

    void listsParentsBeforeChildren() {
        const MailTree made = tree();
        for (const char* directory : {".b.c.d", ".a", ".a b", ".a.b", ".A", ".INBOX", ".INBOX.kid"}) {
            _place.makeMaildir("mail/"s + directory);
        }
        CPPUNIT_ASSERT_EQUAL("INBOX =raw=INBOX A INBOX/kid a a/b a b (b) (b/c) b/c/d "s, listed(made));
        CPPUNIT_ASSERT(made.exists({{"=raw=INBOX"}}) && !made.exists({{"b"}}) && made.hasChildren({{"b", "c"}}));
    }

    void hidesWhatIsNoMailbox() {
        for (const char* directory : {"..DOVECOT-TRASHED", "plain", "courierimapkeywords"}) {
            _place.makeMaildir("mail/"s + directory);
        }
        std::filesystem::create_directories(_root + "/.ssh");
        _place.write("mail/.file", "");
        CPPUNIT_ASSERT_EQUAL("INBOX "s, listed(tree()));
        _place.makeMaildir("mail/plain/cur/sub");
        CPPUNIT_ASSERT_EQUAL("INBOX plain "s, listed(tree(Layout::Fs)));
    }

    void listsWhereMailIsAlthoughCurIsMissing() {
        inBothLayouts([this](Layout layout) {
            const MailTree made = tree(layout);
            const std::string dot = layout == Layout::Fs ? "" : ".";
            for (const char* name : {"mail", "empty", "links", "none"})
                std::filesystem::create_directories(_root + "/" + dot + name + "/tmp");
            for (const char* name : {"mail", "empty", "links"})
                std::filesystem::create_directory(_root + "/" + dot + name + "/new");
            std::ofstream(_root + "/" + dot + "mail/new/1.M1.host") << "Subject: x\n\n";
            std::ofstream(_root + "/" + dot + "empty/new/.hidden") << "x";
            std::filesystem::create_symlink("/etc/passwd", _root + "/" + dot + "links/new/2.M1.host");
            CPPUNIT_ASSERT_EQUAL("INBOX mail "s, listed(made));
            CPPUNIT_ASSERT(made.exists({{"mail"}}));
            for (const char* name : {"empty", "links", "none"}) CPPUNIT_ASSERT(!made.exists({{name}}));
            CPPUNIT_ASSERT_EQUAL("AlreadyExists"s, errorOf([&] { made.create({{"mail"}}); }));
            made.rename({{"mail"}}, {{"moved"}});
            CPPUNIT_ASSERT_EQUAL("INBOX moved "s, listed(made));
            made.remove({{"moved"}});
            CPPUNIT_ASSERT_EQUAL("INBOX "s, listed(made));
            CPPUNIT_ASSERT(!made.exists({{"moved"}}));
        });
    }

    void listsWhatMayNotBeLookedInto() {
        for (const Layout layout : bothLayouts) {
            const MailTree made = tree(layout);
            made.create({{"Work"}});
            const std::string path = made.pathOf({{"Work"}});
            std::filesystem::rename(path, _place / "away");
            std::filesystem::create_directory_symlink(_place / "away", path);
            CPPUNIT_ASSERT_EQUAL("INBOX Work "s, listed(made));
            std::filesystem::rename(_place / "away", _place / "farther");  // not mounted
            CPPUNIT_ASSERT_EQUAL("INBOX Work "s, listed(made));
            CPPUNIT_ASSERT_EQUAL("Unavailable"s, errorOf([&] { (void)made.exists({{"Work"}}); }));
            std::filesystem::remove(path);
            std::filesystem::rename(_place / "farther", path);
            if (::geteuid() == 0) {
                CPPUNIT_ASSERT_EQUAL(0, ::chmod(_place.path().c_str(), 0755));
                CPPUNIT_ASSERT_EQUAL(0, ::chmod(_root.c_str(), 0755));
                CPPUNIT_ASSERT_EQUAL(0, ::chmod(path.c_str(), 0));
                const FileIdentity::Scope scope(FileIdentity::of(61001, 61001));
                CPPUNIT_ASSERT_EQUAL("INBOX Work "s, listed(made));
                CPPUNIT_ASSERT(made.exists({{"Work"}}));
                CPPUNIT_ASSERT(!made.exists({{"Other"}}));
            }
            std::filesystem::remove_all(_root);
        }
    }

    void tellsNothingOfARootThatIsAway() {
        const MailTree made = tree();
        made.create({{"Work"}});
        made.subscribe({{"Work"}});
        std::filesystem::rename(_root, _place / "away");
        const std::function<void()> calls[] = {
            [&] { (void)made.list(); },          [&] { (void)made.exists({{"Work"}}); },
            [&] { (void)made.subscriptions(); }, [&] { made.subscribe({{"Other"}}); },
            [&] { made.create({{"Other"}}); },   [&] { made.ensureRoot(); },
            [&] { made.remove({{"Work"}}); },    [&] { (void)made.specialUses(); }};
        for (const auto& call : calls) CPPUNIT_ASSERT_EQUAL("Unavailable"s, errorOf(call));
        CPPUNIT_ASSERT(!_place.has("mail"));
        std::filesystem::rename(_place / "away", _root);
        CPPUNIT_ASSERT_EQUAL("INBOX Work "s, listed(made));
        CPPUNIT_ASSERT_EQUAL(std::size_t(1), made.subscriptions().size());
    }

    void takesAnotherRootInItsPlace() {
        const MailTree made = tree();
        made.create({{"Work"}});
        std::filesystem::rename(_root, _place / "away");
        (void)tree();  // as another program makes it
        CPPUNIT_ASSERT_EQUAL("INBOX "s, listed(made));
    }

    void listsFsTreesWithLoops() {
        const MailTree made = tree(Layout::Fs);
        made.create({{"A", "B"}});
        std::filesystem::create_directory_symlink(_root + "/A", _root + "/A/B/up");
        std::filesystem::create_directory_symlink(_root, _root + "/A/B/root");
        std::filesystem::create_directory_symlink("nowhere", _root + "/A/B/nowhere");
        CPPUNIT_ASSERT_EQUAL("INBOX A A/B "s, listed(made));
    }

    void removesInMaildirPlusPlus() {
        const MailTree made = tree();
        made.create({{"A", "B"}});
        _place.write("mail/.A/cur/1.M.h:2,S", "mail");
        made.remove({{"A"}});
        CPPUNIT_ASSERT_EQUAL("INBOX (A) A/B "s, listed(made));
        CPPUNIT_ASSERT(!_place.has("mail/.A"));
        CPPUNIT_ASSERT_EQUAL(std::size_t(0), entriesIn(_root + "/tmp"));
        CPPUNIT_ASSERT_EQUAL("NotFound"s, errorOf([&] { made.remove({{"A"}}); }));
        made.remove({{"A", "B"}});
        CPPUNIT_ASSERT_EQUAL("INBOX "s, listed(made));
    }

    void removesInFsButNotTheChildren() {
        const MailTree made = tree(Layout::Fs);
        made.create({{"A", "B"}});
        _place.write("mail/A/cur/1.M.h:2,S", "mail");
        _place.write("mail/A/dovecot-uidlist", "3 V1 N2\n");
        _place.write("mail/A/B/cur/2.M.h:2,S", "mail");
        made.remove({{"A"}});
        CPPUNIT_ASSERT_EQUAL("INBOX (A) A/B "s, listed(made));
        CPPUNIT_ASSERT(!_place.has("mail/A/dovecot-uidlist") && !_place.has("mail/A/new"));
        CPPUNIT_ASSERT_EQUAL("mail"s, _place.read("mail/A/B/cur/2.M.h:2,S"));
        CPPUNIT_ASSERT_EQUAL("NotFound"s, errorOf([&] { made.remove({{"A"}}); }));
        made.create({{"A"}});
        CPPUNIT_ASSERT(made.exists({{"A"}}));
        made.remove({{"A", "B"}});
        CPPUNIT_ASSERT(!_place.has("mail/A/B"));
        CPPUNIT_ASSERT_EQUAL(std::size_t(0), entriesIn(_root + "/tmp"));
    }

    void removesFilesInSlices() {
        const MailTree made = tree();
        made.create({{"A"}});
        for (int number = 0; number < 50; ++number)
            _place.write("mail/.A/cur/" + std::to_string(number) + ".M.h:2,S", "mail");
        _place.write("mail/.A/sub/deeper/file", "");
        made.takeOut({{"A"}});
        CPPUNIT_ASSERT_EQUAL("INBOX "s, listed(made));
        // One that comes to nothing is the last: what can't be removed would be tried for ever.
        CPPUNIT_ASSERT(made.removeLeftovers([] { return true; }));
        CPPUNIT_ASSERT_EQUAL(std::size_t(1), entriesIn(_root + "/tmp"));
        int slices = 0;
        for (int left = 10; !made.removeLeftovers([&left] { return left-- == 0; }); left = 10) ++slices;
        CPPUNIT_ASSERT(slices >= 5 && slices < 20);
        CPPUNIT_ASSERT_EQUAL(std::size_t(0), entriesIn(_root + "/tmp"));
    }

    void removesALinkNotItsTarget() {
        const MailTree made = tree();
        _place.makeMaildir("elsewhere");
        _place.write("elsewhere/cur/1.M.h:2,S", "mail");
        std::filesystem::create_directory_symlink(_place / "elsewhere", _root + "/.Linked");
        CPPUNIT_ASSERT(made.exists({{"Linked"}}));
        made.remove({{"Linked"}});
        CPPUNIT_ASSERT(!_place.has("mail/.Linked"));
        CPPUNIT_ASSERT_EQUAL(std::size_t(0), entriesIn(_root + "/tmp"));
        CPPUNIT_ASSERT_EQUAL("mail"s, _place.read("elsewhere/cur/1.M.h:2,S"));
    }

    void cleansLeftoversOfRemovals() {
        const MailTree made = tree();
        made.create({{"A"}});
        _place.makeMaildir("mail/tmp/maildock-deleted.1-2_3_4");
        _place.write("mail/tmp/1.delivery", "mail");
        CPPUNIT_ASSERT_EQUAL("INBOX A "s, listed(made));
        made.remove({{"A"}});
        CPPUNIT_ASSERT_EQUAL(std::size_t(1), entriesIn(_root + "/tmp"));
        CPPUNIT_ASSERT(_place.has("mail/tmp/1.delivery"));
    }

    void doesNotRemoveInbox() {
        inBothLayouts([this](Layout layout) {
            const MailTree made = tree(layout);
            CPPUNIT_ASSERT_EQUAL("InvalidName"s, errorOf([&] { made.remove(MailboxName::inbox()); }));
            CPPUNIT_ASSERT(errorOf([&] { made.remove({{"inbox"}}); }) != "none");
            CPPUNIT_ASSERT(made.exists(MailboxName::inbox()));
        });
    }

    void renamesWithInferiors() {
        inBothLayouts([this](Layout layout) {
            const MailTree made = tree(layout);
            made.create({{"A", "B", "C"}});
            made.create({{"AB"}});
            const std::string message = made.pathOf({{"A", "B", "C"}}) + "/cur/1.M.h:2,S";
            std::filesystem::copy_file("/proc/self/comm", message);
            made.rename({{"A"}}, {{"X", "Y"}});
            CPPUNIT_ASSERT_EQUAL("INBOX AB X X/Y X/Y/B X/Y/B/C "s, listed(made));
            CPPUNIT_ASSERT(std::filesystem::exists(made.pathOf({{"X", "Y", "B", "C"}}) + "/cur/1.M.h:2,S"));
            made.rename({{"X", "Y", "B"}}, {{"A"}});
            CPPUNIT_ASSERT_EQUAL("INBOX A A/C AB X X/Y "s, listed(made));
        });
    }

    void renamesALevelThatIsNoMailbox() {
        inBothLayouts([this](Layout layout) {
            const MailTree made = tree(layout);
            made.create({{"A", "B"}});
            made.remove({{"A"}});
            made.rename({{"A"}}, {{"Z"}});
            CPPUNIT_ASSERT_EQUAL("INBOX (Z) Z/B "s, listed(made));
        });
    }

    void finishesARenameThatCrashed() {
        const MailTree made = tree();
        made.create({{"A", "B"}});
        made.create({{"A", "C"}});
        std::filesystem::rename(_root + "/.A.C", _root + "/.Z.C");  // as far as it came
        made.rename({{"A"}}, {{"Z"}});
        CPPUNIT_ASSERT_EQUAL("INBOX Z Z/B Z/C "s, listed(made));
    }

    void refusesRenamesThatCannotBe() {
        inBothLayouts([this](Layout layout) {
            const MailTree made = tree(layout);
            made.create({{"A", "B"}});
            made.create({{"Z", "B"}});
            const std::string before = listed(made);
            CPPUNIT_ASSERT_EQUAL("AlreadyExists"s, errorOf([&] { made.rename({{"A"}}, {{"Z"}}); }));
            CPPUNIT_ASSERT_EQUAL("AlreadyExists"s, errorOf([&] { made.rename({{"A"}}, {{"A"}}); }));
            CPPUNIT_ASSERT_EQUAL("AlreadyExists"s, errorOf([&] { made.rename({{"A"}}, MailboxName::inbox()); }));
            CPPUNIT_ASSERT_EQUAL("InvalidName"s, errorOf([&] { made.rename(MailboxName::inbox(), {{"Q"}}); }));
            CPPUNIT_ASSERT_EQUAL("InvalidName"s, errorOf([&] { made.rename({{"A"}}, {{"A", "B", "C"}}); }));
            CPPUNIT_ASSERT_EQUAL("NotFound"s, errorOf([&] { made.rename({{"none"}}, {{"Q"}}); }));
            CPPUNIT_ASSERT_EQUAL(before, listed(made));
            made.remove({{"Z"}});
            CPPUNIT_ASSERT_EQUAL("AlreadyExists"s,
                                 errorOf([&] { made.rename({{"A"}}, {{"Z"}}); }));  // Z/B is in the way
            CPPUNIT_ASSERT_EQUAL("INBOX A A/B (Z) Z/B "s, listed(made));
        });
    }

    void renamesNothingIfOneNameIsTooLong() {
        const MailTree made = tree();
        made.create({{"A", std::string(200, 'b')}});
        CPPUNIT_ASSERT_EQUAL("Limit"s, errorOf([&] { made.rename({{"A"}}, {{std::string(100, 'z')}}); }));
        CPPUNIT_ASSERT(made.exists({{"A"}}) && made.exists({{"A", std::string(200, 'b')}}));
    }

    void detectsTheEncodingOfTheTree() {
        _place.makeMaildir("mail/.Entwürfe");
        const MailTree courier = tree();
        CPPUNIT_ASSERT(courier.mapper().encoding() == NameEncoding::CourierUtf8);
        CPPUNIT_ASSERT_EQUAL("INBOX Entwürfe "s, listed(courier));
        courier.create({{"a.b"}});
        CPPUNIT_ASSERT(_place.has("mail/.a\\056b"));
        _place.makeMaildir("mail/.&APw-");
        const MailTree mixed = tree();
        CPPUNIT_ASSERT(mixed.encodingFinding().isMixed);
        CPPUNIT_ASSERT(mixed.exists({{"Entwürfe"}}));
        CPPUNIT_ASSERT(MailTree({_root, Layout::MaildirPlusPlus, NameEncoding::Utf8, 0}).mapper().encoding() ==
                       NameEncoding::Utf8);
    }

    void keepsSubscriptions() {
        const MailTree made = tree();
        made.subscribe({{"not", "there"}});
        made.subscribe(MailboxName::inbox());
        made.unsubscribe({{"other"}});
        CPPUNIT_ASSERT((made.subscriptions() == std::set<MailboxName>{MailboxName::inbox(), {{"not", "there"}}}));
        made.unsubscribe({{"not", "there"}});
        CPPUNIT_ASSERT_EQUAL("V\t2\n\nINBOX\n"s, _place.read("mail/subscriptions"));
    }

private:
    static std::size_t entriesIn(const std::string& path) {
        return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(path), {}));
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(MailTreeTest);

}  // namespace maildir
