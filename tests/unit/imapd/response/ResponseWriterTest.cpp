// ResponseWriter: strings in the form that their octets allow, sets in their shortest form, lines that stay lines.
#include "imapd/response/ResponseWriter.h"

#include <cppunit/extensions/HelperMacros.h>

#include "imapd/response/ErrorReply.h"
#include "imapd/response/Text.h"

using std::string_literals::operator""s;

namespace imapd {

class ResponseWriterTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(ResponseWriterTest);
    CPPUNIT_TEST(quotesPlainText);
    CPPUNIT_TEST(escapesQuotedSpecials);
    CPPUNIT_TEST(sends8BitAsLiteral);
    CPPUNIT_TEST(quotesUtf8WhereEnabled);
    CPPUNIT_TEST(sendsMalformedUtf8AsLiteralEvenWhereEnabled);
    CPPUNIT_TEST(sendsLineEndsAsLiteral);
    CPPUNIT_TEST(neverSendsNul);
    CPPUNIT_TEST(keepsTheSizeOfALiteralWithNul);
    CPPUNIT_TEST(sendsNothing8BitWhereAsked);
    CPPUNIT_TEST(sendsAtomsWhereAllowed);
    CPPUNIT_TEST(sendsMailboxNamesWithQuotedSpecialsAsLiteral);
    CPPUNIT_TEST(writesTaggedReplies);
    CPPUNIT_TEST(keepsALineALine);
    CPPUNIT_TEST(writesFetchFlags);
    CPPUNIT_TEST(tellsNoRecentUnderRev2);
    CPPUNIT_TEST(joinsNothingAcrossTheEndOfNumbers);
    CPPUNIT_TEST(keepsTheOrderOfUids);
    CPPUNIT_TEST(givesErrorsTheirCodes);
    CPPUNIT_TEST(asksToCreateAMissingTarget);
    CPPUNIT_TEST(hidesPathsFromClients);
    CPPUNIT_TEST(encodes8BitTextAsWords);
    CPPUNIT_TEST(splitsNoCharacterBetweenEncodedWords);
    CPPUNIT_TEST(callsWhatIsNoUtf8Unknown);
    CPPUNIT_TEST_SUITE_END();

    std::string _out;
    WireFeatures _features;
    ResponseWriter _writer{_out, _features};

public:
    void quotesPlainText() {
        _writer.string("plain text").raw(" ").string("");
        CPPUNIT_ASSERT_EQUAL("\"plain text\" \"\""s, _out);
    }

    void escapesQuotedSpecials() {
        _writer.string("a \"b\" \\ c");
        CPPUNIT_ASSERT_EQUAL("\"a \\\"b\\\" \\\\ c\""s, _out);
    }

    void sends8BitAsLiteral() {
        _writer.string("gr\xC3\xBC\xC3\x9F");
        CPPUNIT_ASSERT_EQUAL("{6}\r\ngr\xC3\xBC\xC3\x9F"s, _out);
    }

    void quotesUtf8WhereEnabled() {
        _features.utf8 = true;
        _writer.string("gr\xC3\xBC\xC3\x9F \xF0\x9F\x93\xA7");
        CPPUNIT_ASSERT_EQUAL("\"gr\xC3\xBC\xC3\x9F \xF0\x9F\x93\xA7\""s, _out);
    }

    void sendsMalformedUtf8AsLiteralEvenWhereEnabled() {
        _features.utf8 = true;
        for (const auto malformed : {"\xC3", "\xC0\xAF", "\xED\xA0\x80", "\xF5\x80\x80\x80", "\xE2\x82", "\x80"}) {
            _out.clear();
            _writer.string(malformed);
            CPPUNIT_ASSERT_EQUAL('{', _out.front());
        }
    }

    void sendsLineEndsAsLiteral() {
        _writer.string("a\r\nb");
        CPPUNIT_ASSERT_EQUAL("{4}\r\na\r\nb"s, _out);
    }

    void neverSendsNul() {
        _features.utf8 = true;
        _writer.string("a\0b"s);
        CPPUNIT_ASSERT_EQUAL("\"a\xEF\xBF\xBD"s + "b\"", _out);
    }

    void sendsNothing8BitWhereAsked() {
        _features.sevenBit = true;
        _writer.string("gr\xC3\xBC\xC3\x9F").raw(" ").string("a\0b"s).raw(" ").literal("a\xC3\0b"s);
        CPPUNIT_ASSERT_EQUAL("\"=?utf-8?B?Z3LDvMOf?=\" \"=?utf-8?B?Ye+/vWI=?=\" {4}\r\na?\?b"s, _out);
    }

    void keepsTheSizeOfALiteralWithNul() {
        _writer.literal("a\0b"s);
        CPPUNIT_ASSERT_EQUAL("{3}\r\na\x80"s + "b", _out);
    }

    void sendsAtomsWhereAllowed() {
        for (const auto atom : {"INBOX", "X-Foo", "a]b", "From"}) {
            _out.clear();
            _writer.astring(atom);
            CPPUNIT_ASSERT_EQUAL(std::string(atom), _out);
        }
        for (const auto noAtom : {"", "a b", "a(b", "a*", "a%", "NIL", "nil", "{3}", "a\"b"}) {
            _out.clear();
            _writer.astring(noAtom);
            CPPUNIT_ASSERT_EQUAL('"', _out.front());
        }
    }

    void sendsMailboxNamesWithQuotedSpecialsAsLiteral() {
        _writer.mailbox("a b").raw(" ").mailbox("a\\b").raw(" ").mailbox("a\"b");
        CPPUNIT_ASSERT_EQUAL("\"a b\" {3}\r\na\\b {3}\r\na\"b"s, _out);
    }

    void writesTaggedReplies() {
        _writer.tagged("a1", Reply::ok("Done so", "READ-WRITE"));
        _writer.tagged("a2", Reply::no("No such mailbox"));
        _writer.tagged("a3", Reply::bad(""));
        CPPUNIT_ASSERT_EQUAL("a1 OK [READ-WRITE] Done so\r\na2 NO No such mailbox\r\na3 BAD Done\r\n"s, _out);
    }

    void keepsALineALine() {
        _writer.tagged("a", Reply::bad("Unknown \r\n* BYE \x80"));
        _writer.status("OK", "", "a\nb");
        _writer.continuation("a\r\nb");
        CPPUNIT_ASSERT_EQUAL("a BAD Unknown ??* BYE ?\r\n* OK a?b\r\n+ a??b\r\n"s, _out);
    }

    void writesFetchFlags() {
        _writer.fetchFlags(SeqNum{3}, {"\\Seen", "$Junk"}, std::nullopt);
        _writer.fetchFlags(SeqNum{4}, {}, Uid{17});
        CPPUNIT_ASSERT_EQUAL("* 3 FETCH (FLAGS (\\Seen $Junk))\r\n* 4 FETCH (UID 17 FLAGS ())\r\n"s, _out);
    }

    void tellsNoRecentUnderRev2() {
        _features.rev2 = true;
        _writer.recent(3);
        CPPUNIT_ASSERT_EQUAL(""s, _out);
        _features.rev2 = false;
        _writer.recent(3);
        CPPUNIT_ASSERT_EQUAL("* 3 RECENT\r\n"s, _out);
    }

    void joinsNothingAcrossTheEndOfNumbers() {
        const std::vector<Uid> uids{{4294967294u}, {4294967295u}, {0}};
        CPPUNIT_ASSERT_EQUAL("4294967294:4294967295,0"s, orderedSet(uids));
    }

    void keepsTheOrderOfUids() {
        const std::vector<Uid> uids{{5}, {6}, {3}, {4}, {2}};
        CPPUNIT_ASSERT_EQUAL("5:6,3:4,2"s, orderedSet(uids));
    }

    void givesErrorsTheirCodes() {
        using maildir::Error;
        using maildir::ErrorKind;
        const std::pair<ErrorKind, std::string> rows[] = {
            {ErrorKind::NotFound, "NONEXISTENT"},   {ErrorKind::AlreadyExists, "ALREADYEXISTS"},
            {ErrorKind::NoPermission, "NOPERM"},    {ErrorKind::OverQuota, "OVERQUOTA"},
            {ErrorKind::Expunged, "EXPUNGEISSUED"}, {ErrorKind::Busy, "INUSE"},
            {ErrorKind::Corrupt, "CORRUPTION"},     {ErrorKind::Limit, "LIMIT"},
            {ErrorKind::InvalidName, "CANNOT"},     {ErrorKind::Io, "SERVERBUG"},
            {ErrorKind::Unavailable, "UNAVAILABLE"}};
        for (const auto& [kind, code] : rows) {
            const Reply reply = replyTo(Error(kind, "text"));
            CPPUNIT_ASSERT(reply.status == Reply::No);
            CPPUNIT_ASSERT_EQUAL(code, reply.code);
        }
    }

    void asksToCreateAMissingTarget() {
        CPPUNIT_ASSERT_EQUAL("TRYCREATE"s, replyToTarget({maildir::ErrorKind::NotFound, "x"}).code);
        CPPUNIT_ASSERT_EQUAL("OVERQUOTA"s, replyToTarget({maildir::ErrorKind::OverQuota, "x"}).code);
    }

    void hidesPathsFromClients() {
        const Reply reply = replyTo({maildir::ErrorKind::Io, "rename", "/srv/mail/secret"});
        CPPUNIT_ASSERT(reply.text.find("secret") == std::string::npos);
        CPPUNIT_ASSERT(reply.text.find("rename") == std::string::npos);
    }

    void encodes8BitTextAsWords() {
        CPPUNIT_ASSERT_EQUAL("plain"s, asEncodedWords("plain"));
        CPPUNIT_ASSERT_EQUAL("Re: =?utf-8?B?Z3LDvMOfZQ==?= an alle"s, asEncodedWords("Re: gr\xC3\xBC\xC3\x9F"
                                                                                     "e an alle"));
    }

    void splitsNoCharacterBetweenEncodedWords() {
        std::string text;
        for (int i = 0; i < 40; ++i) text += "\xE2\x82\xAC";
        const std::string words = asEncodedWords(text);
        for (std::size_t at = words.find("?B?"); at != std::string::npos; at = words.find("?B?", at + 1)) {
            // 42 octets are 14 whole characters; 4 digits each, no padding where none is cut.
            CPPUNIT_ASSERT_EQUAL("4oKs"s, words.substr(at + 3, 4));
        }
        CPPUNIT_ASSERT(words.find("?= =?") != std::string::npos);
    }

    void callsWhatIsNoUtf8Unknown() { CPPUNIT_ASSERT_EQUAL("=?unknown-8bit?B?6Q==?="s, asEncodedWords("\xE9")); }
};

CPPUNIT_TEST_SUITE_REGISTRATION(ResponseWriterTest);

}  // namespace imapd
