// A disk without room for the rows of new messages: what needs no room works, what is new waits.
#include "CoarseTimes.h"
#include "MaildirFixture.h"

namespace maildir::test {

namespace {

class RoomTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(RoomTest);
    CPPUNIT_TEST(showsWhatHasUids);
    CPPUNIT_TEST(asksAgainAfterAnExpunge);
    CPPUNIT_TEST(opensWhatWaits);
    CPPUNIT_TEST(writesDownTheUidValidityThatItShowed);
    CPPUNIT_TEST_SUITE_END();

    TemporaryDirectory _directory;
    Maildir _maildir{_directory.path + "/box"};
    std::vector<std::string> _lines;

    std::shared_ptr<Mailbox> open(const Process& process) {
        Mailbox::Options options = process.options();
        options.log = [this](const std::string& line) { _lines.push_back(line); };
        return std::make_shared<Mailbox>(_maildir.path, options);
    }
    static bool isSoon(Mailbox& mailbox, std::size_t messages) {
        return eventually(mailbox, [messages](const Snapshot& now) { return now.size() == messages; });
    }

public:
    void showsWhatHasUids() {
        for (const bool useInotify : {true, false}) {
            Maildir box(_directory.path + (useInotify ? "/told" : "/polled"));
            box.put("a:2,");
            box.put("b:2,");
            const Process process(useInotify);
            const auto mailbox = process.open(box.path);
            mailbox->refresh();
            {
                const FullDisk full;
                box.put("c:2,");
                CPPUNIT_ASSERT_EQUAL(std::string("1:a 2:b "), joined(listing(*mailbox->refresh())));
                box.flag("a", "F");
                box.put("d:2,");
                CPPUNIT_ASSERT(flagsOf(*mailbox->refresh(), Uid{1}) == FlagSet(Flag::Flagged));
                FlagChange change;
                change.flags = Flag::Deleted;
                const std::vector<Uid> second{Uid{2}};
                CPPUNIT_ASSERT(flagsOf(*mailbox->changeFlags(second, change).after, Uid{2}).has(Flag::Deleted));
                CPPUNIT_ASSERT(mailbox->expunge(second, true) == second);
                CPPUNIT_ASSERT_EQUAL(std::size_t(1), mailbox->refresh()->size());
                CPPUNIT_ASSERT_THROW(append(*mailbox, "x\r\n"), Error);
            }
            CPPUNIT_ASSERT(isSoon(*mailbox, 3));
            CPPUNIT_ASSERT_EQUAL(std::string("1:a 3:c 4:d "), joined(listing(*mailbox->snapshot())));
        }
    }

    void asksAgainAfterAnExpunge() {
        _maildir.put("a:2,");
        const Process process;
        const auto mailbox = open(process);
        mailbox->refresh();
        {
            const FullDisk full;
            _maildir.put("b:2,");
            mailbox->refresh();
            mailbox->refresh();
        }
        const std::vector<Uid> first{Uid{1}};
        mailbox->expunge(first, false);
        CPPUNIT_ASSERT_EQUAL(std::string("2:b "), joined(listing(*mailbox->refresh())));
        CPPUNIT_ASSERT_EQUAL(std::size_t(2), _lines.size());
        CPPUNIT_ASSERT(_lines[0].find("can't get UIDs") != std::string::npos &&
                       _lines[1].find("have UIDs again") != std::string::npos);
    }

    void opensWhatWaits() {
        _maildir.put("a:2,");
        const Process process;
        process.open(_maildir.path)->refresh();
        _maildir.put("b:2,");
        const FullDisk full;
        const auto mailbox = open(process);
        CPPUNIT_ASSERT_EQUAL(std::string("1:a "), joined(listing(*mailbox->refresh())));
        CPPUNIT_ASSERT(mailbox->isWritable() && _lines.size() == 1);
    }

    void writesDownTheUidValidityThatItShowed() {
        _maildir.put("a:2,");
        const Process process;
        const auto mailbox = open(process);
        UidValidity shown;
        {
            const FullDisk full;
            shown = mailbox->refresh()->uidValidity();
            CPPUNIT_ASSERT(!mailbox->isWritable());
        }
        CPPUNIT_ASSERT(eventually(*mailbox, [&](const Snapshot&) { return mailbox->isWritable(); }));
        CPPUNIT_ASSERT(mailbox->snapshot()->uidValidity() == shown);
        char digits[9];
        std::snprintf(digits, sizeof digits, "%08x", shown.value);
        CPPUNIT_ASSERT_EQUAL(std::string(digits), contentOf(_maildir.path + "/dovecot-uidvalidity"));
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(RoomTest);

}  // namespace

}  // namespace maildir::test
