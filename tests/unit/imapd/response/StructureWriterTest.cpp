// ENVELOPE, BODY and BODYSTRUCTURE of real messages. Where RFC 3501 leaves room, the expected text is what Dovecot
// 2.3.19 sends for the same message.
#include "imapd/response/StructureWriter.h"

#include <cppunit/extensions/HelperMacros.h>

#include "imapd/response/Continuations.h"

using std::string_literals::operator""s;

namespace imapd {

class StructureWriterTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(StructureWriterTest);
    CPPUNIT_TEST(takesSenderAndReplyToFromFrom);
    CPPUNIT_TEST(takesEmptySenderFromFrom);
    CPPUNIT_TEST(writesGroups);
    CPPUNIT_TEST(tellsEmptyFieldsFromAbsentOnes);
    CPPUNIT_TEST(writesEmptyFieldsAsNilWhereAsked);
    CPPUNIT_TEST(writesAnEmptyMessage);
    CPPUNIT_TEST(writesHeader8BitAsLiteral);
    CPPUNIT_TEST(writesHeader8BitAsEncodedWordsWhereAsked);
    CPPUNIT_TEST(writesTextWithDefaultCharset);
    CPPUNIT_TEST(addsTheCharsetThatTextLacks);
    CPPUNIT_TEST(writesMultipartAndMessage);
    CPPUNIT_TEST(writesExtensionData);
    CPPUNIT_TEST(givesBodyNoExtensionData);
    CPPUNIT_TEST(fillsAMultipartWithoutParts);
    CPPUNIT_TEST(joinsContinuedParameters);
    CPPUNIT_TEST(leavesBrokenContinuations);
    CPPUNIT_TEST_SUITE_END();

    WireFeatures _features;

    std::string envelopeOf(const std::string& message, bool emptyIsNil = false) const {
        const maildir::Structure structure = maildir::parseStructure(message);
        CPPUNIT_ASSERT(structure.root.envelope != nullptr);
        return envelope(*structure.root.envelope, _features, emptyIsNil);
    }

    std::string structureOf(const std::string& message, bool withExtensions = true) const {
        return bodyStructure(maildir::parseStructure(message).root, _features, withExtensions, false);
    }

public:
    void takesSenderAndReplyToFromFrom() {
        CPPUNIT_ASSERT_EQUAL(
            "(\"Mon, 1 Jan 2001 00:00:00 +0000\" \"x\" ((\"Al B\" NIL \"a\" \"b\")) ((\"Al B\" NIL \"a\" \"b\")) "
            "((NIL NIL \"r\" \"b\")) ((NIL NIL \"c\" \"d\")(NIL NIL \"e\" \"f\")) NIL NIL \"<i@j>\" \"<k@l>\")"s,
            envelopeOf("Date: Mon, 1 Jan 2001 00:00:00 +0000\nSubject: x\nFrom: Al B <a@b>\nReply-To: r@b\n"
                       "To: c@d, e@f\nIn-Reply-To: <i@j>\nMessage-ID: <k@l>\n\n"));
    }

    void takesEmptySenderFromFrom() {
        CPPUNIT_ASSERT_EQUAL(
            "(NIL NIL ((NIL NIL \"a\" \"b\")) ((NIL NIL \"a\" \"b\")) ((NIL NIL \"a\" \"b\")) NIL NIL NIL NIL NIL)"s,
            envelopeOf("From: a@b\nSender:\nReply-To: \n\n"));
    }

    void writesGroups() {
        CPPUNIT_ASSERT_EQUAL(
            "(NIL NIL NIL NIL NIL ((NIL NIL \"grp\" NIL)(NIL NIL \"a\" \"b\")(NIL NIL \"c\" \"d\")(NIL NIL NIL NIL)"
            "(NIL NIL \"e\" \"f\")) NIL NIL NIL NIL)"s,
            envelopeOf("To: grp: a@b, c@d;, e@f\n\n"));
    }

    void tellsEmptyFieldsFromAbsentOnes() {
        CPPUNIT_ASSERT_EQUAL("(\"\" \"\" NIL NIL NIL NIL NIL NIL \"\" \"\")"s,
                             envelopeOf("Date:\nSubject: \nIn-Reply-To:\nMessage-ID:\n\n"));
    }

    void writesEmptyFieldsAsNilWhereAsked() {
        CPPUNIT_ASSERT_EQUAL("(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)"s,
                             envelopeOf("Date:\nSubject: \nIn-Reply-To:\nMessage-ID:\n\n", true));
    }

    void writesAnEmptyMessage() {
        CPPUNIT_ASSERT_EQUAL("(\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 0 0 NIL NIL NIL NIL)"s,
                             structureOf(""));
        CPPUNIT_ASSERT_EQUAL("(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)"s, envelopeOf(""));
    }

    void writesHeader8BitAsLiteral() {
        CPPUNIT_ASSERT(envelopeOf("Subject: caf\xE9\n\n").starts_with("(NIL {4}\r\ncaf\xE9 NIL"));
    }

    void writesHeader8BitAsEncodedWordsWhereAsked() {
        _features.sevenBit = true;
        CPPUNIT_ASSERT(envelopeOf("Subject: caf\xE9\n\n").starts_with("(NIL \"=?unknown-8bit?B?Y2Fm6Q==?=\" NIL"));
    }

    void writesTextWithDefaultCharset() {
        CPPUNIT_ASSERT_EQUAL("(\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 12 2 NIL NIL NIL NIL)"s,
                             structureOf("From: a@b\n\nbody\nline\n"));
    }

    void addsTheCharsetThatTextLacks() {
        CPPUNIT_ASSERT(structureOf("Content-Type: text/html; format=flowed\n\nx\n")
                           .starts_with("(\"text\" \"html\" (\"format\" \"flowed\" \"charset\" \"us-ascii\") NIL"));
    }

    void writesMultipartAndMessage() {
        CPPUNIT_ASSERT_EQUAL(
            "((\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 5 0 NIL NIL NIL NIL)"
            "(\"message\" \"rfc822\" NIL NIL NIL \"7bit\" 41 (NIL \"inner\" ((NIL NIL \"in\" \"ner\")) "
            "((NIL NIL \"in\" \"ner\")) ((NIL NIL \"in\" \"ner\")) NIL NIL NIL NIL NIL) "
            "(\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 9 0 NIL NIL NIL NIL) 3 NIL NIL NIL NIL) "
            "\"mixed\" (\"boundary\" \"x\") NIL NIL NIL)"s,
            structureOf("From: a@b\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=x\n\n--x\n"
                        "Content-Type: text/plain\n\nhello\n--x\nContent-Type: message/rfc822\n\n"
                        "From: in@ner\nSubject: inner\n\ninnerbody\n--x--\n"));
    }

    void writesExtensionData() {
        CPPUNIT_ASSERT_EQUAL(
            "(\"image\" \"png\" NIL \"<c@d>\" \"A picture\" \"base64\" 6 \"Q2hlY2s=\" "
            "(\"attachment\" (\"filename\" \"a \\\"b\\\".png\")) (\"en\" \"de\") \"http://x/\")"s,
            structureOf("Content-Type: image/png\nContent-ID: <c@d>\nContent-Description: A picture\n"
                        "Content-Transfer-Encoding: base64\nContent-MD5: Q2hlY2s=\n"
                        "Content-Disposition: attachment; filename=\"a \\\"b\\\".png\"\nContent-Language: en, de\n"
                        "Content-Location: http://x/\n\nAAAA\n"));
    }

    void givesBodyNoExtensionData() {
        CPPUNIT_ASSERT_EQUAL(
            "((\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 1 0) \"mixed\")"s,
            structureOf("MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=x\n\n--x\n\na\n--x--\n", false));
    }

    void fillsAMultipartWithoutParts() {
        CPPUNIT_ASSERT_EQUAL("((\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 0 0) \"mixed\")"s,
                             structureOf("Content-Type: multipart/mixed; boundary=x\n\nnothing here\n", false));
    }

    void joinsContinuedParameters() {
        using P = maildir::Parameters;
        CPPUNIT_ASSERT((withoutContinuations({{"a", "1"}, {"Title*1", "de"}, {"title*0", "abc"}, {"z", "2"}}) ==
                        P{{"a", "1"}, {"title", "abcde"}, {"z", "2"}}));
        CPPUNIT_ASSERT((withoutContinuations({{"T*0*", "utf-8''%e2"}, {"T*1*", "%82"}, {"T*2", "%ac x"}}) ==
                        P{{"T*", "utf-8''%e2%82%25ac%20x"}}));
        CPPUNIT_ASSERT((withoutContinuations({{"name*", "utf-8''x"}}) == P{{"name*", "utf-8''x"}}));
    }

    void leavesBrokenContinuations() {
        for (const maildir::Parameters& broken : {maildir::Parameters{{"a*1", "x"}},
                                                  {{"a*0", "x"}, {"a*2", "y"}},
                                                  {{"a*0", "x"}, {"a*0", "y"}},
                                                  {{"a*00", "x"}},
                                                  {{"*0", "x"}},
                                                  {{"a*99999999999999999999", "x"}},
                                                  {{"a*-1", "x"}},
                                                  {{"*", "x"}}}) {
            CPPUNIT_ASSERT(withoutContinuations(broken) == broken);
        }
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(StructureWriterTest);

}  // namespace imapd
