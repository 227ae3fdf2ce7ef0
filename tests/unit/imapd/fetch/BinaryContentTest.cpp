// Parts are decoded in pieces, counted and cut by decoded octets, whatever the message's line ends are.
#include "imapd/fetch/BinaryContent.h"

#include <cppunit/extensions/HelperMacros.h>

#include "imapd/fetch/Sections.h"
#include "tests/unit/maildir/message/TemporaryMessage.h"

using std::string_literals::operator""s;

namespace imapd {

class BinaryContentTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(BinaryContentTest);
    CPPUNIT_TEST(decodes);
    CPPUNIT_TEST(cutsByDecodedOctets);
    CPPUNIT_TEST(countsWhatItGives);
    CPPUNIT_TEST(holdsLittleOfALargePart);
    CPPUNIT_TEST(noticesATruncatedFile);
    CPPUNIT_TEST(findsTheEncodingOfAPart);
    CPPUNIT_TEST(keepsFactsAsText);
    CPPUNIT_TEST_SUITE_END();

    struct Given {
        std::string octets;
        BinaryFacts counted;
    };

    static DecodedReader reader(const maildir::MessageFile& file, const maildir::Structure& structure,
                                std::uint64_t first = 0, std::uint64_t count = UINT64_MAX) {
        return {file, structure.root.body, structure.lineEndings, structure.root.transferEncoding, first, count};
    }

    static Given give(const std::string& message, std::uint64_t first = 0, std::uint64_t count = UINT64_MAX) {
        const TemporaryMessage stored(message);
        const maildir::MessageFile file = stored.open();
        const maildir::Structure structure = file.structure();
        Given given;
        DecodedReader content = reader(file, structure, first, count);
        while (!content.atEnd()) content.read(given.octets);
        BinaryCount counting(reader(file, structure, first, count));
        while (!counting.step()) continue;
        given.counted = counting.facts();
        return given;
    }

    static std::string base64(const std::string& body) { return "Content-Transfer-Encoding: base64\n\n" + body; }
    static std::string printable(const std::string& body) {
        return "Content-Transfer-Encoding: quoted-printable\n\n" + body;
    }

public:
    void decodes() {
        CPPUNIT_ASSERT_EQUAL("\0\1\2\3\4\5"s, give(base64("AAEC\nAwQF\n")).octets);
        CPPUNIT_ASSERT_EQUAL("\0\1\2\3\4\5"s, give(base64("AAEC\r\nAwQF")).octets);
        CPPUNIT_ASSERT_EQUAL("Caf\xc3\xa9 one\r\ntwo\r\n"s, give(printable("Caf=C3=A9=\n one\ntwo\n")).octets);
        CPPUNIT_ASSERT_EQUAL("one\r\ntwo"s, give("A: b\n\none\ntwo").octets);
        CPPUNIT_ASSERT_EQUAL(""s, give(base64("")).octets);
    }

    void cutsByDecodedOctets() {
        CPPUNIT_ASSERT_EQUAL("\2\3"s, give(base64("AAEC\nAwQF\n"), 2, 2).octets);
        CPPUNIT_ASSERT_EQUAL("\5"s, give(base64("AAEC\nAwQF\n"), 5, 100).octets);
        CPPUNIT_ASSERT_EQUAL(""s, give(base64("AAEC\nAwQF\n"), 6, 1).octets);
        CPPUNIT_ASSERT_EQUAL("\ntwo"s, give(printable("one=20\ntwo\n"), 5, 4).octets);
    }

    void countsWhatItGives() {
        CPPUNIT_ASSERT((give(base64("AAEC\nAwQF\n")).counted == BinaryFacts{6, true}));
        CPPUNIT_ASSERT((give(base64("TGluZQ==\n")).counted == BinaryFacts{4, false}));
        CPPUNIT_ASSERT((give(base64("AAEC\nAwQF\n"), 1, 3).counted == BinaryFacts{3, false}));
        CPPUNIT_ASSERT((give("A: b\n\none\n").counted == BinaryFacts{5, false}));
        CPPUNIT_ASSERT((give(base64("")).counted == BinaryFacts{0, false}));
    }

    void holdsLittleOfALargePart() {
        std::string body;
        for (int line = 0; line < 20000; ++line) body += std::string(76, 'Q') + '\n';
        const TemporaryMessage stored(base64(body));
        const maildir::MessageFile file = stored.open();
        const maildir::Structure structure = file.structure();
        DecodedReader content = reader(file, structure);
        std::uint64_t octets = 0;
        while (!content.atEnd()) {
            std::string piece;
            content.read(piece);
            CPPUNIT_ASSERT(piece.size() <= 64 * 1024);
            octets += piece.size();
        }
        CPPUNIT_ASSERT_EQUAL(std::uint64_t{20000 * 57}, octets);
    }

    void noticesATruncatedFile() {
        const TemporaryMessage stored(base64("AAEC\nAwQF\n"));
        const maildir::MessageFile file = stored.open();
        const maildir::Structure structure = file.structure();
        DecodedReader content = reader(file, structure);
        stored.write(base64("AA"));
        std::string out;
        CPPUNIT_ASSERT_THROW(content.read(out), maildir::Error);
    }

    void findsTheEncodingOfAPart() {
        const maildir::Structure structure = maildir::parseStructure(
            "Content-Type: multipart/mixed; boundary=b\nContent-Transfer-Encoding: base64\n\n"
            "--b\nContent-Transfer-Encoding: x-odd\n\nx\n"
            "--b\nContent-Type: message/rfc822\n\nContent-Transfer-Encoding: BASE64\n\nx\n--b--\n");
        CPPUNIT_ASSERT_EQUAL("binary"s, std::string(encodingOf(structure, {})));
        CPPUNIT_ASSERT_EQUAL("x-odd"s, std::string(encodingOf(structure, {1})));
        CPPUNIT_ASSERT_EQUAL("binary"s, std::string(encodingOf(structure, {2})));
        CPPUNIT_ASSERT_EQUAL("BASE64"s, std::string(encodingOf(structure, {2, 1})));
        CPPUNIT_ASSERT_EQUAL("binary"s, std::string(encodingOf(structure, {7})));
    }

    void keepsFactsAsText() {
        for (const BinaryFacts facts : {BinaryFacts{0, false}, BinaryFacts{UINT64_MAX, true}}) {
            CPPUNIT_ASSERT(BinaryFacts::parse(facts.text()) == facts);
        }
        for (const auto text : {"", "x", "1 ", "1 nul ", "-1", "99999999999999999999"}) {
            CPPUNIT_ASSERT_MESSAGE(text, !BinaryFacts::parse(text));
        }
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(BinaryContentTest);

}  // namespace imapd
