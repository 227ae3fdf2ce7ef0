// Several at once in one mailbox: two processes of ours, and programs that deliver and rename meanwhile. Every loop is
// bounded; what is checked holds whatever the timing.
#include <atomic>
#include <chrono>
#include <iostream>
#include <mutex>
#include <random>
#include <thread>

#include "MaildirFixture.h"
#include "maildir/mailbox/MailboxState.h"

namespace maildir::test {

namespace {

// Runs the functions at once; what one of them throws fails the test.
void together(const std::vector<std::function<void()>>& functions) {
    std::vector<std::thread> threads;
    std::mutex mutex;
    std::string failure;
    for (const auto& function : functions) {
        threads.emplace_back([&] {
            try {
                function();
            } catch (const CppUnit::Exception& error) {
                const std::lock_guard lock(mutex);
                failure = error.what();
            } catch (const std::exception& error) {
                const std::lock_guard lock(mutex);
                failure = error.what();
            }
        });
    }
    for (std::thread& thread : threads) thread.join();
    CPPUNIT_ASSERT_EQUAL(std::string(), failure);
}

class RaceTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(RaceTest);
    CPPUNIT_TEST(twoProcessesAddAndFlag);
    CPPUNIT_TEST(agreesOnUidsOfDeliveries);
    CPPUNIT_TEST(commitsDeliveriesTogether);
    CPPUNIT_TEST(losesNothingToARenamer);
    CPPUNIT_TEST(losesNothingToARenamerByPolling);
    CPPUNIT_TEST(readsWhileARenamerWorks);
    CPPUNIT_TEST(copiesBackAndForth);
    CPPUNIT_TEST(takesBackCopiesThatWereRenamed);
    CPPUNIT_TEST(removesUnderAnyName);
    CPPUNIT_TEST(movesBackAndForth);
    CPPUNIT_TEST(givesRecentToOne);
    CPPUNIT_TEST(keepsToTheModel);
    CPPUNIT_TEST_SUITE_END();

    TemporaryDirectory _directory;
    Maildir _maildir{_directory.path + "/box"};
    Process _process, _other;

    void checkList(std::size_t messages) const {
        const std::string list = _maildir.uidList();
        std::set<std::string> names;
        std::uint32_t last = 0;
        std::size_t rows = 0;
        for (std::size_t at = list.find('\n') + 1; at < list.size();) {
            const std::size_t end = list.find('\n', at);
            CPPUNIT_ASSERT(end != std::string::npos);
            const auto uid = static_cast<std::uint32_t>(std::stoul(list.substr(at)));
            CPPUNIT_ASSERT(uid > last);
            last = uid;
            names.insert(list.substr(list.find(" :", at), end - list.find(" :", at)));
            ++rows;
            at = end + 1;
        }
        CPPUNIT_ASSERT_EQUAL(messages, rows);
        CPPUNIT_ASSERT_EQUAL(messages, names.size());
    }

public:
    void twoProcessesAddAndFlag() {
        const auto here = _process.open(_maildir.path), there = _other.open(_maildir.path);
        constexpr int count = 15;
        std::mutex mutex;
        std::set<Uid> uids;
        const auto add = [&](Mailbox& mailbox) {
            for (int i = 0; i < count; ++i) {
                const Uid uid = append(mailbox, "x\r\n").uid;
                const std::lock_guard lock(mutex);
                CPPUNIT_ASSERT(uids.insert(uid).second);
            }
        };
        together({[&] { add(*here); }, [&] { add(*here); }, [&] { add(*there); }, [&] { _maildir.deliver(); }});
        here->refresh();
        there->refresh();
        const auto all = uidsOf(*here->snapshot());
        CPPUNIT_ASSERT_EQUAL(std::size_t(3 * count + 1), all.size());
        const auto flag = [&](Mailbox& mailbox, Flag each, const std::string& keyword) {
            for (const Uid uid : all) {
                mailbox.changeFlags(std::vector<Uid>{uid}, {FlagChange::Add, each, {keyword}});
                mailbox.changeFlags(std::vector<Uid>{uid}, {FlagChange::Remove, {}, {keyword}});
            }
        };
        together({[&] { flag(*here, Flag::Seen, "a"); }, [&] { flag(*here, Flag::Flagged, "b"); },
                  [&] { flag(*there, Flag::Answered, "c"); }, [&] { flag(*there, Flag::Draft, "d"); }});
        const auto snapshot = Process().open(_maildir.path)->refresh();
        for (const Uid uid : all) {
            CPPUNIT_ASSERT(flagsOf(*snapshot, uid) ==
                           (FlagSet(Flag::Seen) | Flag::Flagged | Flag::Answered | Flag::Draft));
            CPPUNIT_ASSERT(keywordsOfMessage(*snapshot, uid).empty());
        }
        checkList(all.size());
    }

    void agreesOnUidsOfDeliveries() {
        const auto here = _process.open(_maildir.path), there = _other.open(_maildir.path);
        constexpr int count = 60;
        std::atomic<bool> isDone{false};
        std::mutex mutex;
        std::map<std::string, Uid> told;
        const auto look = [&](Mailbox& mailbox) {
            std::vector<std::string> before;
            for (bool last = false; !last;) {
                last = isDone;
                const auto snapshot = mailbox.refresh();
                if (snapshot->size() > 0) mailbox.claimRecent();
                const std::vector<std::string> now = listing(*snapshot);
                // UIDs come at the end only.
                CPPUNIT_ASSERT(now.size() >= before.size());
                CPPUNIT_ASSERT(std::equal(before.begin(), before.end(), now.begin()));
                before = now;
            }
            const auto snapshot = mailbox.refresh();
            for (std::size_t i = 0; i < snapshot->size(); ++i) {
                const std::lock_guard lock(mutex);
                const auto [entry, isNew] = told.emplace(snapshot->at(i).baseName(), snapshot->at(i)->uid);
                CPPUNIT_ASSERT(isNew || entry->second == snapshot->at(i)->uid);
            }
        };
        together({[&] { look(*here); }, [&] { look(*there); },
                  [&] {
                      for (int i = 0; i < count; ++i) _maildir.deliver();
                      isDone = true;
                  }});
        CPPUNIT_ASSERT_EQUAL(std::size_t(count), told.size());
        checkList(count);
    }

    // Renames every message again and again, until it is told to end.
    void renameAll(const std::vector<std::string>& bases, const std::atomic<bool>& isDone) {
        std::vector<std::string> names = bases;
        for (std::string& name : names) name += ":2,";
        for (std::size_t round = 0; !isDone && round < 2000000; ++round) {
            for (std::size_t i = 0; i < bases.size() && !isDone; ++i) {
                const std::string next = bases[i] + ":2," + (round % 2 == 0 ? "S" : "");
                std::filesystem::rename(_maildir.path + "/cur/" + names[i], _maildir.path + "/cur/" + next);
                names[i] = next;
            }
        }
    }

    std::vector<std::string> fill(int count) {
        std::vector<std::string> bases;
        for (int i = 0; i < count; ++i) {
            bases.push_back(
                _maildir.put(std::to_string(1600000000 + i) + ".M" + std::to_string(i * 7919) + "P1.host:2,"));
        }
        return bases;
    }

    void raceWithRenamer(bool useInotify) {
        const std::vector<std::string> bases = fill(1500);  // several blocks of a listing
        const Process process(useInotify);
        const auto mailbox = process.open(_maildir.path);
        const std::string expected = joined(listing(*mailbox->refresh()));
        std::atomic<bool> isDone{false};
        together({[&] { renameAll(bases, isDone); },
                  [&] {
                      for (int i = 0; i < 25; ++i) {
                          std::string now = joined(listing(*mailbox->refresh()));
                          if (i % 5 == 0) now = joined(listing(*Process(useInotify).open(_maildir.path)->refresh()));
                          if (now != expected) isDone = true;
                          CPPUNIT_ASSERT(now == expected);
                      }
                      isDone = true;
                  }});
        CPPUNIT_ASSERT(joined(listing(*mailbox->refresh())) == expected);
        checkList(bases.size());
    }
    // Deliveries that wait for the writer's lock are committed by whoever has it; one of them that fails does not take
    // the others along.
    void commitsDeliveriesTogether() {
        constexpr int threads = 8, each = 20;
        const auto mailbox = _process.open(_maildir.path);
        std::mutex mutex;
        std::map<std::uint32_t, std::string> told;
        std::vector<std::function<void()>> functions;
        for (int thread = 0; thread < threads; ++thread) {
            functions.emplace_back([&, thread] {
                for (int number = 0; number < each; ++number) {
                    const std::string name = std::to_string(thread) + "-" + std::to_string(number);
                    if (number % 5 == 4) {
                        CPPUNIT_ASSERT_THROW(append(*mailbox, name, {}, {"no keyword"}), Error);
                        continue;
                    }
                    std::vector<std::string> keywords;
                    if (number % 2 == 1) keywords.push_back("word" + std::to_string(thread));
                    const DeliveryResult result = append(*mailbox, name, {}, keywords);
                    const std::lock_guard lock(mutex);
                    CPPUNIT_ASSERT(told.emplace(result.uid.value, name).second);
                }
            });
        }
        together(functions);
        checkList(told.size());
        const auto other = _other.open(_maildir.path);
        CPPUNIT_ASSERT_EQUAL(told.size(), other->refresh()->size());
        CPPUNIT_ASSERT_EQUAL(std::size_t{0}, _maildir.count("tmp"));
        for (const auto& [uid, content] : told) {
            CPPUNIT_ASSERT_EQUAL(content, readAll(other->open(Uid{uid})));
        }
    }

    void losesNothingToARenamer() { raceWithRenamer(true); }
    void losesNothingToARenamerByPolling() { raceWithRenamer(false); }

    void readsWhileARenamerWorks() {
        const std::vector<std::string> bases = fill(5);
        Maildir targetDirectory(_directory.path + "/target");
        const auto mailbox = _process.open(_maildir.path), target = _process.open(targetDirectory.path);
        const std::vector<Uid> uids = uidsOf(*mailbox->refresh());
        std::atomic<bool> isDone{false};
        std::size_t read = 0, flagged = 0;
        together({[&] { renameAll(bases, isDone); },
                  [&] {
                      for (int i = 0; i < 60; ++i) {
                          const Uid uid = uids[static_cast<std::size_t>(i) % uids.size()];
                          // To be given up is allowed to, to lose the message is not.
                          try {
                              read += readAll(mailbox->open(uid)).empty() ? 0u : 1u;
                          } catch (const Error& error) {
                              CPPUNIT_ASSERT(error.kind() == ErrorKind::Expunged);
                          }
                          mailbox->refresh();
                      }
                      isDone = true;
                  }});
        CPPUNIT_ASSERT(read > 30);
        for (const Uid uid : uids) {
            flagged += mailbox->changeFlags(std::vector<Uid>{uid}, {FlagChange::Add, Flag::Draft, {}}).expunged.size();
        }
        CPPUNIT_ASSERT_EQUAL(std::size_t(0), flagged);
        CPPUNIT_ASSERT_EQUAL(uids.size(), mailbox->refresh()->size());
    }

    void copiesBackAndForth() {
        Maildir second(_directory.path + "/second");
        const auto one = _process.open(_maildir.path), other = _process.open(second.path);
        append(*one, "x\r\n");
        append(*other, "x\r\n");
        const std::vector<Uid> uid{Uid{1}};
        const auto copy = [&](Mailbox& to, Mailbox& from) {
            for (int i = 0; i < 20; ++i) CPPUNIT_ASSERT(!to.copyFrom(from, uid).someExpunged);
        };
        together({[&] { copy(*one, *other); }, [&] { copy(*other, *one); }});
        CPPUNIT_ASSERT_EQUAL(std::size_t(42), one->refresh()->size() + other->refresh()->size());
    }

    // What a copy that fails has linked already is taken back, though a program renames it at once.
    void takesBackCopiesThatWereRenamed() {
        const std::vector<std::string> bases = fill(60);
        Maildir targetDirectory(_directory.path + "/target");
        const auto mailbox = _process.open(_maildir.path), target = _process.open(targetDirectory.path);
        const std::vector<Uid> uids = uidsOf(*mailbox->refresh());
        std::atomic<bool> isDone{false};
        std::set<Uid> told;
        const auto renameCopies = [&] {
            while (!isDone) {
                for (const std::string& name : listDirectory(targetDirectory.path + "/cur")) {
                    const std::string path = targetDirectory.path + "/cur/";
                    const std::string other =
                        path + std::string(baseNameOf(name)) + ":2," + (name.ends_with("R") ? "" : "R");
                    (void)rename((path + name).c_str(), other.c_str());
                }
                std::this_thread::sleep_for(std::chrono::microseconds(100));
            }
        };
        const auto copyAll = [&] {
            for (int i = 0; i < 60; ++i) {
                try {
                    const CopyResult result = target->copyFrom(*mailbox, uids);
                    told.insert(result.target.begin(), result.target.end());
                    if (!result.someExpunged) target->expunge(result.target, false);  // few at a time
                } catch (const Error& error) {
                    CPPUNIT_ASSERT(error.kind() == ErrorKind::Busy);
                }
            }
            isDone = true;
        };
        together({[&] { renameAll({bases.back()}, isDone); }, renameCopies, copyAll});
        CPPUNIT_ASSERT(!told.empty());
        const std::vector<Uid> left = uidsOf(*target->refresh());
        for (const Uid uid : left) CPPUNIT_ASSERT(told.contains(uid));
        CPPUNIT_ASSERT_EQUAL(left.size(), targetDirectory.fileCount());
    }

    void removesUnderAnyName() {
        _maildir.put("1600000000.M1P1.host,S=3:2,RS");
        _maildir.put("1600000000.M1P1.host2,S=3:2,");
        removeUnderAnyName(_maildir.path + "/new/1600000000.M1P1.host,S=3");
        CPPUNIT_ASSERT_EQUAL(std::size_t(1), _maildir.fileCount());
        removeUnderAnyName(_maildir.path + "/cur/1600000000.M1P1.host,S=3:2,S");  // nothing to remove
        removeUnderAnyName(_maildir.path + "/cur/1600000000.M1P1.host2,S=3:2,");
        CPPUNIT_ASSERT_EQUAL(std::size_t(0), _maildir.fileCount());
        removeUnderAnyName(_directory.path + "/nowhere/cur/1600000000.M1P1.host");
    }

    void movesBackAndForth() {
        Maildir second(_directory.path + "/second");
        const auto one = _process.open(_maildir.path), other = _process.open(second.path);
        constexpr int count = 30;
        for (int i = 0; i < count; ++i) append(*one, "message " + std::to_string(i) + "\r\n");
        const auto move = [](Mailbox& to, Mailbox& from) {
            for (int i = 0; i < 15; ++i) {
                const std::vector<Uid> uids = uidsOf(*from.refresh());
                to.moveFrom(from, std::span(uids).first(std::min<std::size_t>(uids.size(), 5)));
            }
        };
        const auto look = [](Mailbox& mailbox) {
            for (int i = 0; i < 40; ++i) mailbox.refresh();
        };
        together({[&] { move(*other, *one); }, [&] { move(*one, *other); }, [&] { move(*other, *one); },
                  [&] { look(*one); }, [&] { look(*other); }});
        std::multiset<std::string> contents;
        for (const auto& mailbox : {one, other}) {
            for (const Uid uid : uidsOf(*mailbox->refresh())) contents.insert(readAll(mailbox->open(uid)));
        }
        CPPUNIT_ASSERT_EQUAL(std::size_t(count), contents.size());
        for (int i = 0; i < count; ++i) {
            CPPUNIT_ASSERT_EQUAL(std::size_t(1), contents.count("message " + std::to_string(i) + "\n"));
        }
        CPPUNIT_ASSERT_EQUAL(std::size_t(count), _maildir.fileCount() + second.fileCount());
    }

    // Four sessions of two processes ask for \Recent while messages come in: one has it of each.
    void givesRecentToOne() {
        const auto here = _process.open(_maildir.path), there = _other.open(_maildir.path);
        constexpr int count = 150;
        std::atomic<bool> isDone{false};
        std::mutex mutex;
        std::multiset<Uid> claimed;
        const auto claim = [&](Mailbox& mailbox) {
            for (bool last = false; !last;) {
                last = isDone;
                mailbox.refresh();
                for (const Uid uid : mailbox.claimRecent()) {
                    const std::lock_guard lock(mutex);
                    claimed.insert(uid);
                }
            }
        };
        together({[&] { claim(*here); }, [&] { claim(*here); }, [&] { claim(*there); }, [&] { claim(*there); },
                  [&] {
                      for (int i = 0; i < count; ++i) _maildir.deliver();
                      isDone = true;
                  }});
        const std::vector<Uid> all = uidsOf(*here->refresh());
        CPPUNIT_ASSERT_EQUAL(std::size_t(count), all.size());
        CPPUNIT_ASSERT(std::multiset<Uid>(all.begin(), all.end()) == claimed);
    }

    // Random acts of two processes and of a third program; each message stays under its UID until it is expunged.
    void keepsToTheModel() {
        const unsigned seed = std::random_device()();
        std::mt19937 random(seed);
        const auto pick = [&random](std::size_t below) { return random() % below; };
        const std::shared_ptr<Mailbox> boxes[] = {_process.open(_maildir.path), _other.open(_maildir.path)};
        std::map<std::string, Uid> uidOf;      // by base name
        std::map<std::string, FlagSet> flags;  // as files should have them
        for (int step = 0; step < 250; ++step) {
            Mailbox& mailbox = *boxes[pick(2)];
            std::vector<std::string> bases;
            for (const auto& [base, set] : flags) bases.push_back(base);
            const std::string base = bases.empty() ? std::string() : bases[pick(bases.size())];
            const bool isKnown = uidOf.contains(base);
            const std::vector<Uid> uid{isKnown ? uidOf[base] : Uid{}};
            switch (pick(8)) {
                case 0:
                    flags[_maildir.deliver()] = {};
                    break;
                case 1: {
                    const Uid added = append(mailbox, "x\r\n", Flag::Draft).uid;
                    const auto now = mailbox.snapshot();
                    flags[std::string(now->find(added)->baseName())] = Flag::Draft;
                    break;
                }
                case 2:
                    if (base.empty()) break;
                    _maildir.flag(base, "FS");
                    flags[base] = FlagSet(Flag::Flagged) | Flag::Seen;
                    break;
                case 3:
                    if (base.empty()) break;
                    _maildir.remove(base);
                    flags.erase(base);
                    break;
                case 4:
                    if (!isKnown) break;
                    CPPUNIT_ASSERT(mailbox.expunge(uid, false).size() == 1);
                    flags.erase(base);
                    break;
                case 5:
                    if (!isKnown) break;
                    CPPUNIT_ASSERT(mailbox.changeFlags(uid, {FlagChange::Add, Flag::Answered, {}}).expunged.empty());
                    flags[base] = flags[base] | Flag::Answered;
                    break;
                case 6:
                    mailbox.claimRecent();
                    break;
                default:
                    break;
            }
            const auto snapshot = mailbox.refresh();
            const std::string context = "seed " + std::to_string(seed) + " step " + std::to_string(step);
            CPPUNIT_ASSERT_EQUAL_MESSAGE(context, flags.size(), snapshot->size());
            for (std::size_t i = 0; i < snapshot->size(); ++i) {
                const RecordRef record = snapshot->at(i);
                const std::string name(record.baseName());
                CPPUNIT_ASSERT_MESSAGE(context, flags.contains(name) && flags[name] == record->flags);
                const auto [entry, isNew] = uidOf.emplace(name, record->uid);
                CPPUNIT_ASSERT_MESSAGE(context, entry->second == record->uid);
                CPPUNIT_ASSERT_MESSAGE(context, record->uid < snapshot->uidNext());
            }
        }
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(RaceTest);

}  // namespace

}  // namespace maildir::test
