// Both versions of Dovecot's file are read and kept as they are, lines that we do not understand included.
#include "maildir/names/Subscriptions.h"

#include <cppunit/extensions/HelperMacros.h>

#include "tests/unit/maildir/names/TemporaryTree.h"

using std::string_literals::operator""s;

namespace maildir {

namespace {

using Names = std::set<MailboxName>;

std::shared_ptr<const NameMapper> mapper(Layout layout = Layout::MaildirPlusPlus,
                                         NameEncoding encoding = NameEncoding::ModifiedUtf7, char escape = 0) {
    return std::make_shared<const NameMapper>(layout, encoding, escape);
}

}  // namespace

class SubscriptionsTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(SubscriptionsTest);
    CPPUNIT_TEST(writesANewFileAsDovecotDoes);
    CPPUNIT_TEST(readsVersion2);
    CPPUNIT_TEST(readsVersion2WithAnEscapeCharacter);
    CPPUNIT_TEST(escapesInVersion2);
    CPPUNIT_TEST(keepsVersion1);
    CPPUNIT_TEST(keepsVersion1OfLayoutFs);
    CPPUNIT_TEST(keepsOddLines);
    CPPUNIT_TEST(removesEveryLineOfAName);
    CPPUNIT_TEST(subscribesInboxInAnyCaseOnce);
    CPPUNIT_TEST(showsAnUnknownVersionAndKeepsIt);
    CPPUNIT_TEST(refusesNamesWithoutALine);
    CPPUNIT_TEST(takesCouriersFileOver);
    CPPUNIT_TEST(takesCouriersFileOverOnlyOnce);
    CPPUNIT_TEST(takesCouriersUtf8Over);
    CPPUNIT_TEST(takesCouriersFileOverAtTheFirstChange);
    CPPUNIT_TEST(leavesNoLock);
    CPPUNIT_TEST_SUITE_END();

    TemporaryTree _tree;
    SubscriptionFile _file{_tree.path(), mapper()};

    [[nodiscard]] std::string text() const { return _tree.read("subscriptions"); }

public:
    void writesANewFileAsDovecotDoes() {
        CPPUNIT_ASSERT(_file.load().empty());
        CPPUNIT_ASSERT(!_tree.has("subscriptions"));
        _file.add({{"A", "B"}});
        _file.add({{"Entwürfe"}});
        _file.add(MailboxName::inbox());
        _file.add({{"A", "B"}});
        CPPUNIT_ASSERT_EQUAL("V\t2\n\nA\tB\nEntw&APw-rfe\nINBOX\n"s, text());
        CPPUNIT_ASSERT((_file.load() == Names{{{"A", "B"}}, {{"Entwürfe"}}, MailboxName::inbox()}));
    }

    void readsVersion2() {
        _tree.write("subscriptions", "V\t2\n\nA\tB\nINBOX\tkid\nA.C\nx&AC4-y");
        CPPUNIT_ASSERT((_file.load() == Names{{{"A", "B"}}, {{"INBOX", "kid"}}, {{"A", "C"}}, {{"x.y"}}}));
        const SubscriptionFile fs(_tree.path(), mapper(Layout::Fs));
        CPPUNIT_ASSERT((fs.load() == Names{{{"A", "B"}}, {{"INBOX", "kid"}}, {{"A.C"}}, {{"=raw=x=26AC4-y"}}}));
    }

    void readsVersion2WithAnEscapeCharacter() {
        _tree.write("subscriptions", "V\t2\n\na\\2eb\n\\7et\tx\n&APw-\\2e&APY-\tz\n");
        const SubscriptionFile file(_tree.path(), mapper(Layout::MaildirPlusPlus, NameEncoding::ModifiedUtf7, '\\'));
        CPPUNIT_ASSERT((file.load() == Names{{{"a.b"}}, {{"~t", "x"}}, {{"ü.ö", "z"}}}));
    }

    void escapesInVersion2() {
        const auto utf8 = mapper(Layout::MaildirPlusPlus, NameEncoding::Utf8);
        const std::string written =
            "V\t2\n\na\1tb\nc\1"
            "1d\n\1nx\ne\1zf\1\n";
        const SubscriptionList list = SubscriptionList::parse(written, *utf8);
        CPPUNIT_ASSERT(
            (list.names() == Names{{{"=raw=a=09b"}}, {{"=raw=c=01d"}}, {{"=raw==0Ax"}}, {{"=raw=e=01zf=01"}}}));
        CPPUNIT_ASSERT_EQUAL(written, list.text());
        SubscriptionList again = SubscriptionList::parse("V\t2\n\n", *utf8);
        for (const MailboxName& name : list.names()) CPPUNIT_ASSERT(again.add(name, *utf8));
        CPPUNIT_ASSERT(SubscriptionList::parse(again.text(), *utf8).names() == list.names());
    }

    void keepsVersion1() {
        _tree.write("subscriptions", "A.B\nFoo\n");
        CPPUNIT_ASSERT((_file.load() == Names{{{"A", "B"}}, {{"Foo"}}}));
        _file.add({{"x.y", "z"}});
        _file.remove({{"Foo"}});
        CPPUNIT_ASSERT_EQUAL("A.B\nx&AC4-y.z\n"s, text());
    }

    void keepsVersion1OfLayoutFs() {
        _tree.write("subscriptions", "A/B\na.b");
        const SubscriptionFile fs(_tree.path(), mapper(Layout::Fs));
        CPPUNIT_ASSERT((fs.load() == Names{{{"A", "B"}}, {{"a.b"}}}));
        fs.add({{"cur", "x"}});
        CPPUNIT_ASSERT_EQUAL("A/B\na.b\n&AGM-ur/x\n"s, text());
    }

    void keepsOddLines() {
        const std::string odd = "V\t2\nX-unknown header\n\n.x\n\ty\na\t\tb\n/etc/passwd\n..\n";
        _tree.write("subscriptions", odd + "Foo\n");
        _file.remove({{"Foo"}});
        CPPUNIT_ASSERT_EQUAL(odd, text());
        _file.add({{"Bar"}});
        CPPUNIT_ASSERT_EQUAL(odd + "Bar\n", text());
    }

    void removesEveryLineOfAName() {
        _tree.write("subscriptions", "V\t2\n\nA\tB\nC\nA.B\n");
        _file.remove({{"A", "B"}});
        CPPUNIT_ASSERT_EQUAL("V\t2\n\nC\n"s, text());
        _file.remove({{"not there"}});
        CPPUNIT_ASSERT_EQUAL("V\t2\n\nC\n"s, text());
    }

    void subscribesInboxInAnyCaseOnce() {
        _tree.write("subscriptions", "V\t2\n\ninbox\n");
        CPPUNIT_ASSERT((_file.load() == Names{MailboxName::inbox()}));
        _file.add(MailboxName::inbox());
        CPPUNIT_ASSERT_EQUAL("V\t2\n\ninbox\n"s, text());
        _file.remove(MailboxName::inbox());
        CPPUNIT_ASSERT_EQUAL("V\t2\n\n"s, text());
    }

    void showsAnUnknownVersionAndKeepsIt() {
        const std::string before = "V\t3 x\n\nA\tB\nINBOX\n";
        _tree.write("subscriptions", before);
        CPPUNIT_ASSERT((_file.load() == Names{MailboxName::inbox(), {{"A", "B"}}}));
        CPPUNIT_ASSERT_EQUAL("Corrupt"s, errorOf([&] { _file.add({{"B"}}); }));
        CPPUNIT_ASSERT_EQUAL("Corrupt"s, errorOf([&] { _file.remove({{"A", "B"}}); }));
        CPPUNIT_ASSERT_EQUAL(before, text());
    }

    void refusesNamesWithoutALine() {
        for (const MailboxName& name : {MailboxName{{"=raw=INBOX"}}, MailboxName{{""}},
                                        MailboxName{{"a", "=raw=", "b"}}, MailboxName{{"\xFF"}}}) {
            CPPUNIT_ASSERT_EQUAL("InvalidName"s, errorOf([&] { _file.add(name); }));
        }
        CPPUNIT_ASSERT(!_tree.has("subscriptions"));
    }

    void takesCouriersFileOver() {
        const std::string courier =
            "INBOX\nINBOX.Sent\nINBOX.a&AC4-b.c\nINBOX.INBOX\n#shared.x\nshared.y\nINBOXfoo\nINBOX.\nINBOX.Last";
        _tree.write("courierimapsubscribed", courier);
        const Names expected{MailboxName::inbox(), {{"Sent"}}, {{"a.b", "c"}}, {{"Last"}}};
        CPPUNIT_ASSERT(_file.load() == expected);
        CPPUNIT_ASSERT_EQUAL("V\t2\n\nINBOX\nLast\nSent\na&AC4-b\tc\n"s, text());
        CPPUNIT_ASSERT_EQUAL(courier, _tree.read("courierimapsubscribed"));
    }

    void takesCouriersFileOverOnlyOnce() {
        _tree.write("courierimapsubscribed", "INBOX.Sent\n");
        _file.remove({{"Sent"}});
        CPPUNIT_ASSERT_EQUAL("V\t2\n\n"s, text());
        CPPUNIT_ASSERT(_file.load().empty());
    }

    void takesCouriersUtf8Over() {
        _tree.write("courierimapsubscribed", "INBOX.Entwürfe\nINBOX.a\\056b\n");
        const SubscriptionFile file(_tree.path(), mapper(Layout::MaildirPlusPlus, NameEncoding::CourierUtf8));
        CPPUNIT_ASSERT((file.load() == Names{{{"Entwürfe"}}, {{"a.b"}}}));
    }

    void takesCouriersFileOverAtTheFirstChange() {
        _tree.write("courierimapsubscribed", "INBOX.Sent\n");
        _file.add({{"A"}});
        CPPUNIT_ASSERT((_file.load() == Names{{{"A"}}, {{"Sent"}}}));
        _file.add({{"Sent"}});
        CPPUNIT_ASSERT_EQUAL("V\t2\n\nSent\nA\n"s, text());
    }

    void leavesNoLock() {
        _file.add({{"A"}});
        _file.remove({{"A"}});
        CPPUNIT_ASSERT(!_tree.has("subscriptions.lock"));
        CPPUNIT_ASSERT_EQUAL(std::ptrdiff_t(1), std::distance(std::filesystem::directory_iterator(_tree.path()), {}));
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(SubscriptionsTest);

}  // namespace maildir
