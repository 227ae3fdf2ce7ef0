// Flags, keywords, expunge, and what viewers may still read.
#include "MaildirFixture.h"

namespace maildir::test {

namespace {

FlagSet both(Flag one, Flag other) {
    return FlagSet(one) | other;
}

class ChangesTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(ChangesTest);
    CPPUNIT_TEST(addsRemovesAndReplacesFlags);
    CPPUNIT_TEST(keepsLettersOfOthers);
    CPPUNIT_TEST(replacesNamedKeywordsAlone);
    CPPUNIT_TEST(findsAFileThatAnotherRenamed);
    CPPUNIT_TEST(changesNothingInAnotherFolder);
    CPPUNIT_TEST(findsAFileThatAnotherRenamedByPolling);
    CPPUNIT_TEST(findsThatAFileIsGoneByPolling);
    CPPUNIT_TEST(reportsExpungedMessages);
    CPPUNIT_TEST(keepsMoreThan26Keywords);
    CPPUNIT_TEST(seesLateKeywordsOfAnotherProcess);
    CPPUNIT_TEST(refusesTooManyKeywords);
    CPPUNIT_TEST(isNotToldOfItsOwnChanges);
    CPPUNIT_TEST(looksNoSecondTimeAfterAChange);
    CPPUNIT_TEST(expungesForGood);
    CPPUNIT_TEST(expungesOnlyDeleted);
    CPPUNIT_TEST(keepsAMessageWhoseDeletedWasTakenBack);
    CPPUNIT_TEST(readsOnWhileAViewerShows);
    CPPUNIT_TEST(readsOnForTheOnlyViewerWhenNoViewerAsks);
    CPPUNIT_TEST(wakesViewers);
    CPPUNIT_TEST(cleansTmp);
    CPPUNIT_TEST_SUITE_END();

    TemporaryDirectory _directory;
    Maildir _maildir{_directory.path + "/box"};
    Process _process;
    const std::vector<Uid> _one{Uid{1}};

public:
    void tearDown() override { _process.end(); }

    void addsRemovesAndReplacesFlags() {
        const std::string base = _maildir.deliver();
        const auto mailbox = _process.open(_maildir.path);
        mailbox->refresh();
        mailbox->changeFlags(_one, {FlagChange::Add, both(Flag::Seen, Flag::Flagged), {"Work"}});
        CPPUNIT_ASSERT_EQUAL("cur/" + base + ":2,FSa", _maildir.find(base));
        CPPUNIT_ASSERT_EQUAL(std::string("0 Work\n"), contentOf(_maildir.path + "/dovecot-keywords"));
        mailbox->changeFlags(_one, {FlagChange::Remove, Flag::Flagged, {"nosuch"}});
        CPPUNIT_ASSERT_EQUAL("cur/" + base + ":2,Sa", _maildir.find(base));
        const auto after = mailbox->changeFlags(_one, {FlagChange::Replace, Flag::Draft, {"b", "WORK"}}).after;
        CPPUNIT_ASSERT_EQUAL("cur/" + base + ":2,Dab", _maildir.find(base));
        CPPUNIT_ASSERT((keywordsOfMessage(*after, Uid{1}) == std::set<std::string>{"Work", "b"}));
        CPPUNIT_ASSERT_EQUAL(joined(listing(*after)), joined(listing(*mailbox->refresh())));
    }

    void keepsLettersOfOthers() {
        _maildir.put("a:2,PSc,extra");
        const auto mailbox = _process.open(_maildir.path);
        mailbox->refresh();
        mailbox->changeFlags(_one, {FlagChange::Replace, Flag::Flagged, {}});
        CPPUNIT_ASSERT_EQUAL(std::string("cur/a:2,FP,extra"), _maildir.find("a"));
    }

    void replacesNamedKeywordsAlone() {
        const std::string base = _maildir.deliver();
        const auto mailbox = _process.open(_maildir.path);
        mailbox->refresh();
        mailbox->changeFlags(_one, {FlagChange::Add, Flag::Seen, {"theirs", "ours"}});
        mailbox->changeFlags(_one, {FlagChange::Replace, Flag::Draft, {}, std::vector<std::string>{"OURS", "new"}});
        CPPUNIT_ASSERT_EQUAL("cur/" + base + ":2,Da", _maildir.find(base));
        mailbox->changeFlags(_one, {FlagChange::Replace, {}, {"new"}, std::vector<std::string>{"ours", "new"}});
        CPPUNIT_ASSERT_EQUAL("cur/" + base + ":2,ac", _maildir.find(base));
    }

    void findsAFileThatAnotherRenamed() {
        const std::string base = _maildir.deliver();
        const auto mailbox = _process.open(_maildir.path);
        mailbox->refresh();
        _maildir.flag(base, "R");
        const auto after = mailbox->changeFlags(_one, {FlagChange::Add, Flag::Seen, {}}).after;
        CPPUNIT_ASSERT_EQUAL("cur/" + base + ":2,RS", _maildir.find(base));
        CPPUNIT_ASSERT(flagsOf(*after, Uid{1}) == both(Flag::Answered, Flag::Seen));
        _maildir.flag(base, "F");
        CPPUNIT_ASSERT_EQUAL(std::string("Subject: x\n\nbody\n"), readAll(mailbox->open(Uid{1})));
    }

    // The folder was renamed, and another has its name: neither the message in the one nor that in the other is meant.
    void changesNothingInAnotherFolder() {
        const std::string base = _maildir.deliver();
        const auto mailbox = _process.open(_maildir.path);
        mailbox->refresh();
        const std::string away = _maildir.path + ".away";
        std::filesystem::rename(_maildir.path, away);
        const std::string other = Maildir(_maildir.path).put("other:2,");
        try {
            mailbox->changeFlags(_one, {FlagChange::Add, Flag::Seen, {}});
            CPPUNIT_FAIL("the message is not there");
        } catch (const Error& error) {
            CPPUNIT_ASSERT(error.kind() == ErrorKind::NotFound);
        }
        CPPUNIT_ASSERT_EQUAL("new/" + base, Maildir(away).find(base));
        CPPUNIT_ASSERT_EQUAL(std::string("cur/other:2,"), _maildir.find(other));
    }

    void findsAFileThatAnotherRenamedByPolling() {
        const std::string base = _maildir.deliver();
        const auto mailbox = Process(false).open(_maildir.path);
        mailbox->refresh();
        _maildir.flag(base, "R");
        mailbox->changeFlags(_one, {FlagChange::Add, Flag::Seen, {}});
        CPPUNIT_ASSERT_EQUAL("cur/" + base + ":2,RS", _maildir.find(base));
        _maildir.flag(base, "F");
        CPPUNIT_ASSERT_EQUAL(std::string("Subject: x\n\nbody\n"), readAll(mailbox->open(Uid{1})));
    }

    void reportsExpungedMessages() {
        for (const bool useInotify : {true, false}) {
            Maildir other(_directory.path + (useInotify ? "/watched" : "/polled"));
            const std::string base = other.deliver(), second = other.deliver();
            const auto mailbox = Process(useInotify).open(other.path);
            mailbox->refresh();
            other.remove(base);
            const std::vector<Uid> uids{Uid{2}, Uid{1}, Uid{2}, Uid{77}};
            const auto result = mailbox->changeFlags(uids, {FlagChange::Add, Flag::Seen, {}});
            CPPUNIT_ASSERT((result.expunged == std::vector<Uid>{Uid{1}, Uid{77}}));
            CPPUNIT_ASSERT_EQUAL("cur/" + second + ":2,S", other.find(second));
            CPPUNIT_ASSERT_THROW(mailbox->open(Uid{1}), Error);
            CPPUNIT_ASSERT(mailbox->expunge(std::vector<Uid>{Uid{1}}, false).empty());
            CPPUNIT_ASSERT_THROW(mailbox->structure(Uid{1}), Error);
        }
    }

    // Without being told of changes, and however young the last one is.
    void findsThatAFileIsGoneByPolling() {
        const std::string base = _maildir.deliver();
        _maildir.deliver();
        const auto mailbox = Process(false).open(_maildir.path);
        mailbox->refresh();
        _maildir.remove(base);
        const auto after = mailbox->refresh();
        CPPUNIT_ASSERT_EQUAL(std::size_t(1), after->size());
        CPPUNIT_ASSERT(!after->find(Uid{1}) && after->find(Uid{2}));
    }

    void keepsMoreThan26Keywords() {
        const std::string base = _maildir.deliver(), second = _maildir.deliver();
        const auto mailbox = _process.open(_maildir.path);
        mailbox->refresh();
        std::vector<std::string> names;
        for (int i = 0; i < 40; ++i) names.push_back("Key" + std::to_string(i));
        mailbox->changeFlags(_one, {FlagChange::Add, Flag::Seen, names});
        CPPUNIT_ASSERT_EQUAL("cur/" + base + ":2,Sabcdefghijklmnopqrstuvwxyz", _maildir.find(base));
        CPPUNIT_ASSERT(_maildir.uidList().find("1 K26,27,28,29,30,31,32,33,34,35,36,37,38,39 :" + base + "\n") !=
                       std::string::npos);
        const std::set<std::string> all(names.begin(), names.end());
        CPPUNIT_ASSERT(keywordsOfMessage(*mailbox->snapshot(), Uid{1}) == all);
        CPPUNIT_ASSERT(keywordsOfMessage(*Process().open(_maildir.path)->refresh(), Uid{1}) == all);
        // Kept over a rename by another, and a rewrite of the list.
        _maildir.flag(base, "F");
        CPPUNIT_ASSERT_EQUAL(std::size_t(14), keywordsOfMessage(*mailbox->refresh(), Uid{1}).size());
        mailbox->changeFlags(_one, {FlagChange::Remove, {}, {"Key30"}});
        CPPUNIT_ASSERT_EQUAL(std::size_t(13),
                             keywordsOfMessage(*Process().open(_maildir.path)->refresh(), Uid{1}).size());
        const auto added = append(*mailbox, "x\r\n", {}, {"Key39", "Key0"});
        CPPUNIT_ASSERT((keywordsOfMessage(*Process().open(_maildir.path)->refresh(), added.uid) ==
                        std::set<std::string>{"Key0", "Key39"}));
        mailbox->changeFlags(_one, {FlagChange::Replace, {}, {}});
        CPPUNIT_ASSERT(keywordsOfMessage(*Process().open(_maildir.path)->refresh(), Uid{1}).empty());
    }

    void seesLateKeywordsOfAnotherProcess() {
        _maildir.deliver();
        const Process other;
        const auto here = _process.open(_maildir.path), there = other.open(_maildir.path);
        here->refresh();
        there->refresh();
        std::vector<std::string> names;
        for (int i = 0; i < 30; ++i) names.push_back("Key" + std::to_string(i));
        here->changeFlags(_one, {FlagChange::Add, {}, names});
        there->refresh();
        there->changeFlags(_one, {FlagChange::Remove, {}, {"Key29"}});
        here->changeFlags(_one, {FlagChange::Remove, {}, {"Key28"}});
        std::set<std::string> left(names.begin(), names.end());
        left.erase("Key28");
        left.erase("Key29");
        CPPUNIT_ASSERT(keywordsOfMessage(*here->snapshot(), Uid{1}) == left);
        CPPUNIT_ASSERT(keywordsOfMessage(*Process().open(_maildir.path)->refresh(), Uid{1}) == left);
    }

    void refusesTooManyKeywords() {
        _maildir.deliver();
        const auto mailbox = _process.open(_maildir.path);
        mailbox->refresh();
        std::vector<std::string> names;
        for (std::size_t i = 0; i <= maxKeywords; ++i) names.push_back("Key" + std::to_string(i));
        try {
            mailbox->changeFlags(_one, {FlagChange::Add, {}, names});
            CPPUNIT_FAIL("taken");
        } catch (const Error& error) {
            CPPUNIT_ASSERT(error.kind() == ErrorKind::Limit);
        }
        CPPUNIT_ASSERT(keywordsOfMessage(*mailbox->refresh(), Uid{1}).empty());
    }

    void isNotToldOfItsOwnChanges() {
        for (int i = 0; i < 3; ++i) _maildir.deliver();
        const auto mailbox = _process.open(_maildir.path);
        mailbox->refresh();
        const std::uint64_t listings = mailbox->listingCount();
        mailbox->claimRecent();
        mailbox->changeFlags(_one, {FlagChange::Add, Flag::Seen, {"Work"}});
        append(*mailbox, "x\r\n");
        mailbox->expunge(_one, false);
        const std::vector<Uid> two{Uid{2}};
        mailbox->copyFrom(*mailbox, two);
        const auto before = mailbox->snapshot();
        CPPUNIT_ASSERT(mailbox->refresh() == before);
        CPPUNIT_ASSERT_EQUAL(listings, mailbox->listingCount());
        CPPUNIT_ASSERT_EQUAL(std::size_t(4), before->size());
    }

    void looksNoSecondTimeAfterAChange() {
        const auto now = [] { return std::chrono::steady_clock::now(); };
        for (const bool useInotify : {true, false}) {
            Maildir maildir(_directory.path + (useInotify ? "/told" : "/polled"));
            maildir.put("1.a:2,");
            const Process process(useInotify);
            const auto mailbox = process.open(maildir.path);
            mailbox->refresh();
            const auto before = now();
            mailbox->changeFlags(_one, {FlagChange::Add, Flag::Seen, {}});
            CPPUNIT_ASSERT(flagsOf(*mailbox->refreshedSince(before), Uid{1}).has(Flag::Seen));
            // Whoever asks later sees what came later; and where nobody tells of changes, whoever asks.
            maildir.put("2.b:2,");
            CPPUNIT_ASSERT_EQUAL(std::size_t(2), mailbox->refreshedSince(useInotify ? now() : before)->size());
            // A folder that another one took the place of is noticed by the next look.
            mailbox->changeFlags(_one, {FlagChange::Remove, Flag::Seen, {}});
            std::filesystem::rename(maildir.path, maildir.path + ".moved");
            CPPUNIT_ASSERT_THROW(mailbox->refreshedSince(now()), Error);
        }
    }

    void expungesForGood() {
        for (int i = 0; i < 3; ++i) _maildir.deliver();
        const auto mailbox = _process.open(_maildir.path);
        mailbox->refresh();
        const std::vector<Uid> uids{Uid{3}, Uid{1}, Uid{9}};
        CPPUNIT_ASSERT((mailbox->expunge(uids, false) == std::vector<Uid>{Uid{1}, Uid{3}}));
        CPPUNIT_ASSERT_EQUAL(std::size_t(1), _maildir.fileCount());
        CPPUNIT_ASSERT_EQUAL(std::size_t(0), _maildir.count("tmp"));
        CPPUNIT_ASSERT_THROW(mailbox->open(Uid{1}), Error);
        // The UID of the last one is not given again.
        CPPUNIT_ASSERT_EQUAL(std::uint32_t(4), append(*mailbox, "x\r\n").uid.value);
    }

    void expungesOnlyDeleted() {
        _maildir.put("a:2,T");
        _maildir.put("b:2,S");
        const auto mailbox = _process.open(_maildir.path);
        const std::vector<Uid> uids = uidsOf(*mailbox->refresh());
        CPPUNIT_ASSERT((mailbox->expunge(uids, true) == std::vector<Uid>{Uid{1}}));
        CPPUNIT_ASSERT_EQUAL(std::string("2:b "), joined(listing(*mailbox->refresh())));
    }

    void keepsAMessageWhoseDeletedWasTakenBack() {
        for (const bool useInotify : {true, false}) {
            Maildir other(_directory.path + (useInotify ? "/watched" : "/polled"));
            other.put("a:2,T");
            other.put("b:2,T");
            const auto mailbox = Process(useInotify).open(other.path);
            const std::vector<Uid> uids = uidsOf(*mailbox->refresh());
            other.flag("a", "S");
            CPPUNIT_ASSERT((mailbox->expunge(uids, true) == std::vector<Uid>{Uid{2}}));
            CPPUNIT_ASSERT_EQUAL(std::string("cur/a:2,S"), other.find("a"));
            CPPUNIT_ASSERT_EQUAL(std::string("1:a "), joined(listing(*mailbox->refresh())));
        }
    }

    void readsOnWhileAViewerShows() {
        _maildir.deliver("gone soon\n");
        const auto mailbox = _process.open(_maildir.path);
        mailbox->refresh();
        const Viewer asker(mailbox, {});
        auto reader = std::make_unique<Viewer>(mailbox, nullptr);
        mailbox->changeFlags(_one, {FlagChange::Add, Flag::Deleted, {}});
        mailbox->expunge(_one, true, &asker);
        CPPUNIT_ASSERT_EQUAL(std::size_t(0), mailbox->refresh()->size());
        CPPUNIT_ASSERT_EQUAL(std::string("gone soon\n"), readAll(mailbox->open(Uid{1})));
        CPPUNIT_ASSERT_EQUAL(std::uint64_t(11), mailbox->exactOctets(Uid{1}));
        append(*mailbox, "another\r\n");
        CPPUNIT_ASSERT_EQUAL(std::string("gone soon\n"), readAll(mailbox->open(Uid{1})));
        reader->acknowledge(*mailbox->snapshot());
        // The viewer that asked showed it last; it is told too.
        const_cast<Viewer&>(asker).acknowledge(*mailbox->snapshot());
        CPPUNIT_ASSERT_EQUAL(std::size_t(0), _maildir.count("tmp"));
        CPPUNIT_ASSERT_THROW(mailbox->open(Uid{1}), Error);
        // A viewer that ends releases too.
        mailbox->expunge(std::vector<Uid>{Uid{2}}, false, &asker);
        CPPUNIT_ASSERT_EQUAL(std::size_t(1), _maildir.count("tmp"));
        const_cast<Viewer&>(asker).acknowledge(*mailbox->snapshot());
        reader.reset();
        CPPUNIT_ASSERT_EQUAL(std::size_t(0), _maildir.count("tmp"));
    }

    void readsOnForTheOnlyViewerWhenNoViewerAsks() {
        _maildir.deliver("gone soon\n");
        _maildir.deliver("moved\n");
        Maildir target(_directory.path + "/target");
        const auto mailbox = _process.open(_maildir.path);
        mailbox->refresh();
        Viewer reader(mailbox, {});
        mailbox->expunge(_one, false);
        _process.open(target.path)->moveFrom(*mailbox, std::vector<Uid>{Uid{2}});
        CPPUNIT_ASSERT_EQUAL(std::size_t(0), mailbox->refresh()->size());
        CPPUNIT_ASSERT_EQUAL(std::string("gone soon\n"), readAll(mailbox->open(Uid{1})));
        CPPUNIT_ASSERT_EQUAL(std::string("moved\n"), readAll(mailbox->open(Uid{2})));
        reader.acknowledge(*mailbox->snapshot());
        CPPUNIT_ASSERT_EQUAL(std::size_t(0), _maildir.count("tmp"));
        CPPUNIT_ASSERT_EQUAL(std::size_t(1), target.fileCount());
    }

    void wakesViewers() {
        const auto mailbox = _process.open(_maildir.path);
        mailbox->refresh();
        std::atomic<int> news{0};
        const Viewer viewer(mailbox, [&news] { ++news; });
        _maildir.deliver();
        for (int i = 0; i < 500 && news == 0; ++i) usleep(10'000);  // until the watcher's thread has run
        CPPUNIT_ASSERT(news > 0);
        mailbox->refresh();
        const int before = news;
        mailbox->changeFlags(_one, {FlagChange::Add, Flag::Seen, {}});
        CPPUNIT_ASSERT(news > before);
    }

    void cleansTmp() {
        write(_maildir.path + "/tmp/young", "x");
        write(_maildir.path + "/tmp/old", "x");
        mkdir((_maildir.path + "/tmp/directory").c_str(), 0700);
        const timespec times[2] = {{0, UTIME_OMIT}, {time(nullptr) - 40 * 3600, 0}};
        utimensat(AT_FDCWD, (_maildir.path + "/tmp/old").c_str(), times, 0);
        _process.open(_maildir.path)->refresh();
        // Its ctime is of now: it may be a message that was put there by an expunge.
        CPPUNIT_ASSERT_EQUAL(std::size_t(3), _maildir.count("tmp"));
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(ChangesTest);

}  // namespace

}  // namespace maildir::test
