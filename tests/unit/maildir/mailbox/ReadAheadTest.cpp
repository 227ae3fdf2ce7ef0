// Parsing ahead of a reader: each message once, whoever does it, and no reader that waits for ever.
#include "MaildirFixture.h"
#include "maildir/mailbox/ReadAhead.h"

namespace maildir::test {

namespace {

void parse(Mailbox& mailbox, Uid uid, std::size_t) {
    (void)mailbox.structure(uid);
}

class ReadAheadTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(ReadAheadTest);
    CPPUNIT_TEST(parsesEachMessageOnce);
    CPPUNIT_TEST(helpsTheReader);
    CPPUNIT_TEST(servesManyReaders);
    CPPUNIT_TEST(endsInTheMiddle);
    CPPUNIT_TEST(passesOverWhatIsGone);
    CPPUNIT_TEST(givesWhatWasMade);
    CPPUNIT_TEST(staysWithinItsReach);
    CPPUNIT_TEST(tellsWhetherItIsBusy);
    CPPUNIT_TEST_SUITE_END();

    static constexpr std::size_t messages = 400;

    TemporaryDirectory _directory;
    Maildir _maildir{_directory.path + "/box"};
    Process _process;
    std::shared_ptr<Mailbox> _mailbox;
    std::vector<Uid> _uids;

public:
    void tearDown() override {
        _mailbox.reset();
        _process.end();
    }

    void setUp() override {
        for (std::size_t number = 0; number < messages; ++number) {
            _maildir.put(std::to_string(1600000000 + number) + ".M1P1.host:2,",
                         "Subject: x\n\n" + std::string(500, 'x'));
        }
        _mailbox = _process.open(_maildir.path);
        _uids = uidsOf(*_mailbox->refresh());
    }

    void read(ReadAhead& ahead) {
        const auto way = ahead.start(_mailbox, _uids, parse, {});
        for (std::size_t number = 0; number < _uids.size(); ++number) {
            way->reach(number);
            CPPUNIT_ASSERT(_mailbox->structure(_uids[number])->storedOctets > 500);
        }
    }

    void parsesEachMessageOnce() {
        ReadAhead ahead(2);
        read(ahead);
        CPPUNIT_ASSERT_EQUAL(std::uint64_t(messages), _mailbox->parsedCount());
    }

    void helpsTheReader() {
        ReadAhead ahead(1);
        const auto way = ahead.start(_mailbox, _uids, parse, {});
        way->reach(0);
        // The reader rests; what follows is parsed without it, but not all: memory is bounded.
        for (int i = 0; i < 100 && _mailbox->parsedCount() < 100; ++i) usleep(20'000);
        CPPUNIT_ASSERT(_mailbox->parsedCount() >= 100);
    }

    void servesManyReaders() {
        ReadAhead ahead(3);
        std::vector<std::thread> readers;
        for (int reader = 0; reader < 4; ++reader) readers.emplace_back([&] { read(ahead); });
        for (std::thread& reader : readers) reader.join();
        CPPUNIT_ASSERT(_mailbox->parsedCount() >= messages);
    }

    void endsInTheMiddle() {
        ReadAhead ahead(2);
        for (int round = 0; round < 20; ++round) {
            const auto way = ahead.start(_mailbox, _uids, parse, {});
            way->reach(static_cast<std::size_t>(round) * 3);
        }
    }

    void passesOverWhatIsGone() {
        ReadAhead ahead(2);
        for (std::size_t number = 50; number < 60; ++number) {
            _maildir.remove(std::to_string(1600000000 + number) + ".M1P1.host");
        }
        const auto way = ahead.start(_mailbox, _uids, parse, {});
        std::size_t gone = 0;
        for (std::size_t number = 0; number < _uids.size(); ++number) {
            way->reach(number);
            try {
                (void)_mailbox->structure(_uids[number]);
            } catch (const Error& error) {
                CPPUNIT_ASSERT(error.kind() == ErrorKind::Expunged);
                ++gone;
            }
        }
        CPPUNIT_ASSERT_EQUAL(std::size_t(10), gone);
    }

    void givesWhatWasMade() {
        ReadAhead ahead(3);
        for (const std::size_t batch : {1u, 7u, 1000u}) {
            std::atomic<std::size_t> made{0};
            Preparations<std::uint32_t> values(ahead, _mailbox, _uids,
                                               [&made](Mailbox&, Uid uid) -> std::optional<std::uint32_t> {
                                                   ++made;
                                                   if (uid.value % 3 == 0) return std::nullopt;
                                                   if (uid.value % 3 == 1) throw Error(ErrorKind::Io, "cannot");
                                                   return uid.value;
                                               },
                                               {batch, 4});
            std::size_t taken = 0;
            for (std::size_t number = 0; number < _uids.size(); ++number) {
                if (number == 100) usleep(20'000);  // the others come first
                const auto value = values.take(number);
                CPPUNIT_ASSERT(!value || (*value == _uids[number].value && *value % 3 == 2));
                CPPUNIT_ASSERT(!values.take(number));
                taken += value ? 1u : 0u;
            }
            CPPUNIT_ASSERT(made <= messages);
            if (batch < 1000) CPPUNIT_ASSERT(taken > 0);
        }
    }

    void tellsWhetherItIsBusy() {
        ReadAhead ahead(2);
        CPPUNIT_ASSERT(!ahead.isBusy());
        auto one = ahead.start(_mailbox, _uids, parse, {});
        CPPUNIT_ASSERT(!ahead.isBusy());
        const auto other = ahead.start(_mailbox, _uids, parse, {});
        CPPUNIT_ASSERT(ahead.isBusy());
        one.reset();
        CPPUNIT_ASSERT(!ahead.isBusy());
    }

    void staysWithinItsReach() {
        ReadAhead ahead(2);
        std::atomic<std::size_t> made{0};
        Preparations<int> values(ahead, _mailbox, _uids,
                                 [&made](Mailbox&, Uid) { return std::optional(static_cast<int>(++made)); }, {5, 3});
        (void)values.take(0);
        for (int i = 0; i < 200 && made < 15; ++i) usleep(10'000);
        usleep(50'000);
        CPPUNIT_ASSERT_EQUAL(std::size_t(15), made.load());
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(ReadAheadTest);

}  // namespace

}  // namespace maildir::test
