// Keywords keep their index for ever, those above letter z too, and foreign lines survive.
#include "maildir/names/Keywords.h"

#include <cppunit/extensions/HelperMacros.h>

#include <thread>

#include "maildir/FileOps.h"
#include "tests/unit/maildir/names/TemporaryTree.h"

using std::string_literals::operator""s;

namespace maildir {

class KeywordsTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(KeywordsTest);
    CPPUNIT_TEST(knowsKeywordNames);
    CPPUNIT_TEST(readsWhatDovecotWrote);
    CPPUNIT_TEST(passesOverOddLines);
    CPPUNIT_TEST(startsWithoutFiles);
    CPPUNIT_TEST(addsBehindTheLastLetter);
    CPPUNIT_TEST(keepsOddLinesWhenItAdds);
    CPPUNIT_TEST(doesNotGiveLettersInUseAway);
    CPPUNIT_TEST(keepsLaterKeywordsInAFileOfItsOwn);
    CPPUNIT_TEST(endsAtTheLimit);
    CPPUNIT_TEST(refusesWhatIsNoKeywordName);
    CPPUNIT_TEST(seesWhatOthersWrite);
    CPPUNIT_TEST(growsTheTimeThatDovecotLooksAt);
    CPPUNIT_TEST(addsFromManyThreadsWithoutLoss);
    CPPUNIT_TEST_SUITE_END();

    TemporaryTree _tree;

    static std::vector<std::string> names(std::size_t first, std::size_t count) {
        std::vector<std::string> names;
        for (std::size_t i = first; i < first + count; ++i) names.push_back("k" + std::to_string(i));
        return names;
    }

public:
    void knowsKeywordNames() {
        for (const std::string& name : {"$Junk"s, "NonJunk"s, "a"s, "$label1"s, std::string(255, 'x'), "[x"s}) {
            CPPUNIT_ASSERT(isKeywordName(name));
        }
        for (const std::string& name : {""s, "a b"s, "a(b"s, "a\\b"s, "a]b"s, "a\nb"s, "ü"s, "a%"s, "*"s, "\"a\""s,
                                        "{1}"s, "a\0"s, "a\x7F"s, std::string(256, 'x')}) {
            CPPUNIT_ASSERT_MESSAGE(name, !isKeywordName(name));
        }
    }

    void readsWhatDovecotWrote() {
        _tree.write("dovecot-keywords", "0 $Forwarded\n1 NonJunk\n25 Zed\n");
        const auto table = KeywordFile(_tree.path()).load();
        CPPUNIT_ASSERT_EQUAL("$Forwarded"s, table->nameOf(0));
        CPPUNIT_ASSERT_EQUAL("Zed"s, table->nameOf(25));
        CPPUNIT_ASSERT_EQUAL(std::size_t(26), table->size());
        CPPUNIT_ASSERT(table->indexOf("nonjunk") == std::size_t(1));
        CPPUNIT_ASSERT(!table->indexOf("other") && !table->indexOf(""));
        CPPUNIT_ASSERT(table->nameOf(7).empty() && table->nameOf(1000).empty());
    }

    void passesOverOddLines() {
        const auto table = KeywordTable::parse(
            "\nfoo\n0\n1 \n-1 x\n26 far\n99999999999999999999 y\n2 A\n2 B\n3 two words\n4 Same\n5 same\n 6 z\n7 end",
            "1 low\n26 ok\n128 z");
        CPPUNIT_ASSERT_EQUAL("B"s, table.nameOf(2));
        CPPUNIT_ASSERT(!table.indexOf("A"));
        CPPUNIT_ASSERT(table.nameOf(3).empty() && table.isTaken(3));
        CPPUNIT_ASSERT(table.indexOf("SAME") == std::size_t(4));
        CPPUNIT_ASSERT_EQUAL("end"s, table.nameOf(7));
        CPPUNIT_ASSERT_EQUAL("ok"s, table.nameOf(26));
        CPPUNIT_ASSERT_EQUAL(std::size_t(27), table.size());
        CPPUNIT_ASSERT(!table.indexOf("far") && !table.indexOf("low") && !table.isTaken(0) && !table.isTaken(1));
    }

    void startsWithoutFiles() {
        KeywordFile file(_tree.path());
        CPPUNIT_ASSERT_EQUAL(std::size_t(0), file.load()->size());
        const auto table = file.add({"Foo", "Bar", "foo"});
        CPPUNIT_ASSERT_EQUAL("0 Foo\n1 Bar\n"s, _tree.read("dovecot-keywords"));
        CPPUNIT_ASSERT(table->indexOf("bar") == std::size_t(1));
        CPPUNIT_ASSERT(!_tree.has("dovecot-keywords.lock") && !_tree.has("maildock-keywords"));
        CPPUNIT_ASSERT(file.add({"FOO"}) == table);
        CPPUNIT_ASSERT_EQUAL("0 Foo\n1 Bar\n"s, _tree.read("dovecot-keywords"));
    }

    void addsBehindTheLastLetter() {
        _tree.write("dovecot-keywords", "0 A\n3 D\n24 Y\n");
        KeywordFile(_tree.path()).add({"new", "more", "less"});
        CPPUNIT_ASSERT_EQUAL("0 A\n3 D\n24 Y\n25 new\n1 more\n2 less\n"s, _tree.read("dovecot-keywords"));
    }

    void keepsOddLinesWhenItAdds() {
        _tree.write("dovecot-keywords", "odd line\n1 two words\n30 far");
        KeywordFile(_tree.path()).add({"new"});
        CPPUNIT_ASSERT_EQUAL("odd line\n1 two words\n30 far\n2 new\n"s, _tree.read("dovecot-keywords"));
    }

    void doesNotGiveLettersInUseAway() {
        KeywordSet inUse;
        inUse.set(0).set(2);
        const auto table = KeywordFile(_tree.path()).add({"new"}, inUse);
        CPPUNIT_ASSERT(table->indexOf("new") == std::size_t(3));
    }

    void keepsLaterKeywordsInAFileOfItsOwn() {
        KeywordFile file(_tree.path());
        const auto table = file.add(names(0, 28));
        CPPUNIT_ASSERT_EQUAL("26 k26\n27 k27\n"s, _tree.read("maildock-keywords"));
        CPPUNIT_ASSERT(_tree.read("dovecot-keywords").ends_with("25 k25\n"));
        CPPUNIT_ASSERT_EQUAL("k27"s, table->nameOf(27));
        CPPUNIT_ASSERT_EQUAL("k27"s, KeywordFile(_tree.path()).load()->nameOf(27));
    }

    void endsAtTheLimit() {
        KeywordFile file(_tree.path());
        file.add(names(0, maxKeywords));
        CPPUNIT_ASSERT_EQUAL("Limit"s, errorOf([&] { file.add({"one more"s.substr(0, 3)}); }));
        CPPUNIT_ASSERT_EQUAL(maxKeywords, file.load()->size());
        CPPUNIT_ASSERT_EQUAL("none"s, errorOf([&] { file.add({"K127"}); }));
        CPPUNIT_ASSERT(!_tree.has("dovecot-keywords.lock"));
    }

    void refusesWhatIsNoKeywordName() {
        KeywordFile file(_tree.path());
        CPPUNIT_ASSERT_EQUAL("InvalidName"s, errorOf([&] { file.add({"good", "b\n0 evil"}); }));
        CPPUNIT_ASSERT(!_tree.has("dovecot-keywords"));
    }

    void seesWhatOthersWrite() {
        KeywordFile ours(_tree.path()), theirs(_tree.path());
        const auto before = ours.add({"A"});
        theirs.add({"B"});
        CPPUNIT_ASSERT(!before->indexOf("B"));
        CPPUNIT_ASSERT(ours.load()->indexOf("B") == std::size_t(1));
        CPPUNIT_ASSERT(ours.load() == ours.load());
        CPPUNIT_ASSERT_EQUAL(0, ::unlink((_tree / "dovecot-keywords").c_str()));
        CPPUNIT_ASSERT_EQUAL(std::size_t(0), ours.load()->size());
        theirs.add({"C"});
        CPPUNIT_ASSERT(ours.add({"D"})->indexOf("C") == std::size_t(0));
    }

    void growsTheTimeThatDovecotLooksAt() {
        KeywordFile file(_tree.path());
        struct stat status {};
        std::time_t last = 0;
        for (const std::string& name : names(0, 4)) {
            file.add({name});
            CPPUNIT_ASSERT_EQUAL(0, ::stat((_tree / "dovecot-keywords").c_str(), &status));
            CPPUNIT_ASSERT(status.st_mtime > last);
            last = status.st_mtime;
        }
    }

    void addsFromManyThreadsWithoutLoss() {
        std::vector<std::thread> threads;
        for (std::size_t i = 0; i < 4; ++i) {
            threads.emplace_back([this, i] {
                KeywordFile file(_tree.path());
                for (const std::string& name : names(i * 10, 10)) file.add({name});
            });
        }
        for (std::thread& thread : threads) thread.join();
        const auto table = KeywordFile(_tree.path()).load();
        CPPUNIT_ASSERT_EQUAL(std::size_t(40), table->size());
        for (const std::string& name : names(0, 40)) CPPUNIT_ASSERT(table->indexOf(name));
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(KeywordsTest);

}  // namespace maildir
