// Where UIDs end: the last ones are given, then the mailbox has a new UIDVALIDITY (RFC 3501 2.3.1.1); and UIDs that are
// high by damage.
#include "MaildirFixture.h"

namespace maildir::test {

namespace {

class LastUidsTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(LastUidsTest);
    CPPUNIT_TEST(givesTheLastOnesAndStartsAnew);
    CPPUNIT_TEST(startsAnewWhenItIsLoaded);
    CPPUNIT_TEST(writesDownTheNewUidValidity);
    CPPUNIT_TEST(keepsTheLastMessage);
    CPPUNIT_TEST(doesNotGiveTheLastOneTwice);
    CPPUNIT_TEST(startsAnewForAnAppend);
    CPPUNIT_TEST(copiesAllOrNothingAtTheEnd);
    CPPUNIT_TEST(opensAListWhoseHeaderIsAtTheEnd);
    CPPUNIT_TEST(takesALeapingRowForDamaged);
    CPPUNIT_TEST(takesARowThatIsTooLowForDamaged);
    CPPUNIT_TEST_SUITE_END();

    TemporaryDirectory _directory;
    Maildir _maildir{_directory.path + "/box"};
    Process _process;
    std::vector<std::string> _lines;

    // next: of the header.
    void writeList(const std::string& next, const std::string& rows) {
        write(_maildir.path + "/dovecot-uidlist",
              "3 V4000000000 N" + next + " G0123456789abcdef0123456789abcdef\n" + rows);
    }
    std::shared_ptr<Mailbox> open() {
        Mailbox::Options options = _process.options();
        options.log = [this](const std::string& line) { _lines.push_back(line); };
        return std::make_shared<Mailbox>(_maildir.path, options);
    }
    [[nodiscard]] bool isToldOf(const std::string& words) const {
        return std::any_of(_lines.begin(), _lines.end(),
                           [&](const std::string& line) { return line.find(words) != std::string::npos; });
    }
    template <class Function>
    static ErrorKind errorOf(Function&& function) {
        try {
            function();
        } catch (const Error& error) {
            return error.kind();
        }
        CPPUNIT_FAIL("nothing was thrown");
        return ErrorKind::Io;
    }

public:
    void tearDown() override { _process.end(); }

    void givesTheLastOnesAndStartsAnew() {
        _maildir.put("a:2,");
        writeList("4294967294", "7 :a\n");
        const auto mailbox = open();
        mailbox->refresh();
        _maildir.put("b:2,");
        CPPUNIT_ASSERT_EQUAL(std::string("7:a 4294967294:b "), joined(listing(*mailbox->refresh())));
        CPPUNIT_ASSERT(mailbox->snapshot()->uidNext() == Uid{4294967295});
        _maildir.put("c:2,S");
        CPPUNIT_ASSERT_EQUAL(std::string("7:a 4294967294:b 4294967295:c "), joined(listing(*mailbox->refresh())));
        const auto again = open()->refresh();
        CPPUNIT_ASSERT_EQUAL(std::string("7:a 4294967294:b 4294967295:c "), joined(listing(*again)));
        CPPUNIT_ASSERT(again->uidValidity() == UidValidity{4000000000});
        CPPUNIT_ASSERT(_lines.empty());
        _maildir.put("d:2,");
        // Whoever has it selected has to open it again.
        CPPUNIT_ASSERT(errorOf([&] { mailbox->refresh(); }) == ErrorKind::NotFound);
        CPPUNIT_ASSERT(mailbox->isGone());
        const auto fresh = open()->refresh();
        CPPUNIT_ASSERT_EQUAL(std::string("1:a 2:b 3:c 4:d "), joined(listing(*fresh)));
        CPPUNIT_ASSERT(fresh->uidValidity() > UidValidity{4000000000} && fresh->uidNext() == Uid{5});
        CPPUNIT_ASSERT(flagsOf(*fresh, Uid{3}) == FlagSet(Flag::Seen));
        CPPUNIT_ASSERT(isToldOf("were used up: it has UIDVALIDITY"));
    }

    void startsAnewWhenItIsLoaded() {
        for (const char* name : {"a:2,", "b:2,", "c:2,"}) _maildir.put(name);
        writeList("5", "4294967294 :b\n");
        const auto mailbox = open();
        const auto snapshot = mailbox->refresh();
        CPPUNIT_ASSERT_EQUAL(std::string("1:b 2:a 3:c "), joined(listing(*snapshot)));
        CPPUNIT_ASSERT(snapshot->uidValidity() > UidValidity{4000000000} && isToldOf("were used up"));
        CPPUNIT_ASSERT(append(*mailbox, "x\r\n").uid == Uid{4});
        CPPUNIT_ASSERT_EQUAL(std::size_t(4), open()->refresh()->size());
    }

    // The file of the tree has it: the mailbox that is made here when this one is gone gets another one.
    void writesDownTheNewUidValidity() {
        // What is given here counts for the rest of the process, so it has to be above what other tests have.
        const UidValidity high = UidValidityFile({_directory.path}).next(UidValidity{4000000000});
        for (const char* name : {"a:2,", "b:2,", "c:2,"}) _maildir.put(name);
        write(_maildir.path + "/dovecot-uidlist",
              "3 V" + std::to_string(high.value + 1000) + " N5 G0123456789abcdef0123456789abcdef\n4294967294 :a\n");
        write(_maildir.path + "/dovecot-uidvalidity", "60000000");
        write(_maildir.path + "/dovecot-uidvalidity.60000000", "");
        const auto mailbox = open();
        CPPUNIT_ASSERT_EQUAL(high.value + 1001, mailbox->refresh()->uidValidity().value);
        char digits[9];
        std::snprintf(digits, sizeof digits, "%08x", high.value + 1001);
        CPPUNIT_ASSERT_EQUAL(std::string(digits), contentOf(_maildir.path + "/dovecot-uidvalidity"));
    }

    void keepsTheLastMessage() {
        _maildir.put("a:2,");
        writeList("5", "4294967294 :a\n");
        const auto mailbox = open();
        CPPUNIT_ASSERT_EQUAL(std::string("4294967294:a "), joined(listing(*mailbox->refresh())));
        CPPUNIT_ASSERT(append(*mailbox, "x\r\n").uid == Uid{4294967295});
        FlagChange change;
        change.flags = Flag::Seen;
        const std::vector<Uid> last{Uid{4294967295}};
        mailbox->changeFlags(last, change);
        CPPUNIT_ASSERT(flagsOf(*mailbox->refresh(), Uid{4294967295}) == FlagSet(Flag::Seen));
        const auto before = mailbox->snapshot();
        CPPUNIT_ASSERT(mailbox->expunge(last, false) == last);
        const auto vanished = difference(*before, *mailbox->snapshot()).vanished;
        CPPUNIT_ASSERT(vanished == last);
        CPPUNIT_ASSERT_EQUAL(std::size_t(2), withVanished(*mailbox->snapshot(), *before, vanished)->size());
    }

    void doesNotGiveTheLastOneTwice() {
        _maildir.put("a:2,");
        writeList("4294967295", "7 :a\n");
        {
            const auto mailbox = open();
            mailbox->refresh();
            CPPUNIT_ASSERT(append(*mailbox, "x\r\n").uid == Uid{4294967295});
            const std::vector<Uid> last{Uid{4294967295}};
            mailbox->expunge(last, false);
            // The list is written anew, without the row of a message that is gone: late keywords stand in it.
            FlagChange change;
            for (int number = 0; number < 30; ++number) change.keywords.push_back("k" + std::to_string(number));
            const std::vector<Uid> first{Uid{7}};
            mailbox->changeFlags(first, change);
        }
        const auto mailbox = open();
        CPPUNIT_ASSERT_EQUAL(std::string("7:a "), joined(listing(*mailbox->refresh())));
        _maildir.put("b:2,");
        CPPUNIT_ASSERT(errorOf([&] { mailbox->refresh(); }) == ErrorKind::NotFound);
        CPPUNIT_ASSERT_EQUAL(std::string("1:a 2:b "), joined(listing(*open()->refresh())));
    }

    void startsAnewForAnAppend() {
        _maildir.put("a:2,");
        writeList("4294967295", "4294967295 :a\n");
        const auto mailbox = open();
        mailbox->refresh();
        CPPUNIT_ASSERT(errorOf([&] { append(*mailbox, "x\r\n"); }) == ErrorKind::Busy);
        CPPUNIT_ASSERT_EQUAL(std::size_t(1), _maildir.fileCount());
        const auto fresh = open();
        const DeliveryResult result = append(*fresh, "x\r\n");
        CPPUNIT_ASSERT(result.uid == Uid{2} && result.uidValidity == fresh->snapshot()->uidValidity());
        CPPUNIT_ASSERT(result.uidValidity > UidValidity{4000000000});
    }

    void copiesAllOrNothingAtTheEnd() {
        Maildir other(_directory.path + "/other");
        other.put("x:2,");
        other.put("y:2,");
        const auto source = _process.open(other.path);
        const std::vector<Uid> both = uidsOf(*source->refresh());
        _maildir.put("a:2,");
        writeList("5", "4294967294 :a\n");
        CPPUNIT_ASSERT(errorOf([&] { open()->copyFrom(*source, both); }) == ErrorKind::Busy);
        CPPUNIT_ASSERT_EQUAL(std::size_t(1), _maildir.fileCount());
        const CopyResult result = open()->copyFrom(*source, both);
        CPPUNIT_ASSERT((result.target == std::vector<Uid>{Uid{2}, Uid{3}}));
        CPPUNIT_ASSERT(result.targetUidValidity > UidValidity{4000000000});
    }

    void opensAListWhoseHeaderIsAtTheEnd() {
        _maildir.put("a:2,");
        _maildir.put("b:2,");
        writeList("4294967295", "7 :a\n");
        CPPUNIT_ASSERT_EQUAL(std::string("7:a 4294967295:b "), joined(listing(*open()->refresh())));
        _maildir.put("c:2,");
        CPPUNIT_ASSERT_EQUAL(std::string("1:a 2:b 3:c "), joined(listing(*open()->refresh())));
    }

    void takesALeapingRowForDamaged() {
        for (const char* name : {"a:2,", "b:2,", "c:2,", "d:2,", "e:2,"}) _maildir.put(name);
        writeList("3", "1 :a\n2 :b\n4294967294 :c\n4 :d\n5 :e\n");
        const auto snapshot = open()->refresh();
        CPPUNIT_ASSERT_EQUAL(std::string("1:a 2:b 4:d 5:e 6:c "), joined(listing(*snapshot)));
        CPPUNIT_ASSERT(snapshot->uidValidity() == UidValidity{4000000000} && snapshot->uidNext() == Uid{7});
        CPPUNIT_ASSERT(isToldOf("the row of UID 4294967294 in the UID list of " + _maildir.path));
        CPPUNIT_ASSERT_EQUAL(std::string("1:a 2:b 4:d 5:e 6:c "), joined(listing(*open()->refresh())));
        CPPUNIT_ASSERT_EQUAL(std::size_t(1), _lines.size());
    }

    void takesARowThatIsTooLowForDamaged() {
        for (const char* name : {"a:2,", "b:2,", "c:2,"}) _maildir.put(name);
        writeList("2", "5000000 :a\n3 :b\n5000002 :c\n");
        CPPUNIT_ASSERT_EQUAL(std::string("5000000:a 5000002:c 5000003:b "), joined(listing(*open()->refresh())));
        // What the header counts as given is not damaged, whatever comes behind.
        Maildir other(_directory.path + "/counted");
        other.put("a:2,");
        other.put("b:2,");
        write(other.path + "/dovecot-uidlist", "3 V7 N5000001 G0123456789abcdef0123456789abcdef\n5000000 :a\n3 :b\n");
        CPPUNIT_ASSERT_EQUAL(std::string("5000000:a 5000001:b "),
                             joined(listing(*_process.open(other.path)->refresh())));
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(LastUidsTest);

}  // namespace

}  // namespace maildir::test
