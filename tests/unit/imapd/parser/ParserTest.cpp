// Parser: tags, command names, spaces, strings and numbers, and the commands that log in.
#include "imapd/parser/Parser.h"

#include <cppunit/extensions/HelperMacros.h>

#include "tests/unit/imapd/parser/ParserFixture.h"

using std::string_literals::operator""s;

namespace imapd {

class ParserTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(ParserTest);
    CPPUNIT_TEST(readsTags);
    CPPUNIT_TEST(refusesWrongTags);
    CPPUNIT_TEST(takesAnyTagWhereConfigured);
    CPPUNIT_TEST(readsCommandsWithoutArguments);
    CPPUNIT_TEST(givesTheNameInUpperCase);
    CPPUNIT_TEST(refusesUnknownCommands);
    CPPUNIT_TEST(wantsExactlyOneSpace);
    CPPUNIT_TEST(toleratesSpacesWhenLiberal);
    CPPUNIT_TEST(takesATabAfterTheNameWhereConfigured);
    CPPUNIT_TEST(readsId);
    CPPUNIT_TEST(refusesWrongId);
    CPPUNIT_TEST(readsAuthenticate);
    CPPUNIT_TEST(refusesWrongAuthenticate);
    CPPUNIT_TEST(readsLogin);
    CPPUNIT_TEST(readsAllFormsOfAString);
    CPPUNIT_TEST(refusesWrongStrings);
    CPPUNIT_TEST(refusesNulInALiteral);
    CPPUNIT_TEST(refusesALiteralWhereNoneBelongs);
    CPPUNIT_TEST(takesUtf8InQuotedStringsWhereEnabled);
    CPPUNIT_TEST(takesOddQuotedStringsWhenLiberal);
    CPPUNIT_TEST(takesLooseAtomsWhenLiberal);
    CPPUNIT_TEST(readsNamesInUtf8WhenLiberal);
    CPPUNIT_TEST(judgesALiteralBeforeItComes);
    CPPUNIT_TEST(readsEnable);
    CPPUNIT_TEST(boundsListEntries);
    CPPUNIT_TEST_SUITE_END();

public:
    void readsTags() {
        for (const char* good : {"a", "A001", "1", "WIR00001", "a.b-c_d", "]", "[x]", "#&$@!~'`^|;:,<>?/="}) {
            const auto result = parse(gather(good + " NOOP\r\n"s), {});
            CPPUNIT_ASSERT_MESSAGE(good, std::holds_alternative<Command>(result));
            CPPUNIT_ASSERT_EQUAL(std::string(good), std::get<Command>(result).tag);
        }
    }

    void refusesWrongTags() {
        checkTag(" NOOP", "Expected a tag", 0);
        checkTag("a+b NOOP", "Expected a tag and SP", 1);
        checkTag("* NOOP", "Expected a tag", 0);
        checkTag("\"a\" NOOP", "Expected a tag", 0);
        checkTag("a{3+}\r\nfoo NOOP", "Expected a tag and SP", 1);
        checkTag("a\tNOOP", "Expected a tag and SP", 1);
        checkTag("a\xc3\xbc NOOP", "Expected a tag and SP", 1);
    }

    void takesAnyTagWhereConfigured() {
        ParserOptions options;
        options.acceptsAnyTag = true;
        for (const char* good : {"a+b", "+", "{x}", "(a\"b\\", "\xc3\xbc", "*%"}) {
            for (const char* delimiter : {" ", "\t"}) {
                const auto result = parse(gather(good + ""s + delimiter + "NOOP\r\n"), options);
                CPPUNIT_ASSERT_MESSAGE(good, std::holds_alternative<Command>(result));
                CPPUNIT_ASSERT_EQUAL(std::string(good), std::get<Command>(result).tag);
            }
        }
        const auto result = parse(gather("a\rb NOOP\r\n"), options);
        CPPUNIT_ASSERT_EQUAL(std::string("*"), std::get<SyntaxError>(result).tag);
    }

    void readsCommandsWithoutArguments() {
        accept<Capability>("CAPABILITY");
        accept<Noop>("NOOP");
        accept<Logout>("LOGOUT");
        accept<StartTls>("STARTTLS");
        accept<Namespace>("NAMESPACE");
        accept<Idle>("IDLE");
        accept<Check>("CHECK");
        accept<Close>("CLOSE");
        accept<Unselect>("UNSELECT");
        CPPUNIT_ASSERT(!accept<Expunge>("EXPUNGE").uids);
        for (const char* name : {"CAPABILITY", "NOOP", "LOGOUT", "STARTTLS", "NAMESPACE", "IDLE", "CHECK", "CLOSE",
                                 "UNSELECT", "EXPUNGE"}) {
            const std::size_t end = std::string(name).size();
            CPPUNIT_ASSERT_EQUAL(std::string("Expected the end of the command"), refuse(name + " x"s).text);
            CPPUNIT_ASSERT_EQUAL(end, refuse(name + " "s).position);
        }
    }

    void givesTheNameInUpperCase() {
        const auto result = parse(gather("a uid Fetch 1 uid\r\n"), {});
        CPPUNIT_ASSERT_EQUAL(std::string("UID FETCH"), std::get<Command>(result).name);
    }

    void refusesUnknownCommands() {
        refuseAll({{"foo", "Unknown command FOO", 0},
                   {"FOO BAR (", "Unknown command FOO", 0},
                   {"NOOPX", "Unknown command NOOPX", 0},
                   {"UID FOO 1", "Unknown command UID FOO", 0},
                   {"UID NOOP", "Unknown command UID NOOP", 0},
                   {"UID", "Expected SP", 3},
                   {"UID ", "Expected a command after UID", 4},
                   {"", "Expected a command", 0},
                   {"(", "Expected a command", 0},
                   {"{3+}\r\nfoo", "Expected a command", 0}});
        const std::string longest = refuse(std::string(5000, 'x')).text;
        CPPUNIT_ASSERT(longest.size() < 100);
        const auto result = parse(gather("a\r\n"), {});
        CPPUNIT_ASSERT_EQUAL(std::string("Expected SP"), std::get<SyntaxError>(result).text);
        CPPUNIT_ASSERT_EQUAL(std::string("a"), std::get<SyntaxError>(result).tag);
    }

    void wantsExactlyOneSpace() {
        refuseAll({{" NOOP", "Expected a command", 0},
                   {"LOGIN  a b", "Expected a user name", 6},
                   {"LOGIN a  b", "Expected a password", 8},
                   {"LOGIN a b ", "Expected the end of the command", 9},
                   {"LOGIN\ta b", "Expected SP", 5},
                   {"LOGIN a\tb", "Expected SP", 7},
                   {"FETCH 1 ( FLAGS)", "Expected a FETCH item", 9},
                   {"FETCH 1 (FLAGS )", "Expected a FETCH item", 15},
                   {"FETCH 1 (FLAGS  UID)", "Expected a FETCH item", 15},
                   {"STORE 1 FLAGS \\Seen ", "Expected a flag", 20}});
    }

    void toleratesSpacesWhenLiberal() {
        const auto login = accept<Login>(" LOGIN   a   b  ", liberal());
        CPPUNIT_ASSERT_EQUAL(std::string("a"), login.user);
        CPPUNIT_ASSERT_EQUAL(std::string("b"), login.password.text());
        CPPUNIT_ASSERT_EQUAL(std::size_t(2), accept<Fetch>("FETCH  1  (  FLAGS  UID  )  ", liberal()).items.size());
        CPPUNIT_ASSERT_EQUAL(std::size_t(2), accept<Store>("STORE 1 FLAGS \\Seen  x  ", liberal()).flags.size());
        CPPUNIT_ASSERT_EQUAL(std::size_t(2), accept<Search>("SEARCH SEEN  ( NEW ) ", liberal()).key.children.size());
        accept<Fetch>("FETCH 1 BODY[HEADER.FIELDS(From To)]", liberal());
        accept<Noop>("NOOP ", liberal());
        ParserOptions oneSpace = liberal();
        oneSpace.acceptsExtraSpaces = false;
        accept<Fetch>("FETCH 1 (FLAGS UID)", oneSpace);
        for (const char* const spaces : {"NOOP ", " NOOP", "FETCH  1 FLAGS", "FETCH 1 ( FLAGS)", "FETCH 1 (FLAGS )"}) {
            refuse(spaces, oneSpace);
        }
        refuseAll({{"LOGIN\ta b", "Expected SP", 5}, {"NOOP x", "Expected the end of the command", 5}}, liberal());
    }

    void takesATabAfterTheNameWhereConfigured() {
        ParserOptions options;
        options.acceptsTabAfterCommand = true;
        CPPUNIT_ASSERT_EQUAL(std::string("a"), accept<Login>("LOGIN\ta b", options).user);
        accept<Fetch>("UID\tFETCH\t1 FLAGS", options);
        refuseAll({{"LOGIN\t a b", "Expected a user name", 6},
                   {"LOGIN\t\ta b", "Expected a user name", 6},
                   {"LOGIN a\tb", "Expected SP", 7},
                   {"NOOP\t", "Expected the end of the command", 4}},
                  options);
    }

    void readsId() {
        CPPUNIT_ASSERT(accept<Id>("ID NIL").parameters.empty());
        CPPUNIT_ASSERT(accept<Id>("ID ()").parameters.empty());
        const auto id = accept<Id>("ID (\"name\" \"Thunderbird\" \"version\" NIL {2+}\r\nos {1+}\r\nx)");
        CPPUNIT_ASSERT_EQUAL(std::size_t(3), id.parameters.size());
        CPPUNIT_ASSERT_EQUAL(std::string("name"), id.parameters[0].name);
        CPPUNIT_ASSERT_EQUAL(std::string("Thunderbird"), *id.parameters[0].value);
        CPPUNIT_ASSERT(!id.parameters[1].value);
        CPPUNIT_ASSERT_EQUAL(std::string("os"), id.parameters[2].name);
    }

    void refusesWrongId() {
        refuseAll({{"ID", "Expected SP", 2},
                   {"ID x", "Expected NIL or \"(\"", 3},
                   {"ID (x \"y\")", "Expected a field name", 4},
                   {"ID (\"x\")", "Expected SP", 7},
                   {"ID (\"x\" y)", "Expected a string or NIL", 8},
                   {"ID (\"x\" \"y\"", "Expected SP or \")\"", 11}});
    }

    void readsAuthenticate() {
        const auto plain = accept<Authenticate>("authenticate plain");
        CPPUNIT_ASSERT_EQUAL(std::string("PLAIN"), plain.mechanism);
        CPPUNIT_ASSERT(!plain.initialResponse);
        CPPUNIT_ASSERT_EQUAL(std::string("="), accept<Authenticate>("AUTHENTICATE EXTERNAL =").initialResponse->text());
        CPPUNIT_ASSERT_EQUAL(std::string("AHQAdA=="),
                             accept<Authenticate>("AUTHENTICATE PLAIN AHQAdA==").initialResponse->text());
        CPPUNIT_ASSERT_EQUAL(std::string("a+/="),
                             accept<Authenticate>("AUTHENTICATE SCRAM-SHA-256 a+/=").initialResponse->text());
    }

    void refusesWrongAuthenticate() {
        for (const char* wrong : {"a", "a===", "====", "a=bc", "==", "AHQAdA=", "AHQ-"}) {
            const SyntaxError error = refuse("AUTHENTICATE PLAIN "s + wrong);
            CPPUNIT_ASSERT_EQUAL_MESSAGE(wrong, std::string("Expected base64 or \"=\""), error.text);
            CPPUNIT_ASSERT_EQUAL(std::size_t(19), error.position);
        }
        refuseAll({{"AUTHENTICATE", "Expected SP", 12},
                   {"AUTHENTICATE ", "Expected a mechanism", 13},
                   {"AUTHENTICATE \"PLAIN\"", "Expected a mechanism", 13},
                   {"AUTHENTICATE PLAIN ", "Expected base64 or \"=\"", 19},
                   {"AUTHENTICATE PLAIN AHQAdA== x", "Expected the end of the command", 27}});
    }

    void readsLogin() {
        const auto login = accept<Login>("LOGIN {11+}\r\nFRED FOOBAR {7}\r\nfat man");
        CPPUNIT_ASSERT_EQUAL(std::string("FRED FOOBAR"), login.user);
        CPPUNIT_ASSERT_EQUAL(std::string("fat man"), login.password.text());
        refuseAll({{"LOGIN", "Expected SP", 5},
                   {"LOGIN ", "Expected a user name", 6},
                   {"LOGIN a", "Expected SP", 7},
                   {"LOGIN a b c", "Expected the end of the command", 9},
                   {"LOGIN (a) b", "Expected a user name", 6},
                   {"LOGIN a* b", "Expected SP", 7}});
    }

    void readsAllFormsOfAString() {
        const std::vector<std::pair<std::string, std::string>> table = {
            {"atom]x", "atom]x"},
            {"\"\"", ""},
            {"\"a b\"", "a b"},
            {"\"\\\"\\\\\"", "\"\\"},
            {"\"{3}\"", "{3}"},
            {"\"\t\x7f\"", "\t\x7f"},
            {"{0}\r\n", ""},
            {"{4+}\r\n\"\r\n\\", "\"\r\n\\"},
            {"{3}\r\n\x80\xff\x01", "\x80\xff\x01"},
            {"NIL", "NIL"},
        };
        for (const auto& [wire, meant] : table) {
            CPPUNIT_ASSERT_EQUAL(meant, accept<Login>("LOGIN " + wire + " x").user);
            CPPUNIT_ASSERT_EQUAL(meant, accept<Login>("LOGIN x " + wire).password.text());
        }
    }

    void refusesWrongStrings() {
        refuseAll(
            {{"LOGIN \"a b", "Quoted string without its closing quote", 6},
             {"LOGIN \"a\\\"", "Quoted string without its closing quote", 6},
             {"LOGIN \"a\\", "Only \\\" and \\\\ are allowed after a backslash in a quoted string", 8},
             {"LOGIN \"a\\b\" x", "Only \\\" and \\\\ are allowed after a backslash in a quoted string", 8},
             {"LOGIN \"a\rb\" x", "NUL, CR and LF are not allowed in a quoted string", 8},
             {"LOGIN \"Pr\xc3\xbc\" x", "8-bit octets are not allowed in a quoted string (a literal may hold them)", 9},
             {"LOGIN Pr\xc3\xbc x", "Expected SP", 8},
             {"LOGIN \"a\"b", "Expected SP", 9},
             {"LOGIN a\x7f b", "Expected SP", 7},
             {"LOGIN {x} b", "Expected a user name", 6}});
        CPPUNIT_ASSERT_EQUAL(std::string("NUL, CR and LF are not allowed in a quoted string"),
                             refuse("LOGIN \"a\0\" x"s).text);
    }

    void refusesNulInALiteral() {
        const SyntaxError error = refuse("LOGIN x {3+}\r\na\0b"s);
        CPPUNIT_ASSERT_EQUAL(std::string("NUL is not allowed in a literal"), error.text);
        CPPUNIT_ASSERT_EQUAL(std::size_t(8), error.position);
    }

    void refusesALiteralWhereNoneBelongs() {
        refuseAll({{"LOGIN x ~{1+}\r\ny", "A literal8 is not allowed here", 8},
                   {"LOGIN x y~{1+}\r\ny", "Expected the end of the command", 10},
                   {"LOGIN x \"y{1+}\r\nz\"", "A literal is not allowed in a quoted string", 10},
                   {"LOGIN x y{1+}\r\nz", "Expected the end of the command", 9},
                   {"SELECT x (QRESYNC ({1+}\r\nz))", "A literal is not allowed here", 19},
                   {"FETCH {1+}\r\n1 FLAGS", "Expected a sequence set", 6},
                   {"NOOP{1+}\r\n1", "Expected the end of the command", 4}});
    }

    void takesUtf8InQuotedStringsWhereEnabled() {
        ParserOptions options;
        options.utf8Enabled = true;
        for (const char* good : {"\xc3\xbc", "\xe2\x98\x83", "\xf0\x9f\x93\xa7", "\xef\xbf\xbf", "\xf4\x8f\xbf\xbf"}) {
            CPPUNIT_ASSERT_EQUAL(std::string(good), accept<Login>("LOGIN \""s + good + "\" x", options).user);
        }
        for (const char* wrong : {"\x80", "\xc3", "\xc0\x80", "\xe0\x80\x80", "\xed\xa0\x80", "\xf5\x80\x80\x80",
                                  "\xf0\x80\x80\x80", "\xf4\x90\x80\x80", "\xe2\x98", "\xff"}) {
            CPPUNIT_ASSERT_EQUAL(std::string("Malformed UTF-8 in a quoted string"),
                                 refuse("LOGIN \"a"s + wrong + "\" x", options).text);
        }
    }

    void takesOddQuotedStringsWhenLiberal() {
        CPPUNIT_ASSERT_EQUAL(std::string("Pr\xfc"), accept<Login>("LOGIN \"Pr\xfc\" x", liberal()).user);
        CPPUNIT_ASSERT_EQUAL(std::string("DOM\\me"), accept<Login>("LOGIN \"DOM\\me\" x", liberal()).user);
        refuseAll({{"LOGIN \"a\\\" x", "Quoted string without its closing quote", 6}}, liberal());
    }

    void takesLooseAtomsWhenLiberal() {
        CPPUNIT_ASSERT_EQUAL(std::string("DOM\\me"), accept<Login>("LOGIN DOM\\me x", liberal()).user);
        CPPUNIT_ASSERT_EQUAL(std::string("p%*\xc3\xbc"),
                             accept<Login>("LOGIN a p%*\xc3\xbc", liberal()).password.text());
        CPPUNIT_ASSERT_EQUAL(std::string("PLAIN"), accept<Authenticate>("AUTHENTICATE \"plain\"", liberal()).mechanism);
        const auto id = accept<Id>("ID (name x version NIL)", liberal());
        CPPUNIT_ASSERT_EQUAL(std::string("x"), *id.parameters.at(0).value);
        CPPUNIT_ASSERT(!id.parameters.at(1).value);
        ParserOptions utf8 = liberal();
        utf8.utf8Enabled = true;
        CPPUNIT_ASSERT_EQUAL(std::string("Pr\xc3\xbc"), accept<Login>("LOGIN Pr\xc3\xbc x", utf8).user);
        refuseAll({{"LOGIN Pr\xfc x", "Malformed UTF-8", 8}}, utf8);
        refuseAll({{"LOGIN a(b c", "Expected SP", 7},
                   {"LOGIN a\"b\" c", "Expected SP", 7},
                   {"LOGIN (a) b", "Expected a user name", 6},
                   {"AUTHENTICATE \"a b\"", "Expected a mechanism", 13},
                   {"NOOP x", "Expected the end of the command", 5}},
                  liberal());
    }

    void readsNamesInUtf8WhenLiberal() {
        ParserOptions options = liberal();
        options.nameOfUtf8 = [](std::string_view name) -> std::optional<std::string> {
            if (name.find('\xff') != std::string_view::npos) return std::nullopt;
            return "(" + std::string(name) + ")";
        };
        CPPUNIT_ASSERT_EQUAL(std::string("(\xc3\xbc)"), accept<Delete>("DELETE \"\xc3\xbc\"", options).mailbox);
        CPPUNIT_ASSERT_EQUAL(std::string("(\xc3\xbc)"), accept<Delete>("DELETE {2}\r\n\xc3\xbc", options).mailbox);
        CPPUNIT_ASSERT_EQUAL(std::string("(\xc3\xbc%)"), accept<List>("LIST \"\" \xc3\xbc%", options).patterns.at(0));
        CPPUNIT_ASSERT_EQUAL(std::string("abc"), accept<Delete>("DELETE abc", options).mailbox);
        // What could be either, or is neither, stays as it is.
        CPPUNIT_ASSERT_EQUAL(std::string("\xc3\xbc&-"), accept<Delete>("DELETE \xc3\xbc&-", options).mailbox);
        CPPUNIT_ASSERT_EQUAL(std::string("\xff"), accept<Delete>("DELETE \xff", options).mailbox);
        options.isStrict = true;
        CPPUNIT_ASSERT_EQUAL(std::string("\xc3\xbc"), accept<Delete>("DELETE {2}\r\n\xc3\xbc", options).mailbox);
    }

    void judgesALiteralBeforeItComes() {
        const auto judged = [](const std::string& wire) {
            CommandReader reader;
            const std::string whole = "a1 " + wire + "\r\n";
            reader.give(whole);
            CommandReader::Event event = reader.next();
            CPPUNIT_ASSERT_MESSAGE(wire, event == CommandReader::Event::Continue);
            const auto result = parseToLiteral(reader.soFar(), {});
            if (const auto* error = std::get_if<SyntaxError>(&result)) {
                CPPUNIT_ASSERT_EQUAL(std::string("a1"), error->tag);
                return error->text + "@" + std::to_string(error->position - 3);
            }
            return std::get<CommandBegun>(result).name;
        };
        for (const auto& [wire, outcome] : std::vector<std::pair<std::string, std::string>>{
                 {"LOGIN {5}", "LOGIN"},
                 {"login x {5}", "LOGIN"},
                 {"UID SEARCH (OR SUBJECT {5}", "UID SEARCH"},
                 {"APPEND {5}", "APPEND"},
                 {"NOOP {5}", "Expected the end of the command@4"},
                 {"FETCH {1}", "Expected a sequence set@6"},
                 {"SELECT ~{5}", "A literal8 is not allowed here@7"},
                 {"FOO {5}", "Unknown command FOO@0"},
                 {"SEARCH SEEN FROBS {5}", "Unknown search key FROBS@12"},
                 {"LOGIN x y {5}", "Expected the end of the command@9"},
                 {"LOGIN \"x{5}", "A literal is not allowed in a quoted string@8"},
                 {"STORE 1 FLAGS ({5}", "Expected a flag@15"}}) {
            CPPUNIT_ASSERT_EQUAL_MESSAGE(wire, outcome, judged(wire));
        }
    }

    void readsEnable() {
        CPPUNIT_ASSERT_EQUAL(std::string("UTF8=ACCEPT|IMAP4REV2"),
                             joined(accept<Enable>("ENABLE utf8=accept IMAP4rev2").capabilities));
        refuseAll({{"ENABLE", "Expected SP", 6},
                   {"ENABLE (X)", "Expected a capability", 7},
                   {"ENABLE X ", "Expected a capability", 9}});
    }

    void boundsListEntries() {
        ParserOptions options;
        for (const std::string& wire : std::vector<std::string>{
                 "ENABLE a a a a a", "STORE 1 FLAGS (a a a a a)", "STORE 1 FLAGS a a a a a", "SEARCH ALL (ALL ALL) ALL",
                 "FETCH 1 (UID UID UID UID UID)", "STATUS x (SIZE SIZE SIZE SIZE SIZE)"}) {
            options.maxEntries = 5;
            CPPUNIT_ASSERT_MESSAGE(wire, std::holds_alternative<Command>(parse(gather("a " + wire + "\r\n"), options)));
            options.maxEntries = 4;
            const SyntaxError error = refuse(wire, options);
            CPPUNIT_ASSERT_MESSAGE(wire, error.isLimit);
            CPPUNIT_ASSERT_EQUAL(std::string("Too many list entries in a command (4 at most)"), error.text);
        }
    }

private:
    static void checkTag(const std::string& wire, const std::string& text, std::size_t position) {
        const auto result = parse(gather(wire + "\r\n"), {});
        const auto* error = std::get_if<SyntaxError>(&result);
        CPPUNIT_ASSERT_MESSAGE(wire, error != nullptr);
        CPPUNIT_ASSERT_EQUAL(std::string("*"), error->tag);
        CPPUNIT_ASSERT_EQUAL(text, error->text);
        CPPUNIT_ASSERT_EQUAL(position, error->position);
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(ParserTest);

}  // namespace imapd
