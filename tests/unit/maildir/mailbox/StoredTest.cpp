// The cache file: what a mailbox is restored from after a restart, what is not believed of it, and damage of every
// kind.
#include <fcntl.h>
#include <sys/stat.h>

#include <thread>

#include "CoarseTimes.h"
#include "StoredFixture.h"
#include "maildir/mailbox/StoredMailbox.h"

namespace maildir::test {

namespace {

// The root of a file that may be in use.
std::string rootOf(const std::string& path) {
    const std::string copy = path + ".copy";
    std::filesystem::copy_file(path, copy, std::filesystem::copy_options::overwrite_existing);
    const auto file = CacheFile::open(copy);
    std::filesystem::remove(copy);
    CPPUNIT_ASSERT(file != nullptr);
    return file->root();
}

class StoredTest : public StoredFixture {
    CPPUNIT_TEST_SUITE(StoredTest);
    CPPUNIT_TEST(answersWithoutListing);
    CPPUNIT_TEST(answersWithoutListingWhereNothingIsWatched);
    CPPUNIT_TEST(readsRecordsOnlyWhenTheyAreAskedFor);
    CPPUNIT_TEST(keepsModSeqsAndKeywords);
    CPPUNIT_TEST(seesWhatHappenedMeanwhile);
    CPPUNIT_TEST(takesRowsThatOthersAdded);
    CPPUNIT_TEST(takesRowsOfAListWrittenAnew);
    CPPUNIT_TEST(isOfNoUseWithAnotherUidValidity);
    CPPUNIT_TEST(isOfNoUseForAnotherDirectory);
    CPPUNIT_TEST(doesNotBelieveAnUncertainTime);
    CPPUNIT_TEST(doesNotBelieveARestoredTime);
    CPPUNIT_TEST(doesNotBelieveATimeWithinItsStep);
    CPPUNIT_TEST(believesATimeThatIsOlderThanItsStep);
    CPPUNIT_TEST(givesAReappearingFileANewUidAfterARestore);
    CPPUNIT_TEST(keepsFacts);
    CPPUNIT_TEST(keepsFactsOfManySaves);
    CPPUNIT_TEST(doesNotServeFactsOfOtherContent);
    CPPUNIT_TEST(doesNotServeFactsOfAnUnreadFileThatChanged);
    CPPUNIT_TEST(survivesEveryDamage);
    CPPUNIT_TEST(survivesDamageWhileItWorks);
    CPPUNIT_TEST(writesANewFileOnceItIsDeleted);
    CPPUNIT_TEST(worksWithoutAFolder);
    CPPUNIT_TEST(worksBesideAProcessThatHasTheFile);
    CPPUNIT_TEST(writesAnewWhatHasGrown);
    CPPUNIT_TEST(savesByItself);
    CPPUNIT_TEST(givesRecentOnceOverACrash);
    CPPUNIT_TEST(isUncertainWhileMessagesMoveAway);
    CPPUNIT_TEST(forgetsADeletedMailbox);
    CPPUNIT_TEST(savesAnUncertainTimeAgain);
    CPPUNIT_TEST_SUITE_END();

public:
    void answersWithoutListing() {
        const std::string seen = filled();
        const std::uint64_t listings = reopen([&](Mailbox& mailbox) {
            const auto snapshot = mailbox.snapshot();
            CPPUNIT_ASSERT_EQUAL(std::size_t(many), snapshot->size());
            CPPUNIT_ASSERT(snapshot->uidNext() == Uid{many + 1});
            CPPUNIT_ASSERT_EQUAL(std::size_t(many - many / 3), snapshot->unseen());
            CPPUNIT_ASSERT_EQUAL(seen, everything(mailbox));
        });
        CPPUNIT_ASSERT_EQUAL(std::uint64_t(0), listings);
    }

    void answersWithoutListingWhereNothingIsWatched() {
        fill(10);
        {
            const Process first = process(false);
            const auto mailbox = first.open(_maildir.path);
            mailbox->refresh();  // gives UIDs
            _maildir.age();
            mailbox->refresh();
            mailbox->save(true);
        }
        const auto listings =
            reopen([](Mailbox& mailbox) { CPPUNIT_ASSERT_EQUAL(std::size_t(10), mailbox.snapshot()->size()); }, false);
        CPPUNIT_ASSERT_EQUAL(std::uint64_t(0), listings);
    }

    void readsRecordsOnlyWhenTheyAreAskedFor() {
        (void)filled();
        (void)reopen([](Mailbox& mailbox) {
            const auto chunks = mailbox.snapshot()->chunks();
            CPPUNIT_ASSERT(chunks.size() > 2);
            for (const auto& chunk : chunks) CPPUNIT_ASSERT(!chunk->isRead());
            CPPUNIT_ASSERT(mailbox.snapshot()->find(Uid{many}).has_value());
            CPPUNIT_ASSERT(!chunks.front()->isRead() && chunks.back()->isRead());
        });
    }

    void keepsModSeqsAndKeywords() {
        fill(5);
        std::vector<ModSeq> modSeqs;
        std::vector<std::string> names;
        for (int number = 0; number < 30; ++number) names.push_back("k" + std::to_string(number));
        {
            const Process first = process();
            const auto mailbox = first.open(_maildir.path);
            mailbox->refresh();
            FlagChange change;
            change.keywords = names;
            const std::vector<Uid> uids{Uid{2}};
            mailbox->changeFlags(uids, change);
            usleep(120'000);
            for (const auto& record : mailbox->snapshot()->chunks().front()->records())
                modSeqs.push_back(record.modSeq);
            mailbox->save(true);
        }
        CPPUNIT_ASSERT(modSeqs[1] > modSeqs[0]);
        const auto listings = reopen([&](Mailbox& mailbox) {
            const auto snapshot = mailbox.snapshot();
            CPPUNIT_ASSERT_EQUAL(names.size(), keywordsOfMessage(*snapshot, Uid{2}).size());
            CPPUNIT_ASSERT(keywordsOfMessage(*snapshot, Uid{3}).empty());
            for (std::size_t number = 0; number < 5; ++number)
                CPPUNIT_ASSERT(snapshot->at(number)->modSeq == modSeqs[number]);
            CPPUNIT_ASSERT(snapshot->highestModSeq() >= modSeqs[1]);
            FlagChange change;
            change.flags = Flag::Seen;
            const std::vector<Uid> uids{Uid{4}};
            const auto after = mailbox.changeFlags(uids, change).after;
            CPPUNIT_ASSERT((*after->find(Uid{4}))->modSeq > modSeqs[1]);
        });
        CPPUNIT_ASSERT_EQUAL(std::uint64_t(0), listings);
    }

    void seesWhatHappenedMeanwhile() {
        (void)filled();
        _maildir.flag("1600000002.M1P1.host", "FS");
        _maildir.remove("1600000700.M1P1.host");
        _maildir.deliver("Subject: late\n\nlate\n", "1700000000.late");
        (void)reopen([](Mailbox& mailbox) {
            const auto snapshot = mailbox.snapshot();
            CPPUNIT_ASSERT_EQUAL(std::size_t(many), snapshot->size());
            CPPUNIT_ASSERT(flagsOf(*snapshot, Uid{2}) == (FlagSet(Flag::Flagged) | Flag::Seen));
            CPPUNIT_ASSERT(!snapshot->find(Uid{700}).has_value());
            CPPUNIT_ASSERT_EQUAL(std::string("1700000000.late"),
                                 std::string(snapshot->find(Uid{many + 1})->baseName()));
            CPPUNIT_ASSERT_EQUAL(std::string("Subject: late\n\nlate\n"), readAll(mailbox.open(Uid{many + 1})));
        });
        // A session that had been told of the modseqs is told of these changes too.
    }

    void takesRowsThatOthersAdded() {
        (void)filled(10);
        _maildir.put("1700000000.other:2,", "Subject: o\n\no\n");
        std::ofstream(_maildir.path + "/dovecot-uidlist", std::ios::app) << "77 :1700000000.other\n";
        (void)reopen([](Mailbox& mailbox) {
            const auto snapshot = mailbox.snapshot();
            CPPUNIT_ASSERT_EQUAL(std::size_t(11), snapshot->size());
            CPPUNIT_ASSERT(snapshot->find(Uid{77}).has_value() && snapshot->uidNext() == Uid{78});
        });
    }

    void takesRowsOfAListWrittenAnew() {
        (void)filled(10);
        // As Dovecot compacts it: 3 is gone, 11 and 12 have come and 12 went.
        _maildir.remove("1600000003.M1P1.host");
        _maildir.put("1700000000.other:2,", "Subject: o\n\no\n");
        std::string list;
        std::ifstream old(_maildir.path + "/dovecot-uidlist");
        for (std::string line; std::getline(old, line);) {
            if (list.empty()) line.replace(line.find(" N"), line.find(" G") - line.find(" N"), " N13");
            if (!line.starts_with("3 :")) list += line + "\n";
        }
        replaceFile(_maildir.path + "/dovecot-uidlist", list + "11 :1700000000.other\n");
        (void)reopen([](Mailbox& mailbox) {
            const auto snapshot = mailbox.snapshot();
            CPPUNIT_ASSERT_EQUAL(std::size_t(10), snapshot->size());
            CPPUNIT_ASSERT(!snapshot->find(Uid{3}).has_value() && snapshot->find(Uid{11}).has_value());
            CPPUNIT_ASSERT(snapshot->uidNext() == Uid{13});
        });
    }

    void isOfNoUseWithAnotherUidValidity() {
        (void)filled(10);
        replaceFile(_maildir.path + "/dovecot-uidlist",
                    "3 V12345 N101 G0123456789abcdef0123456789abcdef\n100 :1600000004.M1P1.host\n");
        (void)reopen([](Mailbox& mailbox) {
            const auto snapshot = mailbox.snapshot();
            CPPUNIT_ASSERT(snapshot->uidValidity() == UidValidity{12345});
            CPPUNIT_ASSERT_EQUAL(std::string("1600000004.M1P1.host"),
                                 std::string(snapshot->find(Uid{100})->baseName()));
            CPPUNIT_ASSERT(snapshot->at(0)->uid == Uid{100} && snapshot->size() == 10);
        });
    }

    void isOfNoUseForAnotherDirectory() {
        (void)filled(10);
        const std::string bytes = contentOf(file());
        const auto stored = CacheFile::open(file());
        CPPUNIT_ASSERT(stored && decodeStored(stored->root())->directory == _maildir.path);
        // A mailbox that was renamed has another file; the old one is not asked for.
        std::filesystem::rename(_maildir.path, _directory.path + "/moved");
        const Process other = process();
        const auto mailbox = other.open(_directory.path + "/moved");
        CPPUNIT_ASSERT_EQUAL(std::size_t(10), mailbox->refresh()->size());
        CPPUNIT_ASSERT(mailbox->listingCount() > 0);
    }

    void doesNotBelieveAnUncertainTime() {
        fill(10);
        {
            const Process first = process();
            const auto mailbox = first.open(_maildir.path);
            mailbox->refresh();
            _maildir.flag("1600000002.M1P1.host", "F");  // just now
            mailbox->save(false);
        }
        const auto listings = reopen(
            [](Mailbox& mailbox) { CPPUNIT_ASSERT(flagsOf(*mailbox.snapshot(), Uid{2}) == FlagSet(Flag::Flagged)); });
        CPPUNIT_ASSERT(listings > 0);
    }

    void doesNotBelieveARestoredTime() {
        (void)filled(10);
        struct stat before {};
        CPPUNIT_ASSERT_EQUAL(0, stat((_maildir.path + "/cur").c_str(), &before));
        _maildir.flag("1600000002.M1P1.host", "F");
        const timespec times[2] = {before.st_atim, before.st_mtim};
        CPPUNIT_ASSERT_EQUAL(0, utimensat(AT_FDCWD, (_maildir.path + "/cur").c_str(), times, 0));
        (void)reopen(
            [](Mailbox& mailbox) { CPPUNIT_ASSERT(flagsOf(*mailbox.snapshot(), Uid{2}) == FlagSet(Flag::Flagged)); });
    }

    // Where times have whole seconds, or every second one, a delivery in the second of the save has the same.
    void doesNotBelieveATimeWithinItsStep() {
        for (const time_t step : {1, 2}) {
            for (const bool useInotify : {true, false}) {
                const CoarseTimes coarse(step);
                bool isWithin = false;
                for (int attempt = 0; attempt < 20 && !isWithin; ++attempt) {
                    Maildir box(_directory.path + "/" + std::to_string(step) + (useInotify ? "t" : "p") +
                                std::to_string(attempt));
                    CoarseTimes::waitForStep();
                    const time_t began = CoarseTimes::presentStep();
                    box.put("1600000001.M1P1.host:2,");
                    {
                        const Process first = process(useInotify);
                        const auto mailbox = first.open(box.path);
                        mailbox->refresh();
                        mailbox->refresh();
                        mailbox->save(true);
                    }
                    box.put("1600000002.M1P1.host:2,");
                    isWithin = CoarseTimes::presentStep() == began;
                    if (!isWithin) continue;  // too slow this time
                    CPPUNIT_ASSERT_EQUAL(std::size_t(2), process(useInotify).open(box.path)->refresh()->size());
                }
                CPPUNIT_ASSERT_MESSAGE("never within one step", isWithin);
            }
        }
    }

    void believesATimeThatIsOlderThanItsStep() {
        const CoarseTimes coarse(1);
        fill(10);
        {
            const Process first = process();
            const auto mailbox = first.open(_maildir.path);
            mailbox->refresh();
            CoarseTimes::waitForStep();
            CoarseTimes::waitForStep();
            usleep(120'000);
            mailbox->save(true);
        }
        CPPUNIT_ASSERT_EQUAL(std::uint64_t(0), reopen([](Mailbox& mailbox) {
                                 CPPUNIT_ASSERT_EQUAL(std::size_t(10), mailbox.snapshot()->size());
                             }));
    }

    void givesAReappearingFileANewUidAfterARestore() {
        fill(10);
        {
            const Process first = process();
            const auto mailbox = first.open(_maildir.path);
            mailbox->refresh();
            std::filesystem::rename(_maildir.path + "/cur/1600000002.M1P1.host:2,", _directory.path + "/away");
            CPPUNIT_ASSERT(eventually(*mailbox, [](const Snapshot& snapshot) { return snapshot.size() == 9; }));
            usleep(120'000);
            mailbox->save(true);
        }
        (void)reopen([&](Mailbox& mailbox) {
            CPPUNIT_ASSERT_EQUAL(std::size_t(9), mailbox.snapshot()->size());
            std::filesystem::rename(_directory.path + "/away", _maildir.path + "/cur/1600000002.M1P1.host:2,");
            CPPUNIT_ASSERT(eventually(mailbox, [](const Snapshot& snapshot) { return snapshot.size() == 10; }));
            CPPUNIT_ASSERT(mailbox.snapshot()->find(Uid{11}).has_value());
        });
        // Dovecot must not find the name twice.
        const std::string list = _maildir.uidList();
        const std::string name = ":1600000002.M1P1.host\n";
        CPPUNIT_ASSERT_EQUAL(list.find(name), list.rfind(name));
    }

    void keepsFacts() {
        (void)filled(20);
        {
            const Process first = process();
            const auto mailbox = first.open(_maildir.path);
            mailbox->refresh();
            mailbox->structure(Uid{3});
            mailbox->storeDerived(Uid{3}, "ENVELOPE", "(\"of 3\")");
            mailbox->save(true);
        }
        (void)reopen([](Mailbox& mailbox) {
            const auto derived = mailbox.derived(Uid{3}, "ENVELOPE");
            CPPUNIT_ASSERT(derived && *derived == "(\"of 3\")");
            CPPUNIT_ASSERT(!mailbox.derived(Uid{3}, "other") && !mailbox.derived(Uid{4}, "ENVELOPE"));
        });
    }

    void keepsFactsOfManySaves() {
        fill(600);
        constexpr int rounds = 100;  // more blocks than a file keeps
        {
            const Process first = process();
            const auto mailbox = first.open(_maildir.path);
            mailbox->refresh();
            for (int round = 0; round < rounds; ++round) {
                for (std::uint32_t uid = 1 + static_cast<std::uint32_t>(round); uid <= 600; uid += 150) {
                    mailbox->internalDate(Uid{uid});
                    mailbox->storeDerived(Uid{uid}, "key " + std::to_string(round), std::to_string(uid));
                }
                mailbox->save(false);
            }
        }
        (void)reopen([](Mailbox& mailbox) {
            for (int round = 0; round < rounds; ++round) {
                for (std::uint32_t uid = 1 + static_cast<std::uint32_t>(round); uid <= 600; uid += 150) {
                    const auto derived = mailbox.derived(Uid{uid}, "key " + std::to_string(round));
                    CPPUNIT_ASSERT(derived && *derived == std::to_string(uid));
                }
            }
        });
    }

    void doesNotServeFactsOfOtherContent() {
        (void)filled(10);
        {
            const Process first = process();
            const auto mailbox = first.open(_maildir.path);
            mailbox->refresh();
            (void)mailbox->structure(Uid{1});
            mailbox->storeDerived(Uid{1}, "key", "old");
            mailbox->save(true);
        }
        write(_maildir.path + "/" + _maildir.find("1600000001.M1P1.host"), "Subject: another\n\nquite another\n");
        (void)reopen([](Mailbox& mailbox) {
            // The content is another message's: it has a new UID (RFC 3501 2.3.1.1).
            bool isGone = false;
            try {
                isGone = !mailbox.derived(Uid{1}, "key");
            } catch (const Error& error) {
                isGone = error.kind() == ErrorKind::Expunged;
            }
            CPPUNIT_ASSERT(isGone);
            const auto snapshot = mailbox.refresh();
            CPPUNIT_ASSERT(!snapshot->find(Uid{1}).has_value() && snapshot->find(Uid{11}).has_value());
            CPPUNIT_ASSERT_EQUAL(std::uint64_t(35), mailbox.structure(Uid{11})->wireOctets);
        });
    }

    void doesNotServeFactsOfAnUnreadFileThatChanged() {
        fill(3);
        {
            const Process first = process();
            const auto mailbox = first.open(_maildir.path);
            mailbox->refresh();
            mailbox->internalDate(Uid{1});  // by stat: its content was not read
            mailbox->storeDerived(Uid{1}, "key", "old");
            mailbox->save(true);
        }
        write(_maildir.path + "/" + _maildir.find("1600000001.M1P1.host"), "Subject: another\n\nquite another\n");
        (void)reopen([](Mailbox& mailbox) {
            CPPUNIT_ASSERT(!mailbox.derived(Uid{1}, "key"));
            CPPUNIT_ASSERT_EQUAL(std::uint64_t(35), mailbox.structure(Uid{1})->wireOctets);
            CPPUNIT_ASSERT(!mailbox.derived(Uid{1}, "key"));
        });
    }

    void survivesEveryDamage() {
        const std::string seen = filled(40);
        const std::string path = file(), good = contentOf(path);
        const auto check = [&](const std::string& damaged, const std::string& what) {
            write(path, damaged);
            (void)reopen([&](Mailbox& mailbox) { CPPUNIT_ASSERT_EQUAL_MESSAGE(what, seen, everything(mailbox)); });
        };
        check(good, "whole");
        const std::size_t step = std::max<std::size_t>(1, good.size() / 150);
        for (std::size_t at = 0; at < good.size(); at += step) {
            std::string bad = good;
            bad[at] = static_cast<char>(bad[at] ^ (1 << (at % 8)));
            check(bad, "bit flipped at " + std::to_string(at));
            check(good.substr(0, at), "cut at " + std::to_string(at));
        }
        check(good + "x", "longer");
        check(std::string(good.size(), '\0'), "zeroes");
        check(good + good, "twice");
    }

    void survivesDamageWhileItWorks() {
        const std::string seen = filled();
        const std::string path = file(), good = contentOf(path);
        for (const bool isCut : {true, false}) {
            write(path, good);
            (void)reopen([&](Mailbox& mailbox) {
                CPPUNIT_ASSERT(!mailbox.snapshot()->chunks().front()->isRead());
                write(path, isCut ? std::string() : std::string(good.size(), 'x'));
                CPPUNIT_ASSERT_EQUAL(seen, everything(mailbox));
                mailbox.refresh();
                CPPUNIT_ASSERT_EQUAL(seen, everything(mailbox));
                mailbox.save(true);
            });
            (void)reopen([&](Mailbox& mailbox) { CPPUNIT_ASSERT_EQUAL(seen, everything(mailbox)); });
        }
    }

    void writesANewFileOnceItIsDeleted() {
        const std::string seen = filled(30);
        const Process other = process();
        const auto mailbox = other.open(_maildir.path);
        mailbox->refresh();
        std::filesystem::remove_all(_cache);
        CPPUNIT_ASSERT_EQUAL(seen, everything(*mailbox));
        FlagChange change;
        change.flags = Flag::Draft;
        const std::vector<Uid> uids{Uid{2}};
        mailbox->changeFlags(uids, change);
        mailbox->save(true);
        CPPUNIT_ASSERT(std::filesystem::exists(file()));
        CPPUNIT_ASSERT(other.complaints().empty());
    }

    void worksWithoutAFolder() {
        fill(3);
        write(_cache, "no folder");
        const Process other = process();
        const auto mailbox = other.open(_maildir.path);
        CPPUNIT_ASSERT_EQUAL(std::size_t(3), mailbox->refresh()->size());
        (void)everything(*mailbox);
        mailbox->save(true);
        mailbox->save(true);
        CPPUNIT_ASSERT_EQUAL(std::size_t(1), other.complaints().size());
        CPPUNIT_ASSERT(mailbox->saving() == Mailbox::Saving::Later);
    }

    void worksBesideAProcessThatHasTheFile() {
        const std::string seen = filled(10);
        const Process one = process(), two = process();
        const auto first = one.open(_maildir.path), second = two.open(_maildir.path);
        first->refresh();
        second->refresh();
        CPPUNIT_ASSERT_EQUAL(seen, everything(*first));
        CPPUNIT_ASSERT_EQUAL(seen, everything(*second));
        second->save(true);
        CPPUNIT_ASSERT(two.complaints().empty());
        _maildir.deliver("Subject: new\n\nnew\n", "1700000000.new");
        const auto hasEleven = [](const Snapshot& snapshot) { return snapshot.size() == 11; };
        CPPUNIT_ASSERT(eventually(*first, hasEleven) && eventually(*second, hasEleven));
        usleep(120'000);
        first->save(true);
        second->save(true);
    }

    void writesAnewWhatHasGrown() {
        fill(5);
        const Process one = process();
        const auto mailbox = one.open(_maildir.path);
        mailbox->refresh();
        (void)everything(*mailbox);
        const std::string large(400'000, 'x');
        for (int round = 0; round < 60; ++round) {
            mailbox->storeDerived(Uid{1}, "large", large);
            mailbox->internalDate(Uid{1});
            mailbox->storeDerived(Uid{2}, "round " + std::to_string(round), std::to_string(round));
            mailbox->storeDerived(Uid{1}, "r" + std::to_string(round), "");
            mailbox->save(false);
        }
        CPPUNIT_ASSERT(std::filesystem::file_size(file()) < 20'000'000);
    }

    void savesByItself() {
        fill(10);
        {
            const Process one = process();
            MailStore store(one.options(), 1000);
            const auto mailbox = store.open(_maildir.path);
            mailbox->refresh();
            for (int i = 0; i < 100 && mailbox->saving() != Mailbox::Saving::Nothing; ++i) usleep(50'000);
            CPPUNIT_ASSERT(mailbox->saving() == Mailbox::Saving::Nothing);
            CPPUNIT_ASSERT(std::filesystem::exists(file()));
            FlagChange change;
            change.flags = Flag::Draft;
            const std::vector<Uid> uids{Uid{2}};
            mailbox->changeFlags(uids, change);
        }
        // The end of the store saved the rest.
        const auto listings =
            reopen([](Mailbox& mailbox) { CPPUNIT_ASSERT(flagsOf(*mailbox.snapshot(), Uid{2}).has(Flag::Draft)); });
        CPPUNIT_ASSERT_EQUAL(std::uint64_t(0), listings);
    }

    void givesRecentOnceOverACrash() {
        _maildir.deliver("Subject: new\n\nnew\n", "1600000001.new");
        _maildir.age();
        {
            const Process one = process();
            const auto mailbox = one.open(_maildir.path);
            mailbox->refresh();
            append(*mailbox, "Subject: a\r\n\r\na\r\n", Flag::Seen);  // into cur/
            usleep(120'000);
            mailbox->save(true);
            CPPUNIT_ASSERT_EQUAL(std::size_t(2), mailbox->snapshot()->recentUnclaimed());
        }
        // Nobody was given it yet of what lies in new/.
        (void)reopen([](Mailbox& mailbox) {
            CPPUNIT_ASSERT_EQUAL(std::size_t(1), mailbox.snapshot()->recentUnclaimed());
            CPPUNIT_ASSERT_EQUAL(std::size_t(1), mailbox.claimRecent().size());
        });
        // The claim was not saved: as after a crash.
        (void)reopen([](Mailbox& mailbox) {
            CPPUNIT_ASSERT_EQUAL(std::size_t(0), mailbox.snapshot()->recentUnclaimed());
            CPPUNIT_ASSERT(mailbox.claimRecent().empty());
        });
    }

    void isUncertainWhileMessagesMoveAway() {
        fill(3);
        const Maildir other(_directory.path + "/other");
        const Process one = process();
        const auto source = one.open(_maildir.path), target = one.open(other.path);
        const std::vector<Uid> uids = uidsOf(*source->refresh());
        target->refresh();
        std::jthread mover;  // ends after the lock, whatever fails
        {
            // The move waits for the target's list.
            const DotLock lock(other.path + "/dovecot-uidlist.lock", 1000);
            mover = std::jthread([&] { target->moveFrom(*source, uids); });
            usleep(200'000);
            source->save(true);
            CPPUNIT_ASSERT(!decodeStored(rootOf(file()))->isCertain);
        }
        mover.join();
        usleep(120'000);
        source->save(true);
        const auto stored = decodeStored(rootOf(file()));
        CPPUNIT_ASSERT(stored->isCertain && stored->chunks.empty());
    }

    void forgetsADeletedMailbox() {
        (void)filled(3);
        CPPUNIT_ASSERT(std::filesystem::exists(file()));
        const std::string path = file();
        const Process one = process();
        MailStore store(one.options(), 1000);
        store.open(_maildir.path)->refresh();
        std::filesystem::rename(_maildir.path, _directory.path + "/deleted");
        store.forget(_maildir.path);
        CPPUNIT_ASSERT(!std::filesystem::exists(path));
    }

    void savesAnUncertainTimeAgain() {
        fill(3);
        const Process one = process();
        const auto mailbox = one.open(_maildir.path);
        mailbox->refresh();
        _maildir.flag("1600000002.M1P1.host", "F");
        mailbox->refresh();
        mailbox->save(false);
        CPPUNIT_ASSERT(mailbox->saving() != Mailbox::Saving::Nothing);
        CPPUNIT_ASSERT(!decodeStored(rootOf(file()))->isCertain);
        usleep(120'000);
        mailbox->save(false);
        CPPUNIT_ASSERT(mailbox->saving() == Mailbox::Saving::Nothing);
        CPPUNIT_ASSERT(decodeStored(rootOf(file()))->isCertain);
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(StoredTest);

}  // namespace

}  // namespace maildir::test
