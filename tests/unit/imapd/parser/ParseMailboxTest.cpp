// SELECT, EXAMINE, CREATE, DELETE, RENAME, SUBSCRIBE, STATUS, LIST, LSUB, APPEND.
#include <cppunit/extensions/HelperMacros.h>

#include "tests/unit/imapd/parser/ParserFixture.h"

using std::string_literals::operator""s;

namespace imapd {

class ParseMailboxTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(ParseMailboxTest);
    CPPUNIT_TEST(readsSelect);
    CPPUNIT_TEST(keepsSelectParametersRaw);
    CPPUNIT_TEST(refusesWrongSelect);
    CPPUNIT_TEST(readsCreate);
    CPPUNIT_TEST(refusesWrongCreate);
    CPPUNIT_TEST(readsCommandsOfOneOrTwoNames);
    CPPUNIT_TEST(readsStatus);
    CPPUNIT_TEST(refusesWrongStatus);
    CPPUNIT_TEST(readsPlainList);
    CPPUNIT_TEST(readsSelectionOptions);
    CPPUNIT_TEST(readsReturnOptions);
    CPPUNIT_TEST(readsSeveralPatterns);
    CPPUNIT_TEST(refusesWrongList);
    CPPUNIT_TEST(readsLsubAndXlist);
    CPPUNIT_TEST(readsAppend);
    CPPUNIT_TEST(takesParametersAndItemsBeyondTheGrammar);
    CPPUNIT_TEST(readsUtf8Append);
    CPPUNIT_TEST(refusesWrongAppend);
    CPPUNIT_TEST(refusesWhatFollowsTheMessage);
    CPPUNIT_TEST(parsesThePrefixOfAppend);
    CPPUNIT_TEST(tellsWhatIsWrongWithThePrefix);
    CPPUNIT_TEST_SUITE_END();

public:
    void readsSelect() {
        CPPUNIT_ASSERT_EQUAL(std::string("inbox"), accept<Select>("SELECT inbox").mailbox);
        CPPUNIT_ASSERT(!accept<Select>("SELECT inbox").isReadOnly);
        CPPUNIT_ASSERT(accept<Select>("EXAMINE \"a b\"").isReadOnly);
        CPPUNIT_ASSERT_EQUAL(std::string("Pr&APw-fung &JgM-"), accept<Select>("SELECT \"Pr&APw-fung &JgM-\"").mailbox);
        CPPUNIT_ASSERT_EQUAL(std::string("%*"), accept<Select>("SELECT \"%*\"").mailbox);
    }

    void keepsSelectParametersRaw() {
        checkParameters("SELECT x (CONDSTORE)", "CONDSTORE=");
        checkParameters("SELECT x (condstore foo bar 12)", "CONDSTORE=|FOO=|BAR=12");
        checkParameters("SELECT x (QRESYNC (67890007 20050715194045000 41,43:211,214:541))",
                        "QRESYNC=67890007 20050715194045000 41,43:211,214:541");
        checkParameters("EXAMINE x (QRESYNC (1 2 1:* (1,3 2,4)) CONDSTORE)", "QRESYNC=1 2 1:* (1,3 2,4)|CONDSTORE=");
        checkParameters("SELECT x (A (\"(\\\"\" (b)) B ())", "A=\"(\\\"\" (b)|B=");
        checkParameters("SELECT x (A 1:5,7)", "A=1:5,7");
    }

    void refusesWrongSelect() {
        refuseAll({{"SELECT", "Expected SP", 6},
                   {"SELECT %", "Expected a mailbox name", 7},
                   {"SELECT a b", "Expected \"(\"", 9},
                   {"SELECT a ()", "Expected a parameter", 10},
                   {"SELECT a (b", "Expected SP or \")\"", 11},
                   {"SELECT a (b (c)", "Expected SP or \")\"", 15},
                   {"SELECT a (b (c", "Expected \")\"", 14},
                   {"SELECT a (b (\x01))", "Expected a parameter value", 13},
                   {"SELECT a (b (\"c))", "Quoted string without its closing quote", 13},
                   {"SELECT a (b) c", "Expected the end of the command", 12}});
        CPPUNIT_ASSERT_EQUAL(std::string("Expected \")\""), refuse("SELECT a (b " + std::string(60000, '(')).text);
    }

    void readsCreate() {
        CPPUNIT_ASSERT_EQUAL(std::string("a/b"), accept<Create>("CREATE a/b").mailbox);
        const auto create = accept<Create>("CREATE \"My Sent\" (use (\\Sent \\Archive))");
        CPPUNIT_ASSERT_EQUAL(std::string("My Sent"), create.mailbox);
        CPPUNIT_ASSERT_EQUAL(std::string("\\Sent|\\Archive"), joined(create.specialUse));
        CPPUNIT_ASSERT(accept<Create>("CREATE x (USE ())").specialUse.empty());
    }

    void refusesWrongCreate() {
        refuseAll({{"CREATE x (FOO)", "Unknown CREATE parameter FOO", 10},
                   {"CREATE x (USE)", "Expected SP", 13},
                   {"CREATE x (USE (Sent))", "Expected a special-use attribute", 15},
                   {"CREATE x (USE (\\))", "Expected a flag", 16},
                   {"CREATE x ()", "Expected a CREATE parameter", 10}});
    }

    void readsCommandsOfOneOrTwoNames() {
        CPPUNIT_ASSERT_EQUAL(std::string("x"), accept<Delete>("DELETE x").mailbox);
        CPPUNIT_ASSERT_EQUAL(std::string("x y"), accept<Subscribe>("SUBSCRIBE \"x y\"").mailbox);
        CPPUNIT_ASSERT_EQUAL(std::string("x]"), accept<Unsubscribe>("UNSUBSCRIBE x]").mailbox);
        const auto rename = accept<Rename>("RENAME {1+}\r\na \"b\"");
        CPPUNIT_ASSERT_EQUAL(std::string("a"), rename.from);
        CPPUNIT_ASSERT_EQUAL(std::string("b"), rename.to);
        refuseAll({{"DELETE", "Expected SP", 6},
                   {"SUBSCRIBE a b", "Expected the end of the command", 11},
                   {"RENAME a", "Expected SP", 8},
                   {"RENAME a b c", "Expected the end of the command", 10}});
    }

    void readsStatus() {
        const auto status =
            accept<Status>("STATUS \"F\" (UIDNEXT messages Unseen RECENT UIDVALIDITY SIZE DELETED HIGHESTMODSEQ)");
        using enum StatusItem;
        const std::vector<StatusItem> expected = {UidNext,     Messages, Unseen,  Recent,
                                                  UidValidity, Size,     Deleted, HighestModSeq};
        CPPUNIT_ASSERT(expected == status.items);
        CPPUNIT_ASSERT_EQUAL(std::string("F"), status.mailbox);
    }

    void refusesWrongStatus() {
        refuseAll({{"STATUS x", "Expected SP", 8},
                   {"STATUS x UIDNEXT", "Expected \"(\"", 9},
                   {"STATUS x ()", "Expected a STATUS item", 10},
                   {"STATUS x (UIDNEXT FOO)", "Unknown STATUS item FOO", 18},
                   {"STATUS x (UIDNEXT", "Expected SP or \")\"", 17}});
    }

    void readsPlainList() {
        const auto list = accept<List>("LIST \"\" *");
        CPPUNIT_ASSERT(!list.isExtended);
        CPPUNIT_ASSERT_EQUAL(std::string(), list.reference);
        CPPUNIT_ASSERT_EQUAL(std::string("*"), joined(list.patterns));
        CPPUNIT_ASSERT_EQUAL(std::string("a%b*]"), joined(accept<List>("LIST ref a%b*]").patterns));
        CPPUNIT_ASSERT_EQUAL(std::string(), accept<List>("LIST \"\" \"\"").patterns.at(0));
    }

    void readsSelectionOptions() {
        const auto special = accept<List>("LIST (SPECIAL-USE) \"\" \"*\"");
        CPPUNIT_ASSERT(special.isExtended && special.selectSpecialUse && !special.selectSubscribed &&
                       !special.returnSpecialUse);
        const auto all = accept<List>("list (remote recursivematch subscribed) \"\" \"*\"");
        CPPUNIT_ASSERT(all.selectRemote && all.selectRecursiveMatch && all.selectSubscribed && !all.selectSpecialUse);
        CPPUNIT_ASSERT(accept<List>("LIST () \"\" \"*\"").isExtended);
    }

    void readsReturnOptions() {
        const auto list = accept<List>("list (subscribed) \"\" \"*\" return (special-use)");
        CPPUNIT_ASSERT(list.selectSubscribed && list.returnSpecialUse && !list.returnSubscribed &&
                       !list.returnChildren);
        const auto all = accept<List>("LIST \"\" % RETURN (SUBSCRIBED CHILDREN STATUS (MESSAGES UNSEEN) SPECIAL-USE)");
        CPPUNIT_ASSERT(all.isExtended && all.returnSubscribed && all.returnChildren && all.returnSpecialUse);
        CPPUNIT_ASSERT_EQUAL(std::size_t(2), all.returnStatus.size());
        CPPUNIT_ASSERT(accept<List>("LIST \"\" % RETURN ()").isExtended);
    }

    void readsSeveralPatterns() {
        const auto list = accept<List>("LIST \"\" (INBOX \"Sent/%\" a*)");
        CPPUNIT_ASSERT(list.isExtended);
        CPPUNIT_ASSERT_EQUAL(std::string("INBOX|Sent/%|a*"), joined(list.patterns));
    }

    void refusesWrongList() {
        refuseAll({{"LIST", "Expected SP", 4},
                   {"LIST \"\"", "Expected SP", 7},
                   {"LIST \"\" (", "Expected a mailbox name or pattern", 9},
                   {"LIST \"\" ()", "Expected a mailbox name or pattern", 9},
                   {"LIST * *", "Expected a mailbox name", 5},
                   {"LIST (FOO) \"\" *", "Unknown LIST selection option FOO", 6},
                   {"LIST (RECURSIVEMATCH) \"\" *", "RECURSIVEMATCH needs SUBSCRIBED beside it", 5},
                   {"LIST (REMOTE RECURSIVEMATCH) \"\" *", "RECURSIVEMATCH needs SUBSCRIBED beside it", 5},
                   {"LIST \"\" * RETURN", "Expected SP", 16},
                   {"LIST \"\" * RETURN (FOO)", "Unknown LIST return option FOO", 18},
                   {"LIST \"\" * RETURN (STATUS)", "Expected SP", 24},
                   {"LIST \"\" * RETURN (STATUS ())", "Expected a STATUS item", 26},
                   {"LIST \"\" * FOO", "Expected RETURN", 10}});
    }

    void readsLsubAndXlist() {
        CPPUNIT_ASSERT_EQUAL(std::string("a/%"), accept<Lsub>("LSUB \"\" a/%").pattern);
        CPPUNIT_ASSERT_EQUAL(std::string("*"), accept<XList>("XLIST \"\" \"*\"").pattern);
        refuseAll({{"LSUB (SUBSCRIBED) \"\" *", "Expected a mailbox name", 5}, {"XLIST x", "Expected SP", 7}});
    }

    void readsAppend() {
        const auto plain = accept<Append>("append \"Sent\" (\\Seen $label2) {6+}\r\na\0b\0cd"s);
        CPPUNIT_ASSERT_EQUAL(std::string("Sent"), plain.mailbox);
        CPPUNIT_ASSERT_EQUAL(std::string("\\Seen|$label2"), joined(plain.flags));
        CPPUNIT_ASSERT(!plain.dateTime && !plain.isUtf8 && !plain.isBinary);
        CPPUNIT_ASSERT_EQUAL(std::uint64_t(6), plain.messageOctets);
        const auto dated = accept<Append>("APPEND {4}\r\nSent () \" 7-Jul-1996 02:44:25 -0700\" {1}\r\nx");
        CPPUNIT_ASSERT_EQUAL(std::string(" 7-Jul-1996 02:44:25 -0700"), *dated.dateTime);
        CPPUNIT_ASSERT(accept<Append>("APPEND x {0}\r\n").messageOctets == 0);
        CPPUNIT_ASSERT(accept<Append>("APPEND x ~{1+}\r\nx").isBinary);
        accept<Append>("APPEND x \"7-Jul-1996 02:44:25 -0700\" {1}\r\nx ", liberal());
    }

    void takesParametersAndItemsBeyondTheGrammar() {
        CPPUNIT_ASSERT(accept<Select>("SELECT x ()", liberal()).parameters.empty());
        CPPUNIT_ASSERT(accept<Create>("CREATE x ( )", liberal()).specialUse.empty());
        CPPUNIT_ASSERT_EQUAL(std::size_t(2), accept<Status>("STATUS x SIZE  UNSEEN ", liberal()).items.size());
        refuseAll({{"SELECT x ()", "Expected a parameter", 10},
                   {"CREATE x ()", "Expected a CREATE parameter", 10},
                   {"STATUS x SIZE", "Expected \"(\"", 9}});
        refuseAll({{"STATUS x ()", "Expected a STATUS item", 10}, {"STATUS x(SIZE)", "Expected SP", 8}}, liberal());
    }

    void readsUtf8Append() {
        const auto append = accept<Append>("append \"Sent\" (\\Seen) UTF8 (~{3+}\r\nabc)");
        CPPUNIT_ASSERT(append.isUtf8 && !append.isBinary);
        CPPUNIT_ASSERT_EQUAL(std::uint64_t(3), append.messageOctets);
    }

    void refusesWrongAppend() {
        refuseAll(
            {{"APPEND", "Expected SP", 6},
             {"APPEND x", "Expected SP", 8},
             {"APPEND {1+}\r\nx", "Expected SP", 11},
             {"APPEND x (\\Seen)", "Expected SP", 16},
             {"APPEND x \"foo\" {1+}\r\nx", "Expected a date and time such as \"17-Jul-1996 02:44:25 -0700\"", 9},
             {"APPEND x \"7-Jul-1996 02:44:25 -0700\" {1+}\r\nx",
              "Expected a date and time such as \"17-Jul-1996 02:44:25 -0700\"", 9},
             {"APPEND x \" 1-Jan-2020 00:00:00 +0000\" (\\Seen) {1+}\r\nx", "Expected the message as a literal", 38},
             {"APPEND x (\\*) {1+}\r\nx", "Expected a flag", 11},
             {"APPEND x foo", "Expected the message as a literal", 9},
             {"APPEND x UTF8 (\"y\")", "Expected a literal8 (~{n})", 15},
             {"APPEND x UTF8 ({1+}\r\ny)", "Expected a literal8 (~{n})", 15},
             {"APPEND x UTF8 ~{1+}\r\ny", "Expected \"(\"", 14},
             {"APPEND ~{1+}\r\nx {1+}\r\ny", "A literal8 is not allowed here", 7}});
    }

    void refusesWhatFollowsTheMessage() {
        refuseAll({{"APPEND x {1+}\r\ny)", "Expected the end of the command", 13},
                   {"APPEND x {1+}\r\ny ", "Expected the end of the command", 13},
                   {"APPEND x {1+}\r\ny (\\Seen)", "Expected the end of the command", 13},
                   {"APPEND x UTF8 (~{1+}\r\ny", "Expected \")\"", 20},
                   {"APPEND x UTF8 (~{1+}\r\ny))", "Expected the end of the command", 21}});
    }

    void parsesThePrefixOfAppend() {
        std::string tag;
        const auto result = parseAppendPrefix(prefix("a7 APPEND Sent (\\Seen) UTF8 (~{5+}\r\n"), {}, tag);
        CPPUNIT_ASSERT_EQUAL(std::string("a7"), tag);
        const auto& append = std::get<Append>(result);
        CPPUNIT_ASSERT_EQUAL(std::string("Sent"), append.mailbox);
        CPPUNIT_ASSERT_EQUAL(std::uint64_t(5), append.messageOctets);
        CPPUNIT_ASSERT(append.isUtf8);
    }

    void tellsWhatIsWrongWithThePrefix() {
        std::string tag;
        const auto result = parseAppendPrefix(prefix("a7 APPEND Sent CATENATE (TEXT {5+}\r\n"), {}, tag);
        CPPUNIT_ASSERT_EQUAL(std::string("a7"), tag);
        const auto& error = std::get<SyntaxError>(result);
        CPPUNIT_ASSERT_EQUAL(std::string("Expected the message as a literal"), error.text);
        CPPUNIT_ASSERT_EQUAL(std::size_t(15), error.position);
        CPPUNIT_ASSERT(std::holds_alternative<SyntaxError>(parseAppendPrefix(prefix("(a APPEND x {5+}\r\n"), {}, tag)));
        CPPUNIT_ASSERT_EQUAL(std::string("*"), tag);
    }

private:
    static RawCommand prefix(const std::string& wire) {
        CommandReader reader;
        reader.give(wire);
        CPPUNIT_ASSERT(reader.next() == CommandReader::Event::SinkBegins);
        reader.acceptSink();  // of which nothing comes
        return reader.takeCommand();
    }

    static void checkParameters(const std::string& wire, const std::string& expected) {
        std::vector<std::string> found;
        for (const auto& parameter : accept<Select>(wire).parameters)
            found.push_back(parameter.name + "=" + parameter.value);
        CPPUNIT_ASSERT_EQUAL(expected, joined(found));
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(ParseMailboxTest);

}  // namespace imapd
