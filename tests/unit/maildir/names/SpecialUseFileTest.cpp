// Roles that clients gave their mailboxes last, go where the mailbox goes, and a damaged file costs no more than
// itself.
#include "maildir/names/SpecialUseFile.h"

#include <cppunit/extensions/HelperMacros.h>

#include "maildir/names/Unicode.h"
#include "tests/unit/maildir/names/TemporaryTree.h"

using std::string_literals::operator""s;

namespace maildir {

namespace {

using Assignments = std::vector<SpecialUseFile::Assignment>;

std::shared_ptr<const NameMapper> mapper(Layout layout = Layout::MaildirPlusPlus) {
    return std::make_shared<const NameMapper>(layout, NameEncoding::ModifiedUtf7);
}

bool nobody(const MailboxName&) {
    return false;
}
bool everybody(const MailboxName&) {
    return true;
}

}  // namespace

class SpecialUseFileTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(SpecialUseFileTest);
    CPPUNIT_TEST(keepsWhatIsAssigned);
    CPPUNIT_TEST(refusesARoleThatAnotherHas);
    CPPUNIT_TEST(takesARoleFromWhatIsNoMore);
    CPPUNIT_TEST(followsARename);
    CPPUNIT_TEST(forgetsWhatIsRemoved);
    CPPUNIT_TEST(keepsLinesThatItDoesNotUnderstand);
    CPPUNIT_TEST(refusesWhatCantBeRead);
    CPPUNIT_TEST(writesNothingWhereNothingChanges);
    CPPUNIT_TEST(refusesNamesWithoutALine);
    CPPUNIT_TEST(normalisesNames);
    CPPUNIT_TEST(knowsControlCharacters);
    CPPUNIT_TEST_SUITE_END();

    TemporaryTree _tree;
    SpecialUseFile _file{_tree.path(), mapper()};

    [[nodiscard]] std::string text() const { return _tree.read("maildock-special-use"); }
    void write(const std::string& text) const { _tree.write("maildock-special-use", text); }

public:
    void keepsWhatIsAssigned() {
        _file.assign({"\\Sent", "\\Archive"}, {{"Größe", "x"}}, nobody);
        CPPUNIT_ASSERT_EQUAL("\\Sent\t.Gr&APYA3w-e.x\n\\Archive\t.Gr&APYA3w-e.x\n"s, text());
        const MailboxName name{{"Größe", "x"}};
        CPPUNIT_ASSERT((_file.load() == Assignments{{"\\Sent", name}, {"\\Archive", name}}));
        const SpecialUseFile fs(_tree.path(), mapper(Layout::Fs));
        fs.assign({"\\Trash"}, {{"a", "b"}}, nobody);
        CPPUNIT_ASSERT(text().ends_with("\\Trash\ta/b\n"));
    }

    void refusesARoleThatAnotherHas() {
        _file.assign({"\\Sent"}, {{"a"}}, nobody);
        CPPUNIT_ASSERT_EQUAL("AlreadyExists"s, errorOf([&] { _file.assign({"\\Sent"}, {{"b"}}, everybody); }));
        CPPUNIT_ASSERT_EQUAL("\\Sent\t.a\n"s, text());
    }

    void takesARoleFromWhatIsNoMore() {
        _file.assign({"\\Sent", "\\Junk"}, {{"a"}}, nobody);
        _file.assign({"\\Sent"}, {{"b"}}, nobody);
        CPPUNIT_ASSERT_EQUAL("\\Junk\t.a\n\\Sent\t.b\n"s, text());
    }

    void followsARename() {
        _file.assign({"\\Sent"}, {{"a"}}, nobody);
        _file.assign({"\\Junk"}, {{"a", "b"}}, nobody);
        _file.assign({"\\Trash"}, {{"ab"}}, nobody);
        _file.beginRename({{"a"}}, {{"c", "d"}});
        // A crash here leaves the role with whichever of the two is there.
        CPPUNIT_ASSERT_EQUAL("\\Sent\t.a\n\\Junk\t.a.b\n\\Trash\t.ab\n\\Sent\t.c.d\n\\Junk\t.c.d.b\n"s, text());
        _file.endRename({{"a"}});
        CPPUNIT_ASSERT_EQUAL("\\Trash\t.ab\n\\Sent\t.c.d\n\\Junk\t.c.d.b\n"s, text());
    }

    void forgetsWhatIsRemoved() {
        _file.assign({"\\Sent"}, {{"a"}}, nobody);
        _file.assign({"\\Junk"}, {{"a", "b"}}, nobody);
        _file.remove({{"a"}});
        CPPUNIT_ASSERT_EQUAL("\\Junk\t.a.b\n"s, text());
    }

    void keepsLinesThatItDoesNotUnderstand() {
        const std::string odd =
            "\n\\Sent\nSent\t.x\n\\Sent\t\n\\Sent\t..\n\\Sent\t.cur/../../x\n\\Se nt\t.x\n\\\t.x\n"s +
            "\\\xff\t.x\n\\Sent\t.a\0b\n"s;
        write(odd + "\\Sent\t.good");
        CPPUNIT_ASSERT((_file.load().back() == SpecialUseFile::Assignment{"\\Sent", {{"good"}}}));
        for (const auto& [attribute, name] : _file.load()) {
            CPPUNIT_ASSERT_EQUAL("\\Sent"s, attribute);
            CPPUNIT_ASSERT(!name.isInbox());
        }
        _file.assign({"\\Junk"}, {{"j"}}, nobody);
        CPPUNIT_ASSERT_EQUAL(odd + "\\Sent\t.good\n\\Junk\t.j\n", text());
    }

    void refusesWhatCantBeRead() {
        CPPUNIT_ASSERT_EQUAL(0, ::mkfifo((_tree / "maildock-special-use").c_str(), 0600));
        CPPUNIT_ASSERT_EQUAL("Corrupt"s, errorOf([&] { (void)_file.load(); }));
        CPPUNIT_ASSERT_EQUAL("Corrupt"s, errorOf([&] { _file.assign({"\\Sent"}, {{"b"}}, nobody); }));
        std::filesystem::remove(_tree / "maildock-special-use");
        CPPUNIT_ASSERT(_file.load().empty());
        write(std::string(2 << 20, 'x'));
        CPPUNIT_ASSERT_EQUAL("Limit"s, errorOf([&] { (void)_file.load(); }));
        CPPUNIT_ASSERT_EQUAL("Limit"s, errorOf([&] { _file.assign({"\\Sent"}, {{"b"}}, nobody); }));
        const SpecialUseFile nowhere(_tree / "missing", mapper());
        CPPUNIT_ASSERT_EQUAL("Unavailable"s, errorOf([&] { (void)nowhere.load(); }));  // of a tree that is away
    }

    void writesNothingWhereNothingChanges() {
        _file.remove({{"a"}});
        _file.beginRename({{"a"}}, {{"b"}});
        _file.endRename({{"a"}});
        CPPUNIT_ASSERT(!_tree.has("maildock-special-use"));
        CPPUNIT_ASSERT(!_tree.has("maildock-special-use.lock"));
    }

    void refusesNamesWithoutALine() {
        CPPUNIT_ASSERT_EQUAL("InvalidName"s, errorOf([&] { _file.assign({"\\Sent"}, MailboxName::inbox(), nobody); }));
        CPPUNIT_ASSERT_EQUAL("InvalidName"s, errorOf([&] { _file.assign({"\\Se\tnt"}, {{"a"}}, nobody); }));
        CPPUNIT_ASSERT(!_tree.has("maildock-special-use"));
    }

    void normalisesNames() {
        CPPUNIT_ASSERT_EQUAL("\xc3\x84pfel"s, toNfc("A\xcc\x88pfel").value());
        CPPUNIT_ASSERT_EQUAL("\xc3\x84"s, toNfc("\xc3\x84").value());
        CPPUNIT_ASSERT_EQUAL("plain"s, toNfc("plain").value());
        CPPUNIT_ASSERT(!toNfc("a\xff"));
    }

    void knowsControlCharacters() {
        for (const auto& text :
             {"a\nb"s, "\0"s, "\x7f"s, "\xc2\x80"s, "\xc2\x9f"s, "x\xe2\x80\xa8"s, "\xe2\x80\xa9"s}) {
            CPPUNIT_ASSERT_MESSAGE(text, hasControl(text));
        }
        for (const auto& text : {"a b"s, ""s, "\xc2\xa0"s, "\xe2\x80\xa7"s, "\xe2\x80\xaa"s, "\xf0\x9f\x98\x80"s}) {
            CPPUNIT_ASSERT_MESSAGE(text, !hasControl(text));
        }
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(SpecialUseFileTest);

}  // namespace maildir
