// A mailbox that had all the keywords it can have: those that no message has any more make room for others.
#include "MaildirFixture.h"

namespace maildir::test {

namespace {

class KeywordRoomTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(KeywordRoomTest);
    CPPUNIT_TEST(givesBackWhatNobodyUses);
    CPPUNIT_TEST(keepsWhatAnotherProgramSet);
    CPPUNIT_TEST(leavesOutWhatHasNoRoom);
    CPPUNIT_TEST(tellsOfOtherNamesAsChanges);
    CPPUNIT_TEST(takesTheNewMeaningFromAnotherProcess);
    CPPUNIT_TEST_SUITE_END();

    TemporaryDirectory _directory;
    Maildir _maildir{_directory.path + "/box"};
    Process _process;
    std::vector<std::string> _lines;
    std::shared_ptr<Mailbox> _mailbox;

    static std::vector<std::string> names(std::size_t from, std::size_t to) {
        std::vector<std::string> result;
        for (std::size_t number = from; number < to; ++number) result.push_back("k" + std::to_string(number));
        return result;
    }
    static FlagChangeResult change(Mailbox& mailbox, FlagChange::Mode mode, const std::vector<std::string>& keywords) {
        FlagChange flags;
        flags.mode = mode;
        flags.keywords = keywords;
        const std::vector<Uid> first{Uid{1}};
        return mailbox.changeFlags(first, flags);
    }

public:
    void tearDown() override {
        _mailbox.reset();
        _process.end();
    }

    // A message with every keyword that a mailbox can have.
    void setUp() override {
        _maildir.put("a:2,");
        _maildir.put("b:2,");
        Mailbox::Options options = _process.options();
        options.log = [this](const std::string& line) { _lines.push_back(line); };
        _mailbox = std::make_shared<Mailbox>(_maildir.path, options);
        _mailbox->refresh();
        CPPUNIT_ASSERT(hasRoomForKeyword(*_mailbox->snapshot()));
        change(*_mailbox, FlagChange::Add, names(0, maxKeywords));
        CPPUNIT_ASSERT_EQUAL(maxKeywords, keywordsOfMessage(*_mailbox->snapshot(), Uid{1}).size());
        CPPUNIT_ASSERT(!hasRoomForKeyword(*_mailbox->snapshot()));
    }

    void givesBackWhatNobodyUses() {
        change(*_mailbox, FlagChange::Replace, {});
        CPPUNIT_ASSERT(hasRoomForKeyword(*_mailbox->snapshot()));
        const std::string letters = contentOf(_maildir.path + "/dovecot-keywords");
        const DeliveryResult result = append(*_mailbox, "x\r\n", {}, {"New", "k5"});
        CPPUNIT_ASSERT((keywordsOfMessage(*_mailbox->snapshot(), result.uid) == std::set<std::string>{"New", "k5"}));
        // The last index is the first to be given back, and Dovecot's file stays.
        CPPUNIT_ASSERT(_mailbox->snapshot()->keywords().nameOf(maxKeywords - 1) == "New");
        CPPUNIT_ASSERT_EQUAL(letters, contentOf(_maildir.path + "/dovecot-keywords"));
        CPPUNIT_ASSERT(!_mailbox->snapshot()->keywords().indexOf("k127"));
        CPPUNIT_ASSERT((keywordsOfMessage(*_process.open(_maildir.path)->refresh(), result.uid) ==
                        std::set<std::string>{"New", "k5"}));
        // All of them once more, in the end the letters too.
        change(*_mailbox, FlagChange::Add, names(200, 200 + maxKeywords - 2));
        CPPUNIT_ASSERT_EQUAL(maxKeywords - 2, keywordsOfMessage(*_mailbox->snapshot(), Uid{1}).size());
        CPPUNIT_ASSERT((keywordsOfMessage(*_mailbox->snapshot(), result.uid) == std::set<std::string>{"New", "k5"}));
        const auto again = _process.open(_maildir.path)->refresh();
        CPPUNIT_ASSERT(keywordsOfMessage(*again, Uid{1}) == keywordsOfMessage(*_mailbox->snapshot(), Uid{1}));
        CPPUNIT_ASSERT((keywordsOfMessage(*again, result.uid) == std::set<std::string>{"New", "k5"}));
    }

    void keepsWhatAnotherProgramSet() {
        change(*_mailbox, FlagChange::Replace, {});
        // All but the letters are used again; then, unseen by us, somebody gives a file the letter of k3.
        change(*_mailbox, FlagChange::Add, names(26, maxKeywords));
        _maildir.flag("b", "d");
        append(*_mailbox, "x\r\n", {}, names(300, 325));
        CPPUNIT_ASSERT((keywordsOfMessage(*_mailbox->refresh(), Uid{2}) == std::set<std::string>{"k3"}));
        CPPUNIT_ASSERT(!hasRoomForKeyword(*_mailbox->snapshot()));
    }

    void leavesOutWhatHasNoRoom() {
        const DeliveryResult result = append(*_mailbox, "x\r\n", Flag::Seen, {"New", "k7"});
        CPPUNIT_ASSERT((keywordsOfMessage(*_mailbox->snapshot(), result.uid) == std::set<std::string>{"k7"}));
        CPPUNIT_ASSERT_EQUAL(std::size_t(1), _lines.size());
        CPPUNIT_ASSERT(_lines[0].find("without 1 of their keywords") != std::string::npos);
        Maildir other(_directory.path + "/other");
        other.put("c:2,");
        const auto source = _process.open(other.path);
        source->refresh();
        change(*source, FlagChange::Add, {"Other", "k9"});
        const std::vector<Uid> first{Uid{1}};
        const Uid copied = _mailbox->copyFrom(*source, first).target.front();
        CPPUNIT_ASSERT((keywordsOfMessage(*_mailbox->snapshot(), copied) == std::set<std::string>{"k9"}));
        const Uid moved = _mailbox->moveFrom(*source, first).target.front();
        CPPUNIT_ASSERT((keywordsOfMessage(*_mailbox->snapshot(), moved) == std::set<std::string>{"k9"}));
        try {
            change(*_mailbox, FlagChange::Add, {"Another"});
            CPPUNIT_FAIL("there was room");
        } catch (const Error& error) {
            CPPUNIT_ASSERT(error.kind() == ErrorKind::Limit && error.path().empty());
        }
    }

    // A session that still shows the old keyword under the index is told of the new one.
    void tellsOfOtherNamesAsChanges() {
        const auto before = _mailbox->snapshot();
        change(*_mailbox, FlagChange::Remove, {"k127"});
        change(*_mailbox, FlagChange::Add, {"New"});
        const auto after = _mailbox->snapshot();
        CPPUNIT_ASSERT(after->keywords().nameOf(127) == "New" && before->keywords().nameOf(127) == "k127");
        CPPUNIT_ASSERT((*after->find(Uid{1}))->keywords == (*before->find(Uid{1}))->keywords);
        CPPUNIT_ASSERT(difference(*before, *after).changed == std::vector<Uid>{Uid{1}});
        CPPUNIT_ASSERT(after->keywords().fingerprint() != before->keywords().fingerprint());
        CPPUNIT_ASSERT(newlyNamed(before->keywords(), after->keywords()) == KeywordSet().set(127));
        const std::vector<Uid> first{Uid{1}};
        CPPUNIT_ASSERT(!keywordsOfMessage(*withVanished(*after, *before, {}), Uid{1}).contains("k127"));
    }

    void takesTheNewMeaningFromAnotherProcess() {
        const Process other;
        const auto there = other.open(_maildir.path);
        there->refresh();
        change(*_mailbox, FlagChange::Remove, {"k127"});
        change(*_mailbox, FlagChange::Add, {"New"});
        // Late keywords stand in the list, of which no event tells.
        _maildir.deliver();
        CPPUNIT_ASSERT(keywordsOfMessage(*there->refresh(), Uid{1}).contains("New"));
        // What it had by its old name is another keyword now: there is no room for that.
        change(*there, FlagChange::Remove, {"k127"});
        CPPUNIT_ASSERT(keywordsOfMessage(*there->refresh(), Uid{1}).contains("New"));
        CPPUNIT_ASSERT(keywordsOfMessage(*_mailbox->refresh(), Uid{1}).contains("New"));
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(KeywordRoomTest);

}  // namespace

}  // namespace maildir::test
