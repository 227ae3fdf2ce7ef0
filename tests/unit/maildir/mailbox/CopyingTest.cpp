// A copy in steps: what is prepared shows nowhere, and goes if it is not committed.
#include "maildir/mailbox/Copying.h"

#include "MaildirFixture.h"

namespace maildir::test {

namespace {

class CopyingTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(CopyingTest);
    CPPUNIT_TEST(showsNothingBeforeItIsCommitted);
    CPPUNIT_TEST(needsNoNamesOnceItWasMissingOne);
    CPPUNIT_TEST(leavesNothingIfItIsDropped);
    CPPUNIT_TEST(leavesNothingIfItCannotBeCommitted);
    CPPUNIT_TEST(copiesNothingIfOneIsGone);
    CPPUNIT_TEST(takesWhatCameToANameMeanwhile);
    CPPUNIT_TEST(syncsAFileSystem);
    CPPUNIT_TEST_SUITE_END();

    static constexpr std::size_t many = 40;
    TemporaryDirectory _directory;
    Maildir _maildir{_directory.path + "/box"};
    Maildir _target{_directory.path + "/target"};
    Process _process;
    std::vector<std::string> _bases;

    std::shared_ptr<Mailbox> filled() {
        for (std::size_t i = 0; i < many; ++i) {
            const std::string number = std::to_string(i);
            _bases.push_back(_maildir.put("16000000" + std::to_string(10 + i) + ".M1P1.host:2,", number + "\n"));
        }
        const auto source = _process.open(_maildir.path);
        CPPUNIT_ASSERT_EQUAL(many, source->refresh()->size());
        return source;
    }

    void flagAll(const std::string& letters) {
        for (const std::string& base : _bases) _maildir.flag(base, letters);
    }

    // By steps as short as can be; how many there were.
    static int prepareBySteps(Copying& copying) {
        int steps = 1;
        for (;; ++steps) {
            const Copying::State state = copying.prepare(Copying::Clock::now());
            CPPUNIT_ASSERT(state != Copying::State::Gone);
            if (state == Copying::State::Ready) return steps;
        }
    }

    void requireCopied(Mailbox& mailbox) {
        const auto snapshot = mailbox.refresh();
        CPPUNIT_ASSERT_EQUAL(many, snapshot->size());
        for (std::size_t i = 0; i < many; ++i) {
            CPPUNIT_ASSERT_EQUAL(std::to_string(i) + "\n", readAll(mailbox.open(snapshot->at(i)->uid)));
        }
        CPPUNIT_ASSERT_EQUAL(many, _target.fileCount());
        CPPUNIT_ASSERT_EQUAL(std::size_t(0), _target.count("tmp"));
    }

public:
    void tearDown() override { _process.end(); }

    void showsNothingBeforeItIsCommitted() {
        const auto source = filled(), target = _process.open(_target.path);
        Copying copying(*target, *source, uidsOf(*source->snapshot()));
        CPPUNIT_ASSERT(prepareBySteps(copying) >= static_cast<int>(many));
        CPPUNIT_ASSERT_EQUAL(std::size_t(0), _target.fileCount());
        CPPUNIT_ASSERT(!std::filesystem::exists(_target.path + "/dovecot-uidlist.lock"));
        CPPUNIT_ASSERT_EQUAL(std::uint32_t(1), append(*target, "first\r\n").uid.value);  // nobody waits for it
        target->expunge(std::vector<Uid>{Uid{1}}, false);
        const auto result = copying.commit();
        CPPUNIT_ASSERT(result && !result->someExpunged);
        CPPUNIT_ASSERT_EQUAL(std::uint32_t(2), result->target.front().value);
        requireCopied(*target);
    }

    void needsNoNamesOnceItWasMissingOne() {
        const auto source = filled(), target = _process.open(_target.path);
        Copying copying(*target, *source, uidsOf(*source->snapshot()));
        prepareBySteps(copying);
        flagAll("S");
        CPPUNIT_ASSERT(!copying.commit());
        CPPUNIT_ASSERT_EQUAL(std::size_t(0), _target.fileCount());
        prepareBySteps(copying);
        CPPUNIT_ASSERT_EQUAL(many, _target.count("tmp"));
        flagAll("F");
        CPPUNIT_ASSERT(copying.commit());
        requireCopied(*target);
    }

    void leavesNothingIfItIsDropped() {
        const auto source = filled(), target = _process.open(_target.path);
        {
            Copying copying(*target, *source, uidsOf(*source->snapshot()));
            prepareBySteps(copying);
            flagAll("S");
            CPPUNIT_ASSERT(!copying.commit());
            prepareBySteps(copying);
            CPPUNIT_ASSERT_EQUAL(many, _target.count("tmp"));
        }
        CPPUNIT_ASSERT_EQUAL(std::size_t(0), _target.fileCount() + _target.count("tmp"));
        CPPUNIT_ASSERT_EQUAL(many, source->refresh()->size());
    }

    void leavesNothingIfItCannotBeCommitted() {
        const auto source = filled(), target = _process.open(_target.path);
        target->refresh();
        {
            Copying copying(*target, *source, uidsOf(*source->snapshot()));
            prepareBySteps(copying);
            flagAll("S");
            CPPUNIT_ASSERT(!copying.commit());
            prepareBySteps(copying);
            std::filesystem::remove(_target.path + "/dovecot-uidlist");
            std::filesystem::create_directories(_target.path + "/dovecot-uidlist/x");
            CPPUNIT_ASSERT_THROW((void)copying.commit(), Error);
            CPPUNIT_ASSERT_EQUAL(std::size_t(0), _target.fileCount());
            std::filesystem::remove_all(_target.path + "/dovecot-uidlist");
        }
        CPPUNIT_ASSERT_EQUAL(std::size_t(0), _target.fileCount() + _target.count("tmp"));
    }

    void copiesNothingIfOneIsGone() {
        const auto source = filled(), target = _process.open(_target.path);
        Copying early(*target, *source, uidsOf(*source->snapshot())),
            late(*target, *source, uidsOf(*source->snapshot()));
        prepareBySteps(late);
        _maildir.remove(_bases[many / 2]);
        CPPUNIT_ASSERT(early.prepare(Copying::Clock::time_point::max()) == Copying::State::Gone);
        const std::optional<CopyResult> result = late.commit();
        CPPUNIT_ASSERT(result && result->someExpunged);
        CPPUNIT_ASSERT_EQUAL(std::size_t(0), _target.fileCount());
    }

    // A pipe, or another message, under a name that was looked at.
    void takesWhatCameToANameMeanwhile() {
        const auto source = filled(), target = _process.open(_target.path);
        Copying copying(*target, *source, uidsOf(*source->snapshot()));
        prepareBySteps(copying);
        const std::string name = _maildir.path + "/" + _maildir.find(_bases[0]);
        std::filesystem::remove(name);
        CPPUNIT_ASSERT_EQUAL(0, mkfifo(name.c_str(), 0600));
        CPPUNIT_ASSERT(!copying.commit());
        CPPUNIT_ASSERT(copying.prepare(Copying::Clock::time_point::max()) == Copying::State::Gone);
        CPPUNIT_ASSERT_EQUAL(std::size_t(0), _target.fileCount());
    }

    void syncsAFileSystem() {
        CPPUNIT_ASSERT(!FileSystemSync::isBetter(_directory.path, 8));
        CPPUNIT_ASSERT(!FileSystemSync::isBetter("/proc", std::size_t(1) << 40));
        CPPUNIT_ASSERT(!FileSystemSync::isBetter(_directory.path + "/none", std::size_t(1) << 40));
        FileSystemSync sync(_directory.path);
        CPPUNIT_ASSERT(sync.waitFor(std::chrono::minutes(2)));
        CPPUNIT_ASSERT(sync.hasSucceeded());
        CPPUNIT_ASSERT_THROW(FileSystemSync(_directory.path + "/none"), Error);
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(CopyingTest);

}  // namespace

}  // namespace maildir::test
