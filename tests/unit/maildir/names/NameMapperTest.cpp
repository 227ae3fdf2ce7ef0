// Every directory that can hold a mailbox has one name, and every name one directory, below the root.
#include "maildir/names/NameMapper.h"

#include <cppunit/extensions/HelperMacros.h>

#include <random>
#include <set>

#include "maildir/names/Unicode.h"
#include "tests/unit/maildir/names/TemporaryTree.h"

using std::string_literals::operator""s;

namespace maildir {

namespace {

const std::vector<NameMapper>& allMappers() {
    static const std::vector<NameMapper> mappers = [] {
        std::vector<NameMapper> all;
        for (const Layout layout : {Layout::MaildirPlusPlus, Layout::Fs}) {
            for (const NameEncoding encoding : {NameEncoding::ModifiedUtf7, NameEncoding::DovecotUtf7,
                                                NameEncoding::Utf8, NameEncoding::CourierUtf8}) {
                for (const char escape : {'\0', '%', '\\', '^', '=', '~'}) all.emplace_back(layout, encoding, escape);
            }
        }
        return all;
    }();
    return mappers;
}

std::string joined(const std::optional<MailboxName>& name) {
    if (!name) return "nothing";
    std::string text;
    for (const std::string& level : name->levels) text += '[' + level + ']';
    return text;
}

std::string errorOfName(const NameMapper& mapper, const MailboxName& name) {
    return errorOf([&] { static_cast<void>(mapper.directoryOf(name)); });
}

const NameMapper courier4(Layout::MaildirPlusPlus, NameEncoding::ModifiedUtf7);
const NameMapper courier5(Layout::MaildirPlusPlus, NameEncoding::CourierUtf8);
const NameMapper dovecot(Layout::MaildirPlusPlus, NameEncoding::DovecotUtf7);
const NameMapper dovecotUtf8(Layout::MaildirPlusPlus, NameEncoding::Utf8);
const NameMapper dovecotEscaping(Layout::MaildirPlusPlus, NameEncoding::ModifiedUtf7, '\\');
const NameMapper fs(Layout::Fs, NameEncoding::ModifiedUtf7);

}  // namespace

class NameMapperTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(NameMapperTest);
    CPPUNIT_TEST(writesAsCourierUpTo4Did);
    CPPUNIT_TEST(writesAsCourierFrom5Does);
    CPPUNIT_TEST(writesAsDovecotDoes);
    CPPUNIT_TEST(writesAsDovecotDoesInUtf8);
    CPPUNIT_TEST(writesAsDovecotDoesWithAnEscapeCharacter);
    CPPUNIT_TEST(writesLayoutFs);
    CPPUNIT_TEST(keepsInboxForTheRoot);
    CPPUNIT_TEST(keepsInboxAboveOthersApart);
    CPPUNIT_TEST(showsOddDirectoriesUnderRawNames);
    CPPUNIT_TEST(keepsRawLookingNamesApart);
    CPPUNIT_TEST(refusesHostileNames);
    CPPUNIT_TEST(findsNoMailboxInReservedDirectories);
    CPPUNIT_TEST(limitsTheLength);
    CPPUNIT_TEST(refusesAnEscapeCharacterThatCannotBe);
    CPPUNIT_TEST(mapsRandomDirectoriesOneToOne);
    CPPUNIT_TEST(mapsRandomNamesOneToOne);
    CPPUNIT_TEST(detectsTheEncoding);
    CPPUNIT_TEST(detectsMixedTrees);
    CPPUNIT_TEST_SUITE_END();

    static void checkPair(const NameMapper& mapper, const MailboxName& name, const std::string& directory) {
        CPPUNIT_ASSERT_EQUAL(directory, mapper.directoryOf(name));
        CPPUNIT_ASSERT_EQUAL(joined(name), joined(mapper.nameOf(directory)));
    }

public:
    void writesAsCourierUpTo4Did() {
        checkPair(courier4, {{"A", "B"}}, ".A.B");
        checkPair(courier4, {{"a.b"}}, ".a&AC4-b");
        checkPair(courier4, {{"a/b", "~c:d"}}, ".a&AC8-b.&AH4-c&ADo-d");
        checkPair(courier4, {{"Entwürfe"}}, ".Entw&APw-rfe");
        checkPair(courier4, {{"ü.ö"}}, ".&APwALgD2-");
        checkPair(courier4, {{"R&D\t"}}, ".R&-D&AAk-");
        checkPair(courier4, {{"cur"}}, ".cur");
    }

    void writesAsCourierFrom5Does() {
        // As its own maildirmake writes this name.
        checkPair(courier5, {{"a.b/c~d:e\\f\tg\x7Fh&i ü\xF0\x9F\x98\x80"}},
                  ".a\\056b\\057c\\176d\\072e\\134f\\011g\x7Fh&i ü\xF0\x9F\x98\x80");
    }

    void writesAsDovecotDoes() {
        checkPair(dovecot, {{"c:d", "x~y"}}, ".c:d.x~y");
        checkPair(dovecot, {{"Entwürfe"}}, ".Entw&APw-rfe");
        checkPair(dovecot, {{"a.b"}}, ".a&AC4-b");  // Dovecot has no such name, and shows this one as it is spelled
    }

    void writesAsDovecotDoesInUtf8() {
        checkPair(dovecotUtf8, {{"Entwürfe", "R&D:~"}}, ".Entwürfe.R&D:~");
        CPPUNIT_ASSERT_EQUAL("InvalidName"s, errorOfName(dovecotUtf8, {{"a.b"}}));
    }

    void writesAsDovecotDoesWithAnEscapeCharacter() {
        checkPair(dovecotEscaping, {{"a.b"}}, ".a\\2eb");
        checkPair(dovecotEscaping, {{"~t", "x~y"}}, ".\\7et.x~y");
        checkPair(dovecotEscaping, {{"p\\q"}}, ".p\\5cq");
        checkPair(dovecotEscaping, {{"ü.ö"}}, ".&APw-\\2e&APY-");
        checkPair(dovecotEscaping, {{"c:d"}}, ".c:d");
    }

    void writesLayoutFs() {
        checkPair(fs, {{"A", "B.c"}}, "A/B.c");
        checkPair(fs, {{"A", "cur"}}, "A/&AGM-ur");
        checkPair(fs, {{".hidden"}}, "&AC4-hidden");
        checkPair(fs, {{"subscriptions"}}, "&AHM-ubscriptions");
        checkPair(fs, {{"a/b", "x~y:z"}}, "a&AC8-b/x~y:z");
        checkPair(fs, {{".."}}, "&AC4-.");
    }

    void keepsInboxForTheRoot() {
        for (const NameMapper& mapper : allMappers()) {
            CPPUNIT_ASSERT_EQUAL(""s, mapper.directoryOf(MailboxName::inbox()));
            CPPUNIT_ASSERT_EQUAL("[INBOX]"s, joined(mapper.nameOf("")));
        }
        checkPair(courier4, {{"INBOX", "x"}}, ".INBOX.x");
        checkPair(courier4, {{"=raw=INBOX"}}, ".INBOX");
        checkPair(courier4, {{"=raw=inbox"}}, ".inbox");
        checkPair(courier4, {{"=raw=INBOX", "x"}}, ".=raw=INBOX.x");
        CPPUNIT_ASSERT_EQUAL(""s, courier4.directoryOf({{"inBox"}}));
    }

    // Clients mean INBOX/x by inbox/x, however it is spelled: another directory has a name that is no INBOX.
    void keepsInboxAboveOthersApart() {
        for (const NameMapper& mapper : allMappers()) {
            const bool isFs = mapper.layout() == Layout::Fs;
            checkPair(mapper, {{"INBOX", "Sent"}}, isFs ? "INBOX/Sent" : ".INBOX.Sent");
            checkPair(mapper, {{"=raw=Inbox", "Sent"}}, isFs ? "Inbox/Sent" : ".Inbox.Sent");
            checkPair(mapper, {{"=raw=inbox", "Sent", "inbox"}}, isFs ? "inbox/Sent/inbox" : ".inbox.Sent.inbox");
            checkPair(mapper, {{"=raw=Inbox"}}, isFs ? "Inbox" : ".Inbox");
            checkPair(mapper, {{"a", "inbox"}}, isFs ? "a/inbox" : ".a.inbox");
            CPPUNIT_ASSERT_EQUAL("InvalidName"s, errorOfName(mapper, {{"Inbox", "Sent"}}));
        }
    }

    void showsOddDirectoriesUnderRawNames() {
        checkPair(courier4, {{"=raw=M=FCll"}}, ".M\xFCll");
        checkPair(courier4, {{"=raw=Entw=C3=BCrfe", "x"}}, ".Entwürfe.x");
        checkPair(courier4, {{"=raw==26AGE-"}}, ".&AGE-");  // a shift where none belongs
        checkPair(courier4, {{"a", "=raw=", "b"}}, ".a..b");
        checkPair(courier4, {{"=raw=", "b"}}, "..b");
        checkPair(courier5, {{"=raw=a=5Cb"}}, ".a\\b");
        checkPair(fs, {{"=raw==2Ehid"}}, ".hid");
    }

    void keepsRawLookingNamesApart() {
        checkPair(courier4, {{"=raw=abc"}}, ".=raw=abc");        // stands for itself: .abc is canonical
        checkPair(courier4, {{"=raw=M=FCll x"}}, ".M\xFCll x");  // stands for that directory
        checkPair(courier4, {{"=raw=M=fcll"}}, ".=raw=M=fcll");  // no raw name: we write upper-case digits
        checkPair(courier4, {{"=raw==3Draw=3DM=3DFCll"}}, ".=raw=M=FCll");
        checkPair(courier4, {{"=raw==41"}}, ".=raw==41");
    }

    void refusesHostileNames() {
        for (const NameMapper& mapper : allMappers()) {
            for (const MailboxName& name :
                 {MailboxName{{""}}, MailboxName{{"a", "", "b"}}, MailboxName{{"a", ""}}, MailboxName{},
                  MailboxName{{"a\0b"s}}, MailboxName{{"\xFF"}}, MailboxName{{"\xED\xA0\x80"}}}) {
                CPPUNIT_ASSERT_EQUAL_MESSAGE(joined(name), "InvalidName"s, errorOfName(mapper, name));
            }
            if (mapper.layout() == Layout::MaildirPlusPlus) {
                CPPUNIT_ASSERT_EQUAL("InvalidName"s, errorOfName(mapper, {{"=raw="}}));  // that would be "."
            }
            // Whatever is made of these, it is below the root.
            for (const MailboxName& name :
                 {MailboxName{{".."}}, MailboxName{{"."}}, MailboxName{{"..", "..", "etc"}},
                  MailboxName{{"a", "..", "b"}}, MailboxName{{"a/../../b"}}, MailboxName{{"/etc/passwd"}},
                  MailboxName{{"~root"}}, MailboxName{{"cur"}}, MailboxName{{"new", "tmp"}},
                  MailboxName{{"=raw==2E=2E"}}, MailboxName{{"=raw==2F"}}, MailboxName{{"=raw=", "=raw="}},
                  MailboxName{{"=raw=cur"}}, MailboxName{{"a=raw=", "=raw==2E=2E", "x"}}}) {
                std::string directory;
                if (errorOf([&] { directory = mapper.directoryOf(name); }) != "none") continue;
                checkStaysInside(mapper, directory);
                CPPUNIT_ASSERT_EQUAL(joined(name), joined(mapper.nameOf(directory)));
            }
        }
    }

    void findsNoMailboxInReservedDirectories() {
        for (const NameMapper& mapper : allMappers()) {
            for (const std::string& directory : {"."s,
                                                 ".."s,
                                                 "cur"s,
                                                 "new"s,
                                                 "tmp"s,
                                                 "courierimapkeywords"s,
                                                 "..DOVECOT-TRASHED"s,
                                                 "..DOVECOT-TRASHED1"s,
                                                 "/"s,
                                                 "/a"s,
                                                 "a//b"s,
                                                 "a/"s,
                                                 "../x"s,
                                                 "a/../b"s,
                                                 "./a"s,
                                                 ".a/../b"s,
                                                 "a\0b"s,
                                                 ".a\0"s,
                                                 "subscriptions"s,
                                                 "dovecot-uidlist"s,
                                                 "maildirfolder"s,
                                                 "a/cur"s,
                                                 "maildock-keywords"s}) {
                CPPUNIT_ASSERT_EQUAL_MESSAGE(directory, "nothing"s, joined(mapper.nameOf(directory)));
            }
        }
    }

    void limitsTheLength() {
        checkPair(courier4, {{std::string(254, 'a')}}, '.' + std::string(254, 'a'));
        CPPUNIT_ASSERT_EQUAL("Limit"s, errorOfName(courier4, {{std::string(255, 'a')}}));
        CPPUNIT_ASSERT_EQUAL("Limit"s, errorOfName(courier4, {{std::string(1 << 20, 'a')}}));
        CPPUNIT_ASSERT_EQUAL("Limit"s,
                             errorOfName(courier4, {std::vector<std::string>(10, "some thirty characters and more")}));
        checkPair(fs, {{std::string(255, 'a')}}, std::string(255, 'a'));
        CPPUNIT_ASSERT_EQUAL("Limit"s, errorOfName(fs, {{std::string(256, 'a')}}));
        CPPUNIT_ASSERT_EQUAL("Limit"s, errorOfName(fs, {std::vector<std::string>(2000, "a")}));
        std::string umlauts;
        for (int i = 0; i < 120; ++i) umlauts += "ü";
        CPPUNIT_ASSERT_EQUAL("Limit"s, errorOfName(courier4, {{umlauts}}));
        CPPUNIT_ASSERT_EQUAL("none"s, errorOfName(courier5, {{umlauts}}));
    }

    void refusesAnEscapeCharacterThatCannotBe() {
        for (const char escape : {'&', '.', '/', 'a', 'z', '1', ' ', '\n', '\x7F', '-'}) {
            const auto make = [escape] { NameMapper(Layout::MaildirPlusPlus, NameEncoding::Utf8, escape); };
            CPPUNIT_ASSERT_EQUAL("InvalidName"s, errorOf(make));
        }
    }

    void mapsRandomDirectoriesOneToOne() {
        std::mt19937 random(7);
        const std::string alphabet("..=raw=&-AC4\\05627e%^~:/ aINBOXcur\xC3\xBC\xFF\t\n\x7F", 41);
        for (const NameMapper& mapper : allMappers()) {
            std::set<std::string> names;
            std::set<std::string> directories;
            for (int round = 0; round < 3000; ++round) {
                std::string directory = round % 2 == 0 ? "." : "";
                for (auto left = random() % 14; left > 0; --left) directory += alphabet[random() % alphabet.size()];
                if (round % 3 == 0) directory.insert(directory.size() / 2, "=raw=");
                const auto name = mapper.nameOf(directory);
                if (!name) continue;
                for (const std::string& level : name->levels) {
                    CPPUNIT_ASSERT(!level.empty() && isValidUtf8(level) && level.find('\0') == level.npos);
                }
                CPPUNIT_ASSERT_EQUAL(directory, mapper.directoryOf(*name));
                if (directories.insert(directory).second) CPPUNIT_ASSERT(names.insert(joined(name)).second);
            }
            CPPUNIT_ASSERT(names.size() > 100);
        }
    }

    void mapsRandomNamesOneToOne() {
        std::mt19937 random(8);
        const std::vector<std::string> pieces{"=raw=",
                                              "=",
                                              "2E",
                                              "2F",
                                              "FC",
                                              "=FC",
                                              ".",
                                              "/",
                                              "~",
                                              ":",
                                              "\\",
                                              "&",
                                              "-",
                                              "a",
                                              "ü",
                                              "台",
                                              "\xF0\x9F\x98\x80",
                                              "cur",
                                              "INBOX",
                                              "%",
                                              "^",
                                              " ",
                                              "\t",
                                              "\x7F",
                                              "\\056",
                                              "\\2e",
                                              "=3D",
                                              "&AC4-"};
        for (const NameMapper& mapper : allMappers()) {
            std::set<std::string> directories;
            std::set<std::string> names;
            for (int round = 0; round < 3000; ++round) {
                MailboxName name;
                for (auto levels = 1 + random() % 3; levels > 0; --levels) {
                    std::string level;
                    for (auto left = 1 + random() % 5; left > 0; --left) level += pieces[random() % pieces.size()];
                    name.levels.push_back(level);
                }
                std::string directory;
                if (name.isInbox() || errorOf([&] { directory = mapper.directoryOf(name); }) != "none") continue;
                checkStaysInside(mapper, directory);
                CPPUNIT_ASSERT_EQUAL(joined(name), joined(mapper.nameOf(directory)));
                if (names.insert(joined(name)).second) CPPUNIT_ASSERT(directories.insert(directory).second);
            }
            CPPUNIT_ASSERT(names.size() > 100);
        }
    }

    void detectsTheEncoding() {
        const auto found = [](const std::vector<std::string>& directories, Layout layout = Layout::MaildirPlusPlus) {
            const EncodingFinding finding = detectEncoding(directories, layout);
            CPPUNIT_ASSERT(!finding.isMixed);
            return finding.encoding;
        };
        CPPUNIT_ASSERT(found({}) == NameEncoding::ModifiedUtf7);
        CPPUNIT_ASSERT(found({".Sent", ".A.B"}) == NameEncoding::ModifiedUtf7);
        CPPUNIT_ASSERT(found({".Entw&APw-rfe"}) == NameEncoding::ModifiedUtf7);
        CPPUNIT_ASSERT(found({".a&AC4-b", ".x&ADo-y"}) == NameEncoding::ModifiedUtf7);
        CPPUNIT_ASSERT(found({".Entw&APw-rfe", ".x:y"}) == NameEncoding::DovecotUtf7);
        CPPUNIT_ASSERT(found({".Entwürfe"}) == NameEncoding::CourierUtf8);
        CPPUNIT_ASSERT(found({".Entwürfe", ".x:y"}) == NameEncoding::Utf8);
        CPPUNIT_ASSERT(found({".R&D", ".a\\056b"}) == NameEncoding::CourierUtf8);
        CPPUNIT_ASSERT(found({".M\xFCll", "cur", ".."}) == NameEncoding::ModifiedUtf7);
        CPPUNIT_ASSERT(found({"A/Entw&APw-rfe", "x:y"}, Layout::Fs) == NameEncoding::ModifiedUtf7);
        CPPUNIT_ASSERT(found({"A/Entwürfe", "x:y"}, Layout::Fs) == NameEncoding::Utf8);
    }

    void detectsMixedTrees() {
        const EncodingFinding finding =
            detectEncoding({".Sent", ".Entw&APw-rfe", ".Gelöscht", ".Älter"}, Layout::MaildirPlusPlus);
        CPPUNIT_ASSERT(finding.isMixed);
        CPPUNIT_ASSERT(finding.encoding == NameEncoding::CourierUtf8);
        CPPUNIT_ASSERT((finding.witnesses == std::vector<std::string>{".Entw&APw-rfe", ".Gelöscht"}));
        CPPUNIT_ASSERT(detectEncoding({".a&ADo-b", ".c:d"}, Layout::MaildirPlusPlus).isMixed);
    }

private:
    static void checkStaysInside(const NameMapper& mapper, const std::string& directory) {
        CPPUNIT_ASSERT(!directory.empty() && directory.front() != '/' && directory.find('\0') == directory.npos);
        if (mapper.layout() == Layout::MaildirPlusPlus) {
            CPPUNIT_ASSERT(directory.find('/') == directory.npos && directory.front() == '.');
            CPPUNIT_ASSERT(directory != "." && directory != ".." && directory.size() <= 255);
            return;
        }
        for (std::size_t begin = 0;;) {
            const auto end = directory.find('/', begin);
            const std::string component = directory.substr(begin, end - begin);
            CPPUNIT_ASSERT_MESSAGE(directory, !component.empty() && component != "." && component != "..");
            CPPUNIT_ASSERT(component != "cur" && component != "new" && component != "tmp" && component.size() <= 255);
            if (end == std::string::npos) return;
            begin = end + 1;
        }
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(NameMapperTest);

}  // namespace maildir
