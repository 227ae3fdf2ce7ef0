// Configuration files: their syntax, profiles, values and what is said about mistakes.
#include <cppunit/extensions/HelperMacros.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <stdexcept>

#include "modules/host/Configuration.h"
#include "modules/host/ProgramKeys.h"
#include "modules/host/Suggestion.h"
#include "modules/host/Values.h"

namespace {

using maildock::Finding;
using maildock::KeyKind;
using maildock::KeySpec;
using namespace maildock::host;

std::vector<KeySpec> specs() {
    return {{"imap.listen", KeyKind::Address, "127.0.0.1:143", "", {}, {}, {}},
            {"imap.limit", KeyKind::Number, "5", "", {}, 1, 1 << 20},
            {"imap.timeout", KeyKind::Seconds, "30m", "", {}, 60, {}},
            {"imap.strict", KeyKind::Boolean, "true", "", {}, {}, {}},
            {"mail.layout", KeyKind::Choice, "maildir++", "", {"maildir++", "fs"}, {}, {}},
            {"mail.location", KeyKind::Text, "/srv", "", {}, {}, {}},
            {"tls.key", KeyKind::Path, "", "", {}, {}, {}},
            {"charsets", KeyKind::List, "a, b", "", {}, {}, {}},
            {"profile", KeyKind::Text, "", "", {}, {}, {}},
            {"mailbox.create.*", KeyKind::Text, "none", "", {}, {}, {}}};
}

class PropertiesFileTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(PropertiesFileTest);
    CPPUNIT_TEST(entriesKnowTheirLines);
    CPPUNIT_TEST(escapesAndContinuations);
    CPPUNIT_TEST(commentsInsideALine);
    CPPUNIT_TEST(lineEndsOfEverySystem);
    CPPUNIT_TEST(badLinesAreNamed);
    CPPUNIT_TEST(twinsNameBothLines);
    CPPUNIT_TEST(limits);
    CPPUNIT_TEST_SUITE_END();

    static std::string valueOf(const std::string& text) {
        const auto file = PropertiesFile::parse("k" + text, "f");
        return file.entries.size() == 1 && file.complaints.empty() ? file.entries[0].value : "(wrong)";
    }

public:
    void entriesKnowTheirLines() {
        const auto file = PropertiesFile::parse("\xEF\xBB\xBF# comment\n! comment\n\n  a.b = 1\nc:2\n  d  =\n", "f");
        CPPUNIT_ASSERT_EQUAL(std::size_t{3}, file.entries.size());
        CPPUNIT_ASSERT_EQUAL(std::string("a.b"), file.entries[0].key);
        CPPUNIT_ASSERT_EQUAL(4u, file.entries[0].line);
        CPPUNIT_ASSERT_EQUAL(std::string("2"), file.entries[1].value);
        CPPUNIT_ASSERT_EQUAL(std::string("d"), file.entries[2].key);
        CPPUNIT_ASSERT_EQUAL(std::string(""), file.entries[2].value);
        CPPUNIT_ASSERT_EQUAL(6u, file.entries[2].line);
    }

    void escapesAndContinuations() {
        CPPUNIT_ASSERT_EQUAL(std::string("a\tb\nc\\d#e"), valueOf(" = a\\tb\\nc\\\\d\\#e"));
        CPPUNIT_ASSERT_EQUAL(std::string("one,   two"), valueOf("=one,\\\n   two\n"));
        CPPUNIT_ASSERT_EQUAL(std::string("one two"), valueOf("=one \\\r\ntwo\r\n"));
        CPPUNIT_ASSERT_EQUAL(std::string("x"), valueOf("=x\\"));
        const auto file = PropertiesFile::parse("a=1\\\n2\\\n3\nb=4\n", "f");
        CPPUNIT_ASSERT_EQUAL(std::string("123"), file.entries[0].value);
        CPPUNIT_ASSERT_EQUAL(4u, file.entries[1].line);
    }

    void commentsInsideALine() {
        CPPUNIT_ASSERT_EQUAL(std::string("/srv/mail/%u"), valueOf(" = /srv/mail/%u       # the root # of all\n"));
        CPPUNIT_ASSERT_EQUAL(std::string(""), valueOf(" =      # empty"));
        CPPUNIT_ASSERT_EQUAL(std::string("a#b"), valueOf("=a#b"));
        CPPUNIT_ASSERT_EQUAL(std::string("a #b"), valueOf("=a #b"));
        CPPUNIT_ASSERT_EQUAL(std::string("a # b"), valueOf("=a \\# b"));
    }

    void lineEndsOfEverySystem() {
        const auto file = PropertiesFile::parse("a=1\r\nb=2\rc=3\nd=4", "f");
        CPPUNIT_ASSERT_EQUAL(std::size_t{4}, file.entries.size());
        for (unsigned i = 0; i < 4; ++i) CPPUNIT_ASSERT_EQUAL(i + 1, file.entries[i].line);
        CPPUNIT_ASSERT_EQUAL(std::string("1"), file.entries[0].value);
    }

    void badLinesAreNamed() {
        using namespace std::string_literals;
        const auto file = PropertiesFile::parse("word\n= value\na\x01 = 1\nb = \0\nok = 1\n"s, "f");
        CPPUNIT_ASSERT_EQUAL(std::size_t{4}, file.complaints.size());
        for (unsigned i = 0; i < 4; ++i) CPPUNIT_ASSERT_EQUAL(i + 1, file.complaints[i].line);
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, file.entries.size());
    }

    void twinsNameBothLines() {
        const auto file = PropertiesFile::parse("a=1\n\na=2\n", "f");
        CPPUNIT_ASSERT_EQUAL(std::string("f:3: `a` is set twice, in line 1 and in line 3"),
                             file.complaints.at(0).toString());
        CPPUNIT_ASSERT_EQUAL(std::string("1"), file.entries.at(0).value);
    }

    void limits() {
        std::string many;
        for (int i = 0; i < 6000; ++i) many += "k" + std::to_string(i) + "=1\n";
        CPPUNIT_ASSERT_EQUAL(PropertiesFile::maxEntries, PropertiesFile::parse(many, "f").entries.size());
        CPPUNIT_ASSERT(hasErrors(PropertiesFile::parse(many, "f").complaints));
        CPPUNIT_ASSERT(hasErrors(PropertiesFile::parse(std::string(500, 'k') + "=1", "f").complaints));
        CPPUNIT_ASSERT(hasErrors(PropertiesFile::parse("k=" + std::string(100000, 'v'), "f").complaints));
    }
};

class ValuesTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(ValuesTest);
    CPPUNIT_TEST(numbersAndTimes);
    CPPUNIT_TEST(booleans);
    CPPUNIT_TEST(addresses);
    CPPUNIT_TEST(lists);
    CPPUNIT_TEST(suggestions);
    CPPUNIT_TEST_SUITE_END();

public:
    void numbersAndTimes() {
        CPPUNIT_ASSERT(values::toNumber("12") == 12 && values::toNumber("-3") == -3);
        CPPUNIT_ASSERT(values::toNumber("4k") == 4096 && values::toNumber("2 M") == 2 << 20);
        CPPUNIT_ASSERT(values::toNumber("3G") == 3LL << 30);
        CPPUNIT_ASSERT(!values::toNumber("") && !values::toNumber("k") && !values::toNumber("1x"));
        CPPUNIT_ASSERT(!values::toNumber("9223372036854775808") && !values::toNumber("9223372036854775807k"));
        CPPUNIT_ASSERT(!values::toNumber("1.5") && !values::toNumber("0x10") && !values::toNumber("1 2"));
        CPPUNIT_ASSERT(values::toSeconds("90") == 90 && values::toSeconds("2m") == 120);
        CPPUNIT_ASSERT(values::toSeconds("1h") == 3600 && values::toSeconds("2d") == 172800 &&
                       !values::toSeconds("1w"));
    }

    void booleans() {
        for (const std::string text : {"true", "Yes", "ON", "1"}) CPPUNIT_ASSERT(values::toBoolean(text) == true);
        for (const std::string text : {"false", "No", "off", "0"}) CPPUNIT_ASSERT(values::toBoolean(text) == false);
        CPPUNIT_ASSERT(!values::toBoolean("") && !values::toBoolean("2") && !values::toBoolean("truer"));
    }

    void addresses() {
        for (const std::string text :
             {"systemd:imap", "127.0.0.1:143", "localhost:0", "[::1]:993", "*:65535", "[fe80::1%eth0]:1"}) {
            CPPUNIT_ASSERT_MESSAGE(text, values::isAddress(text));
        }
        for (const std::string text :
             {"systemd:", "", "143", ":143", "host:", "host:65536", "host:-1", "::1:143", "a b:1", "host:1x"}) {
            CPPUNIT_ASSERT_MESSAGE(text, !values::isAddress(text));
        }
    }

    void lists() {
        CPPUNIT_ASSERT(values::toList(" a , b,, c ") == (std::vector<std::string>{"a", "b", "c"}));
        CPPUNIT_ASSERT(values::toList("").empty() && values::toList(" , ").empty());
    }

    void suggestions() {
        CPPUNIT_ASSERT_EQUAL(std::size_t{0}, editDistance("IMAP", "imap"));
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, editDistance("imap", "iamp"));
        CPPUNIT_ASSERT_EQUAL(std::size_t{3}, editDistance("kitten", "sitting"));
        CPPUNIT_ASSERT_EQUAL(std::size_t{4}, editDistance("", "four"));
        CPPUNIT_ASSERT_EQUAL(std::string("imap.listen"), nearestKey("imap.lisen", specs()).value_or(""));
        CPPUNIT_ASSERT_EQUAL(std::string("imap.listen"), nearestKey("Imap.Listen", specs()).value_or(""));
        CPPUNIT_ASSERT_EQUAL(std::string("mailbox.create.Sent"),
                             nearestKey("mailbox.craete.Sent", specs()).value_or(""));
        CPPUNIT_ASSERT(!nearestKey("pop3.port", specs()));
        const std::vector<std::string> plugins = {"checkpassword", "ldap", "passwdfile", "pam", "sql"};
        CPPUNIT_ASSERT_EQUAL(std::string("passwdfile"), nearestName("passwd-file", plugins).value_or(""));
        CPPUNIT_ASSERT_EQUAL(std::string("passwdfile"), nearestName("auth-passwdfile", plugins).value_or(""));
        CPPUNIT_ASSERT_EQUAL(std::string("sql"), nearestName("mysql", plugins).value_or(""));
        CPPUNIT_ASSERT(!nearestName("kerberos", plugins));
    }
};

class ConfigurationTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(ConfigurationTest);
    CPPUNIT_TEST(defaultsAndSetValues);
    CPPUNIT_TEST(wrongValuesAreReportedWithTheirPlace);
    CPPUNIT_TEST(unknownKeysGetASuggestion);
    CPPUNIT_TEST(foreignKeysAreWarnings);
    CPPUNIT_TEST(families);
    CPPUNIT_TEST(aProfileGivesWay);
    CPPUNIT_TEST(aMissingProfileSaysWhereItWasLookedFor);
    CPPUNIT_TEST(references);
    CPPUNIT_TEST(referencesThatGoNowhere);
    CPPUNIT_TEST(pathsStartFromTheFolder);
    CPPUNIT_TEST(undeclaredKeysAreAProgramsMistake);
    CPPUNIT_TEST(filesThatCanNotBeRead);
    CPPUNIT_TEST(conflictingDeclarations);
    CPPUNIT_TEST(theProgramsOwnDefaultsAreRight);
    CPPUNIT_TEST_SUITE_END();

    std::string _folder;

    std::string write(const std::string& name, const std::string& text) const {
        std::filesystem::create_directories(std::filesystem::path(_folder + "/" + name).parent_path());
        std::ofstream(_folder + "/" + name, std::ios::binary) << text;
        return _folder + "/" + name;
    }

    // The settings of a main file with this text; complaints without the folder, a line each.
    std::shared_ptr<const CheckedSettings> read(const std::string& text, std::string* complaints = nullptr) const {
        const Configuration configuration(write("main", text), {_folder + "/elsewhere"});
        Complaints found = configuration.complaints();
        auto settings = configuration.settings(specs(), found);
        std::string lines;
        for (const Complaint& one : found) lines += one.toString() + "\n";
        for (std::size_t at = lines.find(_folder + "/"); at != std::string::npos; at = lines.find(_folder + "/")) {
            lines.erase(at, _folder.size() + 1);
        }
        if (complaints != nullptr) {
            *complaints = lines;
        } else {
            CPPUNIT_ASSERT_EQUAL(std::string(), lines);
        }
        return settings;
    }

    std::string complaintsOf(const std::string& text) const {
        std::string complaints;
        (void)read(text, &complaints);
        return complaints;
    }

public:
    void setUp() override {
        std::string name = (std::filesystem::temp_directory_path() / "configuration-XXXXXX").string();
        CPPUNIT_ASSERT(::mkdtemp(name.data()) != nullptr);
        _folder = name;
    }

    void tearDown() override { std::filesystem::remove_all(_folder); }

    void defaultsAndSetValues() {
        const auto settings = read("imap.limit = 64k\nimap.strict = no\nmail.layout = fs\ncharsets =\n");
        CPPUNIT_ASSERT_EQUAL(std::int64_t{65536}, settings->number("imap.limit"));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1800}, settings->seconds("imap.timeout"));
        CPPUNIT_ASSERT(!settings->boolean("imap.strict"));
        CPPUNIT_ASSERT_EQUAL(std::string("fs"), settings->text("mail.layout"));
        CPPUNIT_ASSERT(settings->list("charsets").empty());
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, settings->list("imap.listen").size());
        CPPUNIT_ASSERT(settings->isSet("imap.limit") && !settings->isSet("imap.timeout"));
        CPPUNIT_ASSERT_EQUAL(std::size_t{2}, settings->keysBelow("imap.").size());
        // An empty value of a kind that has none is the default.
        CPPUNIT_ASSERT_EQUAL(std::int64_t{5}, read("imap.limit =\n")->number("imap.limit"));
    }

    void wrongValuesAreReportedWithTheirPlace() {
        CPPUNIT_ASSERT_EQUAL(std::string("main:2: imap.limit: must be at least 1\n"), complaintsOf("\nimap.limit = 0"));
        CPPUNIT_ASSERT_EQUAL(std::string("main:1: mail.layout: `mbox` is not one of maildir++, fs\n"),
                             complaintsOf("mail.layout = mbox"));
        std::string complaints;
        const auto settings = read("imap.limit = lots\n", &complaints);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{5}, settings->number("imap.limit"));
    }

    void unknownKeysGetASuggestion() {
        CPPUNIT_ASSERT_EQUAL(std::string("main:1: unknown key `imap.lisen`; did you mean `imap.listen`?\n"),
                             complaintsOf("imap.lisen = 127.0.0.1:143"));
        CPPUNIT_ASSERT_EQUAL(std::string("main:1: unknown key `pop3.port`\n"), complaintsOf("pop3.port = 110"));
        CPPUNIT_ASSERT_EQUAL(std::string("main:1: unknown key `mailbox.create.`\n"),
                             complaintsOf("mailbox.create. = x"));
    }

    void foreignKeysAreWarnings() {
        const Configuration configuration(write("main", "auth.pam.service = x\nauth.none = y\nquiet = z\n"), {});
        Complaints found;
        (void)configuration.settings(specs(), found, [](const std::string& key) -> std::optional<std::string> {
            if (key == "auth.pam.service") return "is not used";
            if (key == "quiet") return "";
            return std::nullopt;
        });
        CPPUNIT_ASSERT_EQUAL(std::size_t{2}, found.size());
        CPPUNIT_ASSERT(found[0].severity == Finding::Warning && found[0].line == 1);
        CPPUNIT_ASSERT(found[1].severity == Finding::Error && found[1].line == 2);
        // Nothing is said when only a part of the declarations is known.
        Complaints none;
        (void)configuration.partialSettings(specs(), none);
        CPPUNIT_ASSERT(none.empty());
    }

    void families() {
        const auto settings = read("mailbox.create.Sent = a\nmailbox.create.A.B = b\n");
        CPPUNIT_ASSERT_EQUAL(std::string("a"), settings->text("mailbox.create.Sent"));
        CPPUNIT_ASSERT_EQUAL(std::string("b"), settings->text("mailbox.create.A.B"));
        CPPUNIT_ASSERT_EQUAL(std::string("none"), settings->text("mailbox.create.Trash"));
        CPPUNIT_ASSERT(settings->keysBelow("mailbox.create.") ==
                       (std::vector<std::string>{"mailbox.create.A.B", "mailbox.create.Sent"}));
    }

    void aProfileGivesWay() {
        write("elsewhere/mine.properties", "imap.limit = 7\nimap.timeout = 2m\nimap.lisen = x\n");
        std::string complaints;
        const auto settings = read("profile = mine\nimap.limit = 8\n", &complaints);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{8}, settings->number("imap.limit"));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{120}, settings->seconds("imap.timeout"));
        CPPUNIT_ASSERT_EQUAL(
            std::string("elsewhere/mine.properties:3: unknown key `imap.lisen`; did you mean `imap.listen`?\n"),
            complaints);
        // The one beside the file comes first.
        write("profiles/mine.properties", "imap.timeout = 3m\n");
        CPPUNIT_ASSERT_EQUAL(std::int64_t{180}, read("profile = mine\n")->seconds("imap.timeout"));
        write("profiles/mine.properties", "profile = other\n");
        CPPUNIT_ASSERT_EQUAL(std::string("profiles/mine.properties:1: profile: a profile can't name another profile\n"),
                             complaintsOf("profile = mine\n"));
    }

    void aMissingProfileSaysWhereItWasLookedFor() {
        CPPUNIT_ASSERT_EQUAL(std::string("main:1: profile: there is no profile `none`; looked for none.properties in "
                                         "profiles, elsewhere\n"),
                             complaintsOf("profile = none\n"));
        CPPUNIT_ASSERT_EQUAL(std::string("main:1: profile: `../main` is not the name of a profile\n"),
                             complaintsOf("profile = ../main\n"));
    }

    void references() {
        ::setenv("MAILDOCK_TEST_ROOT", "/data", 1);
        const auto settings =
            read("mail.location = ${system.env.MAILDOCK_TEST_ROOT}/${mail.layout}/${tls.key}x\ntls.key = a$b{c}\n");
        CPPUNIT_ASSERT_EQUAL(std::string("/data/maildir++/a$b{c}x"), settings->text("mail.location"));
        ::unsetenv("MAILDOCK_TEST_ROOT");
    }

    void referencesThatGoNowhere() {
        CPPUNIT_ASSERT(
            complaintsOf("mail.location = ${tls.key}\ntls.key = ${mail.location}\n").find("refers to itself") !=
            std::string::npos);
        CPPUNIT_ASSERT(complaintsOf("mail.location = ${none}\n").find("main:1: ") == 0);
        CPPUNIT_ASSERT(complaintsOf("mail.location = ${none\n").find("without `}`") != std::string::npos);
        // Ten to the tenth copies.
        std::string bomb = "mailbox.create.0 = xxxxxxxxxx\n";
        for (int i = 1; i < 11; ++i) {
            bomb += "mailbox.create." + std::to_string(i) + " = ";
            for (int n = 0; n < 10; ++n) bomb += "${mailbox.create." + std::to_string(i - 1) + "}";
            bomb += "\n";
        }
        CPPUNIT_ASSERT(!complaintsOf(bomb).empty());
    }

    void pathsStartFromTheFolder() {
        CPPUNIT_ASSERT_EQUAL(_folder + "/key.pem", read("tls.key = key.pem\n")->path("tls.key"));
        CPPUNIT_ASSERT_EQUAL(std::string("/etc/key.pem"), read("tls.key = /etc/key.pem\n")->path("tls.key"));
        CPPUNIT_ASSERT_EQUAL(std::string(), read("\n")->path("tls.key"));
    }

    void undeclaredKeysAreAProgramsMistake() {
        const auto settings = read("imap.limit = 3\n");
        CPPUNIT_ASSERT_THROW((void)settings->text("no.such.key"), std::logic_error);
        CPPUNIT_ASSERT_THROW((void)settings->boolean("imap.limit"), std::logic_error);
        CPPUNIT_ASSERT_EQUAL(std::string("3"), settings->text("imap.limit"));
    }

    void filesThatCanNotBeRead() {
        const std::string fifo = _folder + "/fifo";
        CPPUNIT_ASSERT_EQUAL(0, ::mkfifo(fifo.c_str(), 0600));
        for (const std::string& path : {_folder + "/none", _folder, fifo}) {
            const Configuration configuration(path, {});
            CPPUNIT_ASSERT_MESSAGE(path, !configuration.isReadable() && hasErrors(configuration.complaints()));
        }
        CPPUNIT_ASSERT(complaintsOf(std::string(PropertiesFile::maxFileOctets + 1, '#')).find("larger") !=
                       std::string::npos);
    }

    void conflictingDeclarations() {
        const Configuration configuration(write("main", ""), {});
        std::vector<KeySpec> two = specs();
        two.push_back(two.front());
        Complaints same;
        (void)configuration.settings(two, same);
        CPPUNIT_ASSERT(same.empty());
        two.back().kind = KeyKind::Text;
        two.push_back({"x", KeyKind::Number, "many", "", {}, {}, {}});
        Complaints found;
        (void)configuration.settings(two, found);
        CPPUNIT_ASSERT_EQUAL(std::size_t{2}, found.size());
    }

    void theProgramsOwnDefaultsAreRight() {
        const Configuration configuration(write("main", ""), {});
        Complaints found;
        const auto settings = configuration.settings(programKeys(), found);
        CPPUNIT_ASSERT(found.empty());
        CPPUNIT_ASSERT_EQUAL(std::string("size-mime"), settings->text("size.plugin"));
        for (const KeySpec& spec : programKeys()) CPPUNIT_ASSERT_MESSAGE(spec.name, !spec.description.empty());
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(PropertiesFileTest);
CPPUNIT_TEST_SUITE_REGISTRATION(ValuesTest);
CPPUNIT_TEST_SUITE_REGISTRATION(ConfigurationTest);

}  // namespace
