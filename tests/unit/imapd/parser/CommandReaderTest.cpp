// CommandReader: the same events however the octets are cut, limits with their names, never out of step.
#include "imapd/parser/CommandReader.h"

#include <cppunit/extensions/HelperMacros.h>

#include "tests/unit/imapd/parser/ParserFixture.h"

using std::string_literals::operator""s;

namespace imapd {

class CommandReaderTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(CommandReaderTest);
    CPPUNIT_TEST(givesOneCommandALine);
    CPPUNIT_TEST(takesABareLfAsLineEnd);
    CPPUNIT_TEST(skipsEmptyLinesBeforeACommand);
    CPPUNIT_TEST(asksForASynchronisingLiteral);
    CPPUNIT_TEST(takesANonSynchronisingLiteralUnasked);
    CPPUNIT_TEST(takesALiteralOfNoOctets);
    CPPUNIT_TEST(doesNotTakeALiteralsTextForAnother);
    CPPUNIT_TEST(handsAMessageToTheSink);
    CPPUNIT_TEST(handsAUtf8MessageToTheSink);
    CPPUNIT_TEST(holdsAMailboxNameOfAppendInMemory);
    CPPUNIT_TEST(knowsAppendInAnyCase);
    CPPUNIT_TEST(givesNoDataOfAnEmptyMessage);
    CPPUNIT_TEST(waitsForTheDecisionOnASink);
    CPPUNIT_TEST(endsTheCommandOfARefusedSynchronisingSink);
    CPPUNIT_TEST(swallowsARefusedNonSynchronisingSink);
    CPPUNIT_TEST(swallowsTheRestOfASinkRefusedLate);
    CPPUNIT_TEST(refusesASecondMessage);
    CPPUNIT_TEST(refusesALongLine);
    CPPUNIT_TEST(countsTheLimitWithoutTheLineEnd);
    CPPUNIT_TEST(allowsLongLinesToCommandsWithSets);
    CPPUNIT_TEST(swallowsLiteralsOfALongLine);
    CPPUNIT_TEST(endsALongLineAtASynchronisingLiteral);
    CPPUNIT_TEST(refusesALongLiteral);
    CPPUNIT_TEST(refusesLiteralsLongTogether);
    CPPUNIT_TEST(refusesTooManyLiterals);
    CPPUNIT_TEST(refusesAMessageTooBig);
    CPPUNIT_TEST(refusesAnImpossibleSize);
    CPPUNIT_TEST(enforcesLiteralMinus);
    CPPUNIT_TEST(endsTheConnectionRatherThanSwallowForEver);
    CPPUNIT_TEST(namesNoTagWhereNoneIsReadable);
    CPPUNIT_TEST(readsLinesThatAreNoCommands);
    CPPUNIT_TEST(cutsALongLineThatIsNoCommand);
    CPPUNIT_TEST(findsAnAnswerWithoutEnd);
    CPPUNIT_TEST(refusesALiteralBeforeItComes);
    CPPUNIT_TEST(boundsACommandAsAWhole);
    CPPUNIT_TEST(endsWhereNoEndIsToBeExpected);
    CPPUNIT_TEST(keepsPipelinedOctetsForTheCaller);
    CPPUNIT_TEST(holdsNothingBetweenCommands);
    CPPUNIT_TEST(doesNotReserveWhatIsOnlyAnnounced);
    CPPUNIT_TEST(givesTheSameEventsInAllSplits);
    CPPUNIT_TEST(takesLongInputOctetByOctetInLinearTime);
    CPPUNIT_TEST_SUITE_END();

public:
    void givesOneCommandALine() { check("a NOOP\r\nb CHECK\r\n", {"command a NOOP", "command b CHECK"}); }

    void takesABareLfAsLineEnd() { check("a NOOP\nb CHECK\n", {"command a NOOP", "command b CHECK"}); }

    void skipsEmptyLinesBeforeACommand() { check("\r\n\n\r\na NOOP\r\n\r\n", {"command a NOOP"}); }

    void asksForASynchronisingLiteral() {
        check("a LOGIN {3}\r\nfoo {4}\r\nb\r\nz\r\n", {"continue", "continue", "command a LOGIN {3} {4}",
                                                       "  literal at 8+3: foo", "  literal at 12+3: b\r\nz"});
    }

    void takesANonSynchronisingLiteralUnasked() {
        check("a LOGIN {3+}\r\nfoo bar\r\n", {"command a LOGIN {3+} bar", "  literal at 8+4: foo"});
        check("a X ~{3+}\r\n\0\1\2\r\n"s, {"command a X ~{3+}", "  literal at 4+5: \0\1\2"s});
    }

    void takesALiteralOfNoOctets() {
        check("a LOGIN {0+}\r\n {0}\r\n\r\n",
              {"continue", "command a LOGIN {0+} {0}", "  literal at 8+4: ", "  literal at 13+3: "});
    }

    void doesNotTakeALiteralsTextForAnother() {
        check("a LOGIN x {4}\r\n{9}\r\r\n", {"continue", "command a LOGIN x {4}", "  literal at 10+3: {9}\r"});
        check("a LOGIN {1+}\r\nx}\r\n", {"command a LOGIN {1+}}", "  literal at 8+4: x"});
        for (const char* no :
             {"a X {}", "a X {a}", "a X {5", "a X 5}", "a X {+}", "a X {5+ }", "a X {-5}", "}", "5}"}) {
            check(no + "\r\n"s, {"command "s + no});
        }
    }

    void handsAMessageToTheSink() {
        check("a APPEND Sent (\\Seen) {5}\r\nhello\r\nb NOOP\r\n",
              {"sink 5 waits: a APPEND Sent (\\Seen) {5}", "data hello", "sink ends",
               "command a APPEND Sent (\\Seen) {5}", "  literal at 22+3 sink", "command b NOOP"});
        check("a APPEND Sent {5+}\r\nhello\r\n", {"sink 5: a APPEND Sent {5+}", "data hello", "sink ends",
                                                  "command a APPEND Sent {5+}", "  literal at 14+4 sink"});
    }

    void handsAUtf8MessageToTheSink() {
        check("a append \"Sent\" (\\Seen) UTF8 (~{5+}\r\nhello)\r\n",
              {"sink 5: a append \"Sent\" (\\Seen) UTF8 (~{5+}", "data hello", "sink ends",
               "command a append \"Sent\" (\\Seen) UTF8 (~{5+})", "  literal at 30+5 sink"});
    }

    void holdsAMailboxNameOfAppendInMemory() {
        check("a APPEND {4+}\r\nSent {2+}\r\nhi\r\n",
              {"sink 2: a APPEND {4+} {2+}", "data hi", "sink ends", "command a APPEND {4+} {2+}",
               "  literal at 9+4: Sent", "  literal at 14+4 sink"});
    }

    void knowsAppendInAnyCase() {
        check("a\tApPend  x {1+}\r\n1\r\n", {"sink 1: a\tApPend  x {1+}", "data 1", "sink ends",
                                             "command a\tApPend  x {1+}", "  literal at 12+4 sink"});
        check("a APPENDX x {1+}\r\n1\r\n", {"command a APPENDX x {1+}", "  literal at 12+4: 1"});
    }

    void givesNoDataOfAnEmptyMessage() {
        check("a APPEND x {0+}\r\n\r\n",
              {"sink 0: a APPEND x {0+}", "sink ends", "command a APPEND x {0+}", "  literal at 11+4 sink"});
    }

    void waitsForTheDecisionOnASink() {
        CommandReader reader;
        reader.give("a APPEND x {1+}\r\n1\r\n");
        CPPUNIT_ASSERT(reader.next() == CommandReader::Event::SinkBegins);
        CPPUNIT_ASSERT(reader.next() == CommandReader::Event::SinkBegins);
        reader.acceptSink();
        CPPUNIT_ASSERT(reader.next() == CommandReader::Event::SinkData);
        CPPUNIT_ASSERT(reader.next() == CommandReader::Event::SinkEnds);
        CPPUNIT_ASSERT(reader.next() == CommandReader::Event::Command);
        CPPUNIT_ASSERT(reader.next() == CommandReader::Event::Command);
    }

    void endsTheCommandOfARefusedSynchronisingSink() {
        refuseAt("a APPEND x {5}\r\n", CommandReader::Event::SinkBegins);
    }

    void swallowsARefusedNonSynchronisingSink() {
        refuseAt("a APPEND x {5+}\r\nb NO\n (\\Seen) {3+}\r\nfoo\r\n", CommandReader::Event::SinkBegins);
        refuseAt("a APPEND x {5+}\r\nb NO\n (\\Seen) {3}\r\n", CommandReader::Event::SinkBegins);
        refuseAt("a APPEND x UTF8 (~{5+}\r\nb NO\n)\r\n", CommandReader::Event::SinkBegins);
    }

    void swallowsTheRestOfASinkRefusedLate() {
        refuseAt("a APPEND x {5}\r\nb NO\n\r\n", CommandReader::Event::SinkData);
        refuseAt("a APPEND x {5}\r\nb NO\n\r\n", CommandReader::Event::SinkEnds);
        refuseAt("a APPEND x {5}\r\nb NO\n\r\n", CommandReader::Event::Command);
    }

    void refusesASecondMessage() {
        const std::string text = "Expected the end of the command after the message";
        check("a APPEND x {1+}\r\n1 {1+}\r\n2\r\nb NOOP\r\n",
              {"sink 1: a APPEND x {1+}", "data 1", "sink ends", "refused a " + text, "command b NOOP"});
        check("a APPEND x {1+}\r\n1 {1}\r\nb NOOP\r\n",
              {"sink 1: a APPEND x {1+}", "data 1", "sink ends", "refused a " + text, "command b NOOP"});
    }

    void refusesALongLine() {
        check("a XXXXXXXXXXXXXXXXXX\r\na XXXXXXXXXXXXXXXXXXX\r\nb NOOP\r\n",
              {"command a XXXXXXXXXXXXXXXXXX", "refused a Command line too long (20 octets at most)", "command b NOOP"},
              small());
    }

    void countsTheLimitWithoutTheLineEnd() {
        check("a XXXXXXXXXXXXXXXXXX\nb NOOP\n", {"command a XXXXXXXXXXXXXXXXXX", "command b NOOP"}, small());
        check("a XXXXXXXXXXXXXXXXXXX\nb NOOP\n",
              {"refused a Command line too long (20 octets at most)", "command b NOOP"}, small());
        check("a XXXXXXXXXXXXXXXXXX\rX\r\nb NOOP\n",
              {"refused a Command line too long (20 octets at most)", "command b NOOP"}, small());
    }

    void allowsLongLinesToCommandsWithSets() {
        check("a AUTHENTICATE GSSAPI YIIAAAAA\r\nb NOOP\r\n",
              {"command a AUTHENTICATE GSSAPI YIIAAAAA", "command b NOOP"}, small());
        check("a UID FETCH 1,2,3,4,5 UID\r\na FETCH 1,2,3,4,5,6,7,8,9,10,11,12,13,14 UID\r\nb NOOP\r\n",
              {"command a UID FETCH 1,2,3,4,5 UID", "refused a Command line too long (40 octets at most)",
               "command b NOOP"},
              small());
    }

    void swallowsLiteralsOfALongLine() {
        const std::string refused = "refused a Command line too long (20 octets at most)";
        check("a LOGIN xxxxxxxxxxxxxxxxx {9+}\r\nc NOOP\r\nd {3+}\r\ne\r\n z\r\nb NOOP\r\n",
              {refused, "command b NOOP"}, small());
        // The announcement straddles the place where the line became too long.
        check("a LOGIN xxxxxxxxxx {9+}\r\nc NOOP\r\nd\r\nb NOOP\r\n", {refused, "command b NOOP"}, small());
        check("a LOGIN xxxxxxxxx {9+}\r\nc NOOP\r\nd\r\nb NOOP\r\n", {refused, "command b NOOP"}, small());
    }

    void endsALongLineAtASynchronisingLiteral() {
        check("a LOGIN xxxxxxxxxxxxxxxxx {9}\r\nb NOOP\r\n",
              {"refused a Command line too long (20 octets at most)", "command b NOOP"}, small());
    }

    void refusesALongLiteral() {
        const std::string refused = "refused a Literal too long (10 octets at most) LIMIT";
        check("a LOGIN {11}\r\nb NOOP\r\n", {refused, "command b NOOP"}, small());
        check("a LOGIN {11+}\r\nc NOOP\r\nd N bar\r\nb NOOP\r\n", {refused, "command b NOOP"}, small());
    }

    void refusesLiteralsLongTogether() {
        check("a X {8+}\r\n12345678{8+}\r\n12345678{1+}\r\n\n\r\nb NOOP\r\n",
              {"refused a Literals of a command too long together (15 octets at most) LIMIT", "command b NOOP"},
              small());
    }

    void refusesTooManyLiterals() {
        check("a {0+}\r\n{0+}\r\n{0+}\r\n{0+}\r\n\r\nb NOOP\r\n",
              {"refused a Too many literals in a command (3 at most) LIMIT", "command b NOOP"}, small());
    }

    void refusesAMessageTooBig() {
        const std::string refused = "refused a Message too big (30 octets at most) TOOBIG";
        check("a APPEND x {31}\r\nb NOOP\r\n", {refused, "command b NOOP"}, small());
        check("a APPEND x {31+}\r\n" + std::string(31, '\n') + "\r\nb NOOP\r\n", {refused, "command b NOOP"}, small());
        check("a APPEND x {30}\r\n", {"sink 30 waits: a APPEND x {30}"}, small());
    }

    void refusesAnImpossibleSize() {
        const std::string refused = "refused a Literal size out of range";
        check("a X {9223372036854775808}\r\nb NOOP\r\n", {refused, "command b NOOP"});
        check("a X {99999999999999999999999999}\r\nb NOOP\r\n", {refused, "command b NOOP"});
        check("a APPEND x {18446744073709551617+}\r\nb NOOP\r\n",
              {"fatal a Refused command too long to skip (268435456 octets at most)"});
        check("a X {00000000000000000000000000001+}\r\n1\r\n",
              {"command a X {00000000000000000000000000001+}", "  literal at 4+32: 1"});
    }

    void enforcesLiteralMinus() {
        ReaderLimits limits;
        limits.literalMinusOctets = 4;
        check("a LOGIN {4+}\r\nuser {4+}\r\npass\r\n",
              {"command a LOGIN {4+} {4+}", "  literal at 8+4: user", "  literal at 13+4: pass"}, limits);
        check("a LOGIN {5+}\r\nusers x\r\nb NOOP\r\n",
              {"refused a Non-synchronising literal too long (4 octets at most)", "command b NOOP"}, limits);
        check("a APPEND x {5+}\r\nusers\r\nb NOOP\r\n",
              {"refused a Non-synchronising literal too long (4 octets at most) TOOBIG BAD", "command b NOOP"}, limits);
        check("a LOGIN {5}\r\nusers x\r\n", {"continue", "command a LOGIN {5} x", "  literal at 8+3: users"}, limits);
    }

    void endsTheConnectionRatherThanSwallowForEver() {
        const std::string fatal = "fatal a Refused command too long to skip (100 octets at most)";
        check("a LOGIN {101+}\r\nb NOOP\r\n", {fatal}, small());
        check("a LOGIN {11+}\r\n12345678901{90+}\r\nb NOOP\r\n", {fatal}, small());
        check("a " + std::string(300, 'x') + "\r\nb NOOP\r\n", {fatal}, small());
    }

    void namesNoTagWhereNoneIsReadable() {
        const std::string text = " Command line too long (20 octets at most)";
        check(std::string(30, 'x') + "\r\n", {"refused *" + text}, small());
        check("+ " + std::string(30, 'x') + "\r\n", {"refused *" + text}, small());
        check("* " + std::string(30, 'x') + "\r\n", {"refused *" + text}, small());
        check("\x80 " + std::string(30, 'x') + "\r\n", {"refused *" + text}, small());
    }

    void readsLinesThatAreNoCommands() {
        CommandReader reader;
        maildock::Secret line;
        bool isTooLong = true;
        reader.give("dGVz");
        CPPUNIT_ASSERT(!reader.nextLine(line, 8, isTooLong));
        reader.give("dA==\r\nDONE\na NOOP\r\n");
        CPPUNIT_ASSERT(reader.nextLine(line, 8, isTooLong));
        CPPUNIT_ASSERT_EQUAL(std::string("dGVzdA=="), line.text());
        CPPUNIT_ASSERT(!isTooLong);
        CPPUNIT_ASSERT(reader.nextLine(line, 8, isTooLong));
        CPPUNIT_ASSERT_EQUAL(std::string("DONE"), line.text());
        CPPUNIT_ASSERT(reader.next() == CommandReader::Event::Command);
    }

    void cutsALongLineThatIsNoCommand() {
        for (const std::size_t piece : {1u, 2u, 3u, 100u}) {
            CommandReader reader;
            maildock::Secret line;
            bool isTooLong = false;
            std::string wire = "123456789\r\n\r\n12345678\r9\n12345678\r\n";
            std::vector<std::pair<std::string, bool>> lines;
            for (std::size_t at = 0; at < wire.size(); at += piece) {
                reader.give(std::string_view(wire).substr(at, piece));
                while (reader.nextLine(line, 8, isTooLong)) lines.emplace_back(line.text(), isTooLong);
            }
            const std::vector<std::pair<std::string, bool>> expected = {
                {"12345678", true}, {"", false}, {"12345678", true}, {"12345678", false}};
            CPPUNIT_ASSERT(expected == lines);
        }
    }

    void findsAnAnswerWithoutEnd() {
        CommandReader reader;
        maildock::Secret line;
        bool isTooLong = false;
        for (int i = 0; i < 17; ++i) {
            CPPUNIT_ASSERT(!reader.isAnswerEndless());
            reader.give("x");
            CPPUNIT_ASSERT(!reader.nextLine(line, 8, isTooLong));
        }
        reader.give("x");
        CPPUNIT_ASSERT(!reader.nextLine(line, 8, isTooLong));
        CPPUNIT_ASSERT(reader.isAnswerEndless());
        reader.give("\r\n");
        CPPUNIT_ASSERT(reader.nextLine(line, 8, isTooLong));
        CPPUNIT_ASSERT(isTooLong && !reader.isAnswerEndless());
    }

    void refusesALiteralBeforeItComes() {
        CommandReader reader;
        reader.give("a NOOP {5}\r\nb NOOP\r\n");
        CPPUNIT_ASSERT(reader.next() == CommandReader::Event::Continue);
        CPPUNIT_ASSERT_EQUAL(std::string("a NOOP {5}"), reader.soFar().text.text());
        reader.refuseLiteral();
        CPPUNIT_ASSERT(reader.next() == CommandReader::Event::Command);
        CPPUNIT_ASSERT_EQUAL(std::string("b NOOP"), reader.takeCommand().text.text());
        CPPUNIT_ASSERT_EQUAL(std::size_t(0), reader.heldOctets());
    }

    void boundsACommandAsAWhole() {
        ReaderLimits limits;
        limits.commandOctets = 40;
        const std::string tooLong = " Command too long (40 octets at most)";
        CommandReader reader(limits);
        reader.give("a LOGIN {20+}\r\n01234567890123456789 {7}\r\n");
        CPPUNIT_ASSERT(reader.next() == CommandReader::Event::Refused);
        CPPUNIT_ASSERT_EQUAL("a" + tooLong, reader.refusal().tag + " " + reader.refusal().text);
        CPPUNIT_ASSERT(reader.refusal().isLimit && !reader.refusal().isFatal);
        const std::string longLine = "b LOGIN " + std::string(100, 'x') + "\r\n";
        reader.give(longLine);
        CPPUNIT_ASSERT(reader.next() == CommandReader::Event::Refused);
        CPPUNIT_ASSERT_EQUAL(std::string("b"), reader.refusal().tag);
        reader.give("c NOOP\r\n");
        CPPUNIT_ASSERT(reader.next() == CommandReader::Event::Command);
    }

    void endsWhereNoEndIsToBeExpected() {
        ReaderLimits limits;
        limits.lineOctets = limits.setLineOctets = 40;
        limits.swallowedLineOctets = 100;
        limits.swallowedOctets = 1000;
        for (const std::string& wire : {"a " + std::string(200, 'x'), std::string("a APPEND x {1001+}\r\n"),
                                        std::string("a LOGIN {9000000+}\r\n")}) {
            CommandReader reader(limits);
            reader.give(wire);
            CommandReader::Event event = reader.next();
            if (event == CommandReader::Event::SinkBegins) {
                reader.refuseSink();
                event = reader.next();
            }
            CPPUNIT_ASSERT_MESSAGE(wire, event == CommandReader::Event::Refused && reader.refusal().isFatal);
            CPPUNIT_ASSERT(reader.next() == CommandReader::Event::NeedMore);
        }
    }

    void keepsPipelinedOctetsForTheCaller() {
        CommandReader reader;
        reader.give("a STARTTLS\r\nb LOGIN x y\r\n");
        CPPUNIT_ASSERT(reader.next() == CommandReader::Event::Command);
        reader.takeCommand();
        CPPUNIT_ASSERT_EQUAL(std::string("b LOGIN x y\r\n"), std::string(reader.unconsumed()));
        reader.dropUnconsumed();
        CPPUNIT_ASSERT(reader.next() == CommandReader::Event::NeedMore);
    }

    void holdsNothingBetweenCommands() {
        CommandReader reader;
        CPPUNIT_ASSERT_EQUAL(std::size_t(0), reader.heldOctets());
        reader.give("a LOGIN {30+}\r\n0123456789");
        CPPUNIT_ASSERT(reader.next() == CommandReader::Event::NeedMore);
        CPPUNIT_ASSERT(reader.heldOctets() > 0);
        const std::string rest = "01234567890123456789 " + std::string(1000, 'x') + "\r\n";
        reader.give(rest);
        CPPUNIT_ASSERT(reader.next() == CommandReader::Event::Command);
        CPPUNIT_ASSERT(reader.heldOctets() >= 1000);
        reader.takeCommand();
        CPPUNIT_ASSERT(reader.next() == CommandReader::Event::NeedMore);
        CPPUNIT_ASSERT_EQUAL(std::size_t(0), reader.heldOctets());

        const std::string tooLong = "a " + std::string(100000, 'x');
        reader.give(tooLong);
        CPPUNIT_ASSERT(reader.next() == CommandReader::Event::NeedMore);
        CPPUNIT_ASSERT(reader.heldOctets() < 1000);
        reader.give("\r\n");
        CPPUNIT_ASSERT(reader.next() == CommandReader::Event::Refused);
        CPPUNIT_ASSERT_EQUAL(std::size_t(0), reader.heldOctets());
    }

    void doesNotReserveWhatIsOnlyAnnounced() {
        CommandReader reader;
        reader.give("a LOGIN {1000000}\r\n");
        CPPUNIT_ASSERT(reader.next() == CommandReader::Event::Continue);
        CPPUNIT_ASSERT(reader.heldOctets() < 1000);
    }

    // Everything above runs octet by octet and in pieces too; here each place of a mixed stream is a cut.
    void givesTheSameEventsInAllSplits() {
        const std::string wire =
            "\r\na LOGIN {3}\r\nfoo {4+}\r\nb\r\nz\r\nb APPEND {4+}\r\nSent (\\Seen) \"17-Jul-1996 02:44:25 -0700\" "
            "{7}\r\nSub: \r\n\r\n\r\nc NOOP\nd APPEND x UTF8 (~{3+}\r\n\0\r\n)\r\ne LOGIN {11+}\r\n12345678901 x\r\n"
            "f XXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX {3+}\r\nfoo\r\ng NOOP\r\n"s;
        ReaderLimits limits = small();
        limits.lineOctets = 64;
        limits.setLineOctets = 64;
        limits.totalLiteralOctets = 30;
        CommandReader whole(limits);
        const std::string expected = joined(readerEvents(whole, wire, wire.size()));
        CPPUNIT_ASSERT(expected.ends_with("command g NOOP"));
        for (std::size_t cut = 1; cut < wire.size(); ++cut) {
            CommandReader reader(limits);
            std::vector<std::string> events = readerEvents(reader, std::string_view(wire).substr(0, cut), cut);
            const bool isInMessage = !events.empty() && events.back().starts_with("data ");
            std::vector<std::string> rest = readerEvents(reader, std::string_view(wire).substr(cut), wire.size());
            if (isInMessage && !rest.empty() && rest.front().starts_with("data ")) {
                events.back() += rest.front().substr(5);
                rest.erase(rest.begin());
            }
            events.insert(events.end(), rest.begin(), rest.end());
            CPPUNIT_ASSERT_EQUAL_MESSAGE("cut at " + std::to_string(cut), expected, joined(events));
        }
    }

    // Looking at a line or literal of megabytes again for each octet would take hours.
    void takesLongInputOctetByOctetInLinearTime() {
        const std::string set = "a UID FETCH 1" + std::string(2'000'000, '1') + "\r\n";
        const std::string literal = "b LOGIN {1000000+}\r\n" + std::string(1'000'000, 'x') + " y\r\n";
        const std::string tooLong = "c " + std::string(2'000'000, 'x') + "\r\n";
        CommandReader reader;
        std::size_t commands = 0;
        std::size_t refused = 0;
        for (const char octet : set + literal + tooLong) {
            reader.give(std::string_view(&octet, 1));
            const auto event = reader.next();
            if (event == CommandReader::Event::Command) {
                reader.takeCommand();
                ++commands;
            } else if (event == CommandReader::Event::Refused) {
                ++refused;
            }
            if (event != CommandReader::Event::NeedMore)
                CPPUNIT_ASSERT(reader.next() == CommandReader::Event::NeedMore);
        }
        CPPUNIT_ASSERT_EQUAL(std::size_t(2), commands);
        CPPUNIT_ASSERT_EQUAL(std::size_t(1), refused);
    }

private:
    static ReaderLimits small() {
        ReaderLimits limits;
        limits.lineOctets = 20;
        limits.setLineOctets = 40;
        limits.literalOctets = 10;
        limits.totalLiteralOctets = 15;
        limits.sinkOctets = 30;
        limits.literals = 3;
        limits.swallowedOctets = 100;
        return limits;
    }

    static void check(const std::string& wire, const std::vector<std::string>& expected,
                      const ReaderLimits& limits = {}) {
        for (const std::size_t piece : {wire.size(), std::size_t(1), std::size_t(2), std::size_t(3), std::size_t(7)}) {
            CommandReader reader(limits);
            const std::vector<std::string> events = readerEvents(reader, wire, piece);
            CPPUNIT_ASSERT_EQUAL_MESSAGE("in pieces of " + std::to_string(piece), joined(expected), joined(events));
        }
    }

    // Refuses the sink at that event; the next event must be the NOOP that follows.
    static void refuseAt(const std::string& wire, CommandReader::Event when) {
        const std::string all = wire + "next NOOP\r\n";
        for (const std::size_t piece : {all.size(), std::size_t(1), std::size_t(3)}) {
            CommandReader reader;
            bool isRefused = false;
            std::vector<std::string> commands;
            for (std::size_t at = 0; at < all.size(); at += piece) {
                reader.give(std::string_view(all).substr(at, piece));
                for (auto event = reader.next(); event != CommandReader::Event::NeedMore; event = reader.next()) {
                    CPPUNIT_ASSERT(event != CommandReader::Event::Refused);
                    if (!isRefused && event == when) {
                        reader.refuseSink();
                        isRefused = true;
                        continue;
                    }
                    if (event == CommandReader::Event::SinkBegins) reader.acceptSink();
                    if (event == CommandReader::Event::Command) commands.push_back(reader.takeCommand().text.text());
                    CPPUNIT_ASSERT(!isRefused || event == CommandReader::Event::Command);
                }
            }
            CPPUNIT_ASSERT_EQUAL(std::string("next NOOP"), joined(commands));
        }
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(CommandReaderTest);

}  // namespace imapd
