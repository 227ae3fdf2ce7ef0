// BinaryRewriter: binary content in a form that lines can keep, and back.
#include "maildir/message/BinaryRewriter.h"

#include <cppunit/TestFixture.h>
#include <cppunit/extensions/HelperMacros.h>

#include "TemporaryMessage.h"
#include "maildir/message/TransferDecoder.h"

using namespace maildir;
using std::string_literals::operator""s;

namespace {

// "refused" for what can't be written.
std::string rewritten(const std::string& content, StructureLimits limits = {}) {
    const TemporaryMessage message(content);
    const MessageFile file = message.open();
    BinaryRewriter rewriter(file, limits);
    std::string out;
    for (int pieces = 0; rewriter.write(out); ++pieces) CPPUNIT_ASSERT(pieces < 100000);
    return rewriter.isRefused() ? "refused" : out;
}

// What BINARY gives of a leaf part.
std::string decoded(const std::string& message, const Part& part) {
    std::string octets;
    TransferDecoder(part.transferEncoding)
        .decode(std::string_view(message).substr(part.body.storedOffset, part.body.storedOctets), octets, true);
    return octets;
}

void assertSameContent(const std::string& before, const Part& one, const std::string& after, const Part& other) {
    CPPUNIT_ASSERT_EQUAL(one.children.size(), other.children.size());
    for (std::size_t i = 0; i < one.children.size(); ++i)
        assertSameContent(before, one.children[i], after, other.children[i]);
    if (one.children.empty()) CPPUNIT_ASSERT_EQUAL(decoded(before, one), decoded(after, other));
}

void assertKept(const std::string& content) {
    const std::string after = rewritten(content);
    CPPUNIT_ASSERT(after != "refused" && after.find('\0') == std::string::npos);
    const Structure structure = parseStructure(after);
    CPPUNIT_ASSERT(structure.lineEndings == LineEndings::AllCrLf);
    assertSameContent(content, parseStructure(content).root, after, structure.root);
}

}  // namespace

class BinaryRewriterTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(BinaryRewriterTest);
    CPPUNIT_TEST(leavesLinesAsTheyAre);
    CPPUNIT_TEST(encodesWhatIsNoMime);
    CPPUNIT_TEST(encodesParts);
    CPPUNIT_TEST(encodesLargeParts);
    CPPUNIT_TEST(refusesWhatHasNoOtherForm);
    CPPUNIT_TEST(replacesEveryEncodingField);
    CPPUNIT_TEST_SUITE_END();

public:
    void leavesLinesAsTheyAre() {
        for (const std::string message : {"", "A: b\r\n\r\nc\r\n", "A: b\r\n\r\n", "A: b", "\r\n",
                                          "Content-Transfer-Encoding: binary\r\n\r\n\xFF\x01 long\r\n",
                                          "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nc\r\n--b--\r\n"})
            CPPUNIT_ASSERT_EQUAL(message, rewritten(message));
    }

    void encodesWhatIsNoMime() {
        CPPUNIT_ASSERT_EQUAL("A: b\r\nMIME-Version: 1.0\r\nContent-Transfer-Encoding: base64\r\n\r\nAGE=\r\n"s,
                             rewritten("A: b\r\n\r\n\0a"s));
        CPPUNIT_ASSERT_EQUAL("MIME-Version: 1.0\r\nContent-Transfer-Encoding: base64\r\n\r\nYQpiCg==\r\n"s,
                             rewritten("\r\na\nb\n"));
        assertKept("Subject: x\r\n\r\n\r\n\0\n"s);
    }

    void encodesParts() {
        const std::string nul = "\0\r\n\n\r\0"s;
        assertKept("Content-Type: multipart/mixed; boundary=b\r\n\r\npre\r\n--b\r\nContent-Type: image/x\r\n\r\n" +
                   nul +
                   "\r\n--b\r\n\r\ntext\r\n--b\r\nContent-Transfer-Encoding: binary\r\nContent-Type: message/rfc822\r\n"
                   "\r\nSubject: y\r\nContent-Transfer-Encoding: 8BIT\r\n\r\n" +
                   nul + "\r\n--b\r\n\r\n" + nul);
        // Lines of another kind around the parts are lines.
        CPPUNIT_ASSERT_EQUAL("Content-Type: multipart/mixed; boundary=b\n\n--b\n\nc\n--b--\n"s,
                             rewritten("Content-Type: multipart/mixed; boundary=b\n\n--b\n\nc\n--b--\n"));
    }

    void encodesLargeParts() {
        std::string octets;
        for (std::uint32_t i = 0, x = 1; i < 300000; ++i, x = x * 1103515245 + 12345)
            octets += static_cast<char>(x >> 16);
        assertKept("Content-Type: application/x\r\n\r\n" + octets);
    }

    void refusesWhatHasNoOtherForm() {
        for (const std::string& message :
             {"A\0: b\r\n\r\nc\r\n"s, "A: b\0\r\n\r\n\0"s, "Content-Transfer-Encoding: base64\r\n\r\nYQ\0==\r\n"s,
              "Content-Transfer-Encoding: quoted-printable\r\n\r\n\0\r\n"s,
              "Content-Transfer-Encoding: x-strange\r\n\r\na\nb"s, "Content-Type: multipart/mixed\r\n\r\n\0"s,
              "Content-Type: multipart/mixed; boundary=b\r\n\r\n\0\r\n--b\r\n\r\nc\r\n--b--\r\n"s,
              "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nc\r\n--b--\r\n\0"s,
              "Content-Type: message/delivery-status\r\n\r\nA: b\0\r\n"s})
            CPPUNIT_ASSERT_EQUAL("refused"s, rewritten(message));
        StructureLimits limits;
        limits.depth = 2;
        CPPUNIT_ASSERT_EQUAL(
            "refused"s, rewritten("Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: multipart/"
                                  "mixed; boundary=c\r\n\r\n--c\r\n\r\n\0\r\n--c--\r\n--b--\r\n"s,
                                  limits));
        // Lines of an encoding that is known, and of fields, may end in any way.
        CPPUNIT_ASSERT_EQUAL("Content-Transfer-Encoding: base64\r\n\r\nYQ==\n"s,
                             rewritten("Content-Transfer-Encoding: base64\r\n\r\nYQ==\n"));
    }

    void replacesEveryEncodingField() {
        CPPUNIT_ASSERT_EQUAL("Content-Transfer-Encoding: base64\r\nMime-version: 1.0\r\nA: b\r\n c\r\n\r\nAA==\r\n"s,
                             rewritten("content-transfer-encoding:\r\n binary\r\nMime-version: 1.0\r\n"
                                       "Content-Transfer-Encoding: 8bit\r\nA: b\r\n c\r\n\r\n\0"s));
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(BinaryRewriterTest);
