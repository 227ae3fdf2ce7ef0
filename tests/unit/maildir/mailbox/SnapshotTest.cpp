// Snapshots against a naive model with random histories, and the table of names against a standard one.
#include <map>
#include <random>
#include <unordered_map>

#include "MaildirFixture.h"
#include "maildir/mailbox/NameIndex.h"

namespace maildir::test {

namespace {

using Model = std::map<std::uint32_t, FlagSet>;

std::string nameOf(std::uint32_t uid) {
    return std::to_string(uid) + ".M1P1.host:2,";
}

class SnapshotTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(SnapshotTest);
    CPPUNIT_TEST(isAsItWasBuilt);
    CPPUNIT_TEST(differsAsTheModelDoes);
    CPPUNIT_TEST(keepsFewChunks);
    CPPUNIT_TEST(sharesChunks);
    CPPUNIT_TEST(indexesLikeAStandardMap);
    CPPUNIT_TEST(indexStaysSmall);
    CPPUNIT_TEST_SUITE_END();

    static Record recordOf(std::uint32_t uid, FlagSet flags) {
        Record record;
        record.uid = Uid{uid};
        record.flags = flags;
        return record;
    }

    // As a mailbox does it: untouched chunks are taken over.
    static std::shared_ptr<const Snapshot> next(const Snapshot& base, const Model& is) {
        SnapshotBuilder builder;
        std::uint32_t last = 0;
        for (const auto& chunk : base.chunks()) {
            last = chunk->records().back().uid.value;
            const auto isSame = [&](const Record& record) {
                const auto now = is.find(record.uid.value);
                return now != is.end() && now->second == record.flags;
            };
            if (std::all_of(chunk->records().begin(), chunk->records().end(), isSame)) {
                builder.addChunk(chunk);
                continue;
            }
            std::size_t done = 0;
            for (std::size_t i = 0; i < chunk->records().size(); ++i) {
                const Record& record = chunk->records()[i];
                if (isSame(record)) continue;
                builder.addRun(*chunk, done, i);
                done = i + 1;
                const auto now = is.find(record.uid.value);
                if (now != is.end()) builder.add(recordOf(now->first, now->second), nameOf(now->first));
            }
            builder.addRun(*chunk, done, chunk->records().size());
        }
        for (auto each = is.upper_bound(last); each != is.end(); ++each) {
            builder.add(recordOf(each->first, each->second), nameOf(each->first));
        }
        builder.setHeader({}, {}, {}, std::make_shared<const KeywordTable>(), base.generation() + 1);
        return builder.finish();
    }

    static void checkSame(const Snapshot& snapshot, const Model& model, const std::string& context) {
        CPPUNIT_ASSERT_EQUAL_MESSAGE(context, model.size(), snapshot.size());
        std::size_t index = 0, unseen = 0, chunk = 0;
        for (const auto& [uid, flags] : model) {
            const RecordRef record = snapshot.at(index);
            CPPUNIT_ASSERT(snapshot.at(index, chunk).record == record.record);
            std::size_t any = (index * 7) % (snapshot.chunks().size() + 2);
            CPPUNIT_ASSERT(snapshot.at(index, any).record == record.record && any == chunk);
            CPPUNIT_ASSERT_EQUAL_MESSAGE(context, uid, record->uid.value);
            CPPUNIT_ASSERT_MESSAGE(context, record->flags == flags && record.fileName() == nameOf(uid));
            CPPUNIT_ASSERT_MESSAGE(context, snapshot.indexOf(Uid{uid}) == index);
            unseen += flags.has(Flag::Seen) ? 0u : 1u;
            ++index;
        }
        CPPUNIT_ASSERT_EQUAL_MESSAGE(context, unseen, snapshot.unseen());
    }

    static void mutate(std::mt19937& random, Model& model, std::uint32_t& nextUid) {
        const unsigned adds =
            random() % 3 == 0 ? static_cast<unsigned>(random() % 700) : static_cast<unsigned>(random() % 3);
        for (unsigned i = 0; i < adds; ++i) {
            model[nextUid] = {};
            nextUid += 1 + static_cast<std::uint32_t>(random() % 3);
        }
        const unsigned share = static_cast<unsigned>(random() % 8 == 0 ? 2 : 300);
        for (auto each = model.begin(); each != model.end();) {
            const auto chance = random() % share;
            if (chance == 0) {
                each = model.erase(each);
                continue;
            }
            if (chance == 1) each->second = FlagSet::fromBits(static_cast<std::uint8_t>(random() % 32));
            ++each;
        }
    }

public:
    void isAsItWasBuilt() {
        const auto empty = SnapshotBuilder().finish();
        CPPUNIT_ASSERT_EQUAL(std::size_t(0), empty->size());
        CPPUNIT_ASSERT_EQUAL(std::size_t(0), empty->lowerBound(Uid{1}));
        CPPUNIT_ASSERT(!empty->find(Uid{1}));
        SnapshotBuilder builder;
        Model model;
        for (std::uint32_t uid = 2; uid < 4000; uid += 2) {
            model[uid] = uid % 3 == 0 ? Flag::Seen : Flag::Draft;
            builder.add(recordOf(uid, model[uid]), nameOf(uid));
        }
        const auto snapshot = builder.finish();
        checkSame(*snapshot, model, "built");
        CPPUNIT_ASSERT(!snapshot->find(Uid{3}));
        CPPUNIT_ASSERT_EQUAL(std::size_t(1), snapshot->lowerBound(Uid{3}));
        CPPUNIT_ASSERT_EQUAL(snapshot->size(), snapshot->lowerBound(Uid{5000}));
    }

    void differsAsTheModelDoes() {
        const unsigned seed = std::random_device()();
        std::mt19937 random(seed);
        for (int history = 0; history < 8; ++history) {
            Model model;
            std::uint32_t nextUid = 1;
            auto snapshot = SnapshotBuilder().finish();
            for (int step = 0; step < 25; ++step) {
                const std::string context = "seed " + std::to_string(seed) + " history " + std::to_string(history) +
                                            " step " + std::to_string(step);
                const Model before = model;
                const auto older = snapshot;
                for (auto rounds = 1 + random() % 3; rounds > 0; --rounds) {
                    mutate(random, model, nextUid);
                    snapshot = next(*snapshot, model);
                }
                checkSame(*snapshot, model, context);
                std::vector<Uid> vanished, changed;
                std::size_t appeared = 0;
                Model together = model;
                for (const auto& [uid, flags] : before) {
                    const auto now = model.find(uid);
                    if (now == model.end()) {
                        vanished.push_back(Uid{uid});
                        together[uid] = flags;
                    } else if (now->second != flags) {
                        changed.push_back(Uid{uid});
                    }
                }
                for (const auto& [uid, flags] : model) appeared += before.contains(uid) ? 0u : 1u;
                const Difference news = difference(*older, *snapshot);
                CPPUNIT_ASSERT_MESSAGE(context, news.vanished == vanished);
                CPPUNIT_ASSERT_MESSAGE(context, news.changed == changed);
                CPPUNIT_ASSERT_EQUAL_MESSAGE(context, appeared, news.appeared);
                const auto held = withVanished(*snapshot, *older, vanished);
                checkSame(*held, together, context);
                CPPUNIT_ASSERT_MESSAGE(context, difference(*held, *snapshot).vanished == vanished);
                CPPUNIT_ASSERT_MESSAGE(context, difference(*older, *held).vanished.empty());
            }
        }
    }

    void keepsFewChunks() {
        Model model;
        auto snapshot = SnapshotBuilder().finish();
        for (std::uint32_t uid = 1; uid <= 3000; ++uid) {
            model[uid] = {};
            snapshot = next(*snapshot, model);
        }
        CPPUNIT_ASSERT_EQUAL(std::size_t(3000), snapshot->size());
        CPPUNIT_ASSERT(snapshot->chunks().size() <= 3000 / (Chunk::capacity / 4));
        // All but one message in fifty go, one by one.
        for (std::uint32_t uid = 1; uid <= 3000; ++uid) {
            if (uid % 50 == 0) continue;
            model.erase(uid);
            snapshot = next(*snapshot, model);
        }
        CPPUNIT_ASSERT_EQUAL(std::size_t(60), snapshot->size());
        CPPUNIT_ASSERT(snapshot->chunks().size() <= 3);
    }

    void sharesChunks() {
        Model model;
        for (std::uint32_t uid = 1; uid <= 10 * Chunk::capacity; ++uid) model[uid] = {};
        const auto first = next(*SnapshotBuilder().finish(), model);
        model[5] = Flag::Seen;
        model[20 * Chunk::capacity] = {};
        const auto second = next(*first, model);
        std::size_t shared = 0;
        for (const auto& chunk : second->chunks()) {
            shared += static_cast<std::size_t>(std::count(first->chunks().begin(), first->chunks().end(), chunk));
        }
        CPPUNIT_ASSERT_EQUAL(std::size_t(9), shared);
    }

    void indexesLikeAStandardMap() {
        const unsigned seed = std::random_device()();
        std::mt19937 random(seed);
        NameIndex index;
        std::unordered_multimap<std::uint64_t, Uid> model;
        for (std::uint32_t step = 1; step < 30000; ++step) {
            const std::uint64_t hash = random() % 4000 * 0x100000001ull;  // with names that share a hash
            if (random() % 2 == 0) {
                index.insert(hash, Uid{step});
                model.emplace(hash, Uid{step});
            } else if (const auto found = model.find(hash); found != model.end()) {
                index.erase(hash, found->second);
                model.erase(found);
            } else {
                index.erase(hash, Uid{step});
            }
            std::multiset<std::uint32_t> expected, got;
            const auto [from, to] = model.equal_range(hash);
            for (auto each = from; each != to; ++each) expected.insert(each->second.value);
            (void)index.find(hash, [&got](Uid uid) {
                got.insert(uid.value);
                return false;
            });
            CPPUNIT_ASSERT_MESSAGE("seed " + std::to_string(seed), expected == got);
        }
    }

    void indexStaysSmall() {
        NameIndex index;
        for (std::uint32_t i = 1; i < 200000; ++i) {
            index.insert(NameIndex::hashOf(std::to_string(i)), Uid{i});
            if (i > 100) index.erase(NameIndex::hashOf(std::to_string(i - 100)), Uid{i - 100});
        }
        CPPUNIT_ASSERT(index.slotCount() <= 1024);
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(SnapshotTest);

}  // namespace

}  // namespace maildir::test
