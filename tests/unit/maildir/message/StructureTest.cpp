#include "maildir/message/Structure.h"

#include <cppunit/TestFixture.h>
#include <cppunit/extensions/HelperMacros.h>

#include <sstream>
#include <string>

using namespace maildir;

namespace {

std::string crlf(std::string_view text) {
    std::string wire;
    for (const char c : text) {
        if (c == '\n') wire += '\r';
        wire += c;
    }
    return wire;
}

std::string slice(std::string_view message, const Extent& extent) {
    return std::string(message.substr(extent.storedOffset, extent.storedOctets));
}

// The shape of a part in a line: type/subtype, octets as sent, lines, children.
std::string shape(const Part& part) {
    std::ostringstream out;
    out << part.type << '/' << part.subtype << ' ' << part.body.wireOctets << ':' << part.bodyLines;
    if (!part.children.empty()) {
        out << " (";
        for (std::size_t i = 0; i < part.children.size(); ++i) out << (i > 0 ? ", " : "") << shape(part.children[i]);
        out << ')';
    }
    return out.str();
}

// Everything of a part that parsing derives.
std::string everything(const Part& part) {
    std::ostringstream out;
    for (const Extent& extent : {part.header, part.body}) {
        out << extent.storedOffset << '+' << extent.storedOctets << '=' << extent.wireOctets << ' ';
    }
    out << part.type << '/' << part.subtype;
    for (const auto& [name, value] : part.parameters) out << ';' << name << '=' << value;
    out << '|' << part.transferEncoding << '|' << part.contentId << '|' << part.description << '|' << part.disposition;
    for (const auto& [name, value] : part.dispositionParameters) out << ';' << name << '=' << value;
    if (part.envelope) {
        for (const std::string& value : part.envelope->values) out << '|' << value;
    }
    out << ' ' << part.bodyLines << '{';
    for (const Part& child : part.children) out << everything(child);
    out << '}';
    return out.str();
}

const std::string mixed =
    "Subject: outer\n"
    "Content-Type: multipart/mixed; boundary=\"ab\"\n"
    "\n"
    "preamble\n"
    "--ab\n"
    "\n"
    "one\n"
    "--ab\n"
    "Content-Type: message/rfc822\n"
    "\n"
    "Subject: inner\n"
    "Content-Type: multipart/alternative; boundary=abc\n"
    "\n"
    "--abc\n"
    "\n"
    "two\n"
    "two\n"
    "--abc\n"
    "Content-Type: text/html\n"
    "\n"
    "<p>\n"
    "\n"
    "--abc--\n"
    "inner epilogue\n"
    "--ab--\n"
    "epilogue\n";

}  // namespace

class StructureTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(StructureTest);
    CPPUNIT_TEST(emptyMessageIsEmptyText);
    CPPUNIT_TEST(countsWireOctetsOfEveryLineEnding);
    CPPUNIT_TEST(tellsNulAnd8Bit);
    CPPUNIT_TEST(headerWithoutEmptyLineIsAllHeader);
    CPPUNIT_TEST(nestsMultipartsAndMessages);
    CPPUNIT_TEST(sameShapeInLfAndCrLf);
    CPPUNIT_TEST(piecesOfAnySizeGiveTheSame);
    CPPUNIT_TEST(lineEndBeforeBoundaryIsNotOfTheBody);
    CPPUNIT_TEST(boundaryMayCutOffAHeader);
    CPPUNIT_TEST(longestBoundaryWins);
    CPPUNIT_TEST(innermostOfEqualBoundariesWins);
    CPPUNIT_TEST(boundaryOnlyBeginsALine);
    CPPUNIT_TEST(boundaryAtTheEndStartsNoPart);
    CPPUNIT_TEST(neverClosedPartsEndWithTheMessage);
    CPPUNIT_TEST(outerBoundaryClosesInnerParts);
    CPPUNIT_TEST(multipartWithoutBoundaryHasNoParts);
    CPPUNIT_TEST(emptyBoundaryMatchesEveryDashLine);
    CPPUNIT_TEST(boundaryMayComeInContinuations);
    CPPUNIT_TEST(digestDefaultsToMessages);
    CPPUNIT_TEST(emptyEnclosedMessageHasAChild);
    CPPUNIT_TEST(keepsBoundsOnParts);
    CPPUNIT_TEST(keepsBoundsOnDepth);
    CPPUNIT_TEST(keepsBoundsOnHeaders);
    CPPUNIT_TEST(firstContentFieldCountsLastEnvelopeFieldCounts);
    CPPUNIT_TEST(readsContentFields);
    CPPUNIT_TEST(damagedContentTypeIsPlainText);
    CPPUNIT_TEST(envelopeTellsEmptyFromAbsent);
    CPPUNIT_TEST_SUITE_END();

public:
    void emptyMessageIsEmptyText() {
        const Structure structure = parseStructure("");
        CPPUNIT_ASSERT_EQUAL(std::string("text/plain 0:0"), shape(structure.root));
        CPPUNIT_ASSERT(structure.lineEndings == LineEndings::AllCrLf);
        CPPUNIT_ASSERT(structure.root.envelope != nullptr);
    }

    void countsWireOctetsOfEveryLineEnding() {
        Structure structure = parseStructure("A: b\n\nx\ny");
        CPPUNIT_ASSERT(structure.lineEndings == LineEndings::AllLf);
        CPPUNIT_ASSERT_EQUAL(std::uint64_t(12), structure.wireOctets);
        CPPUNIT_ASSERT_EQUAL(std::uint64_t(8), structure.root.header.wireOctets);
        structure = parseStructure("A: b\r\n\r\nx\r\ny");
        CPPUNIT_ASSERT(structure.lineEndings == LineEndings::AllCrLf);
        CPPUNIT_ASSERT_EQUAL(std::uint64_t(12), structure.wireOctets);
        structure = parseStructure("A: b\r\n\nx\ry\r\r\n\n");
        CPPUNIT_ASSERT(structure.lineEndings == LineEndings::Mixed);
        CPPUNIT_ASSERT_EQUAL(std::uint64_t(16), structure.wireOctets);
        CPPUNIT_ASSERT_EQUAL(std::uint32_t(2), structure.root.bodyLines);
        // Long enough for the counting in blocks, with line ends over their edges.
        std::string body;
        for (int i = 0; i < 1000; ++i)
            body += std::string(static_cast<std::size_t>(i % 7), 'x') + (i % 3 == 0 ? "\r\n" : "\n");
        structure = parseStructure("\n" + body);
        CPPUNIT_ASSERT_EQUAL(std::uint32_t(1000), structure.root.bodyLines);
        CPPUNIT_ASSERT_EQUAL(std::uint64_t(body.size() + 666), structure.root.body.wireOctets);
    }

    void tellsNulAnd8Bit() {
        CPPUNIT_ASSERT(!parseStructure("a: b\n\nc").hasNul);
        CPPUNIT_ASSERT(!parseStructure("a: b\n\nc").has8Bit);
        const std::string filler(300, 'x');
        CPPUNIT_ASSERT(parseStructure("a: b\n\n" + filler + std::string(1, '\0') + filler).hasNul);
        CPPUNIT_ASSERT(parseStructure("a: b\n\n" + filler + "\xE4" + filler).has8Bit);
        CPPUNIT_ASSERT(parseStructure("a: \xE4\n\n").has8Bit);
    }

    void headerWithoutEmptyLineIsAllHeader() {
        const Structure structure = parseStructure("Dear all\nno header here\n");
        CPPUNIT_ASSERT_EQUAL(std::uint64_t(24), structure.root.header.storedOctets);
        CPPUNIT_ASSERT_EQUAL(std::uint64_t(0), structure.root.body.storedOctets);
    }

    void nestsMultipartsAndMessages() {
        const Structure structure = parseStructure(mixed);
        CPPUNIT_ASSERT_EQUAL(
            std::string("multipart/mixed 233:23 (text/plain 3:0, message/rfc822 152:13 (multipart/alternative "
                        "83:10 (text/plain 8:1, text/html 5:1)))"),
            shape(structure.root));
        const Part& message = structure.root.children[1];
        CPPUNIT_ASSERT(message.isMessage());
        CPPUNIT_ASSERT(message.envelope == nullptr);
        CPPUNIT_ASSERT_EQUAL(std::string("inner"), message.children[0].envelope->values[EnvelopeFields::Subject]);
        CPPUNIT_ASSERT_EQUAL(std::string("one"), slice(mixed, structure.root.children[0].body));
        CPPUNIT_ASSERT_EQUAL(std::string("Content-Type: message/rfc822\n\n"), slice(mixed, message.header));
        CPPUNIT_ASSERT_EQUAL(std::string("<p>\n"), slice(mixed, message.children[0].children[1].body));
        CPPUNIT_ASSERT(slice(mixed, message.body).ends_with("inner epilogue"));
    }

    void sameShapeInLfAndCrLf() {
        CPPUNIT_ASSERT_EQUAL(shape(parseStructure(crlf(mixed)).root), shape(parseStructure(mixed).root));
    }

    void piecesOfAnySizeGiveTheSame() {
        const std::string message = crlf(mixed) + "--ab\r\n--abc\n--ab" + std::string(1500, 'x') + "\n-\n--\n" + mixed;
        const std::string whole = everything(parseStructure(message).root);
        for (const std::size_t size : {1u, 2u, 3u, 5u, 7u, 13u, 64u, 129u, 1007u, 1009u}) {
            StructureParser parser;
            for (std::size_t at = 0; at < message.size(); at += size)
                parser.feed(std::string_view(message).substr(at, size));
            const Structure structure = parser.finish();
            CPPUNIT_ASSERT_EQUAL(whole, everything(structure.root));
            CPPUNIT_ASSERT_EQUAL(parseStructure(message).wireOctets, structure.wireOctets);
        }
    }

    void lineEndBeforeBoundaryIsNotOfTheBody() {
        const std::string message =
            "Content-Type: multipart/mixed; "
            "boundary=b\r\n\r\n--b\r\n\r\nlf\n--b\r\n\r\ncrlf\r\n--b\r\n\r\n--b\n\nx\r\n\n--b--";
        const Structure structure = parseStructure(message);
        CPPUNIT_ASSERT_EQUAL(
            std::string("multipart/mixed 48:12 (text/plain 2:0, text/plain 4:0, text/plain 0:0, text/plain 3:1)"),
            shape(structure.root));
    }

    void boundaryMayCutOffAHeader() {
        const std::string message =
            "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/html\n--b\nX: y\n--b--\n";
        const Structure structure = parseStructure(message);
        CPPUNIT_ASSERT_EQUAL(std::size_t(2), structure.root.children.size());
        CPPUNIT_ASSERT_EQUAL(std::string("html"), structure.root.children[0].subtype);
        CPPUNIT_ASSERT_EQUAL(std::string("Content-Type: text/html"), slice(message, structure.root.children[0].header));
        CPPUNIT_ASSERT_EQUAL(std::string("X: y"), slice(message, structure.root.children[1].header));
    }

    void longestBoundaryWins() {
        const std::string inner =
            "Content-Type: multipart/mixed; boundary=abcd\n\n--abcd\n\none\n--abcd\n\ntwo\n--abcd--\n";
        const std::string message =
            "Content-Type: multipart/mixed; boundary=abc\n\n--abc\n" + inner + "--abc\n\nx\n--abc--\n";
        const Structure structure = parseStructure(message);
        CPPUNIT_ASSERT_EQUAL(std::size_t(2), structure.root.children.size());
        CPPUNIT_ASSERT_EQUAL(std::size_t(2), structure.root.children[0].children.size());
    }

    void innermostOfEqualBoundariesWins() {
        const std::string inner = "Content-Type: multipart/mixed; boundary=b\n\n--b\n\none\n--b--\n";
        const Structure structure =
            parseStructure("Content-Type: multipart/mixed; boundary=b\n\n--b\n" + inner + "--b\n\ntwo\n--b--\n");
        CPPUNIT_ASSERT_EQUAL(std::size_t(2), structure.root.children.size());
        CPPUNIT_ASSERT_EQUAL(std::size_t(1), structure.root.children[0].children.size());
    }

    void boundaryOnlyBeginsALine() {
        const Structure structure = parseStructure(
            "Content-Type: multipart/mixed; boundary=b\n\n--b trailing\n\none\n "
            "--b\n-b\n--c\n--bcd\n\ntwo\n--b--x\n--b\n");
        CPPUNIT_ASSERT_EQUAL(std::size_t(2), structure.root.children.size());
        CPPUNIT_ASSERT_EQUAL(std::uint32_t(3), structure.root.children[0].bodyLines);
    }

    void boundaryAtTheEndStartsNoPart() {
        const std::string message = "Content-Type: multipart/mixed; boundary=b\n\n--b\n\none\n--b";
        CPPUNIT_ASSERT_EQUAL(std::size_t(1), parseStructure(message).root.children.size());
        CPPUNIT_ASSERT_EQUAL(std::size_t(2), parseStructure(message + "\n").root.children.size());
        CPPUNIT_ASSERT_EQUAL(std::size_t(1), parseStructure(message + "--").root.children.size());
        CPPUNIT_ASSERT_EQUAL(std::string("one"), slice(message, parseStructure(message).root.children[0].body));
    }

    void neverClosedPartsEndWithTheMessage() {
        const Structure structure = parseStructure("Content-Type: multipart/mixed; boundary=b\n\n--b\n\none\ntwo\n");
        CPPUNIT_ASSERT_EQUAL(std::string("multipart/mixed 17:4 (text/plain 10:2)"), shape(structure.root));
    }

    void outerBoundaryClosesInnerParts() {
        const std::string message =
            "Content-Type: multipart/mixed; boundary=o\n\n--o\nContent-Type: message/rfc822\n\n"
            "Content-Type: multipart/mixed; boundary=i\n\n--i\n\nx\n--o\n\ny\n--i\nz\n--o--\n";
        const Structure structure = parseStructure(message);
        CPPUNIT_ASSERT_EQUAL(std::size_t(2), structure.root.children.size());
        const Part& enclosed = structure.root.children[0].children[0];
        CPPUNIT_ASSERT_EQUAL(std::size_t(1), enclosed.children.size());
        CPPUNIT_ASSERT_EQUAL(std::string("x"), slice(message, enclosed.children[0].body));
        CPPUNIT_ASSERT_EQUAL(std::string("y\n--i\nz"), slice(message, structure.root.children[1].body));
    }

    void multipartWithoutBoundaryHasNoParts() {
        const Structure structure = parseStructure("Content-Type: multipart/mixed\n\n--b\n\none\n--b--\n");
        CPPUNIT_ASSERT(structure.root.isMultipart());
        CPPUNIT_ASSERT(structure.root.children.empty());
        CPPUNIT_ASSERT_EQUAL(std::uint32_t(4), structure.root.bodyLines);
    }

    void emptyBoundaryMatchesEveryDashLine() {
        const Structure structure =
            parseStructure("Content-Type: multipart/mixed; boundary=\"\"\n\n--\n\none\n--x\n\ntwo\n----\nend\n");
        CPPUNIT_ASSERT_EQUAL(std::size_t(2), structure.root.children.size());
    }

    void boundaryMayComeInContinuations() {
        const Structure structure =
            parseStructure("Content-Type: multipart/mixed; boundary*0=ab; boundary*1=cd\n\n--abcd\n\none\n--abcd--\n");
        CPPUNIT_ASSERT_EQUAL(std::size_t(1), structure.root.children.size());
    }

    void digestDefaultsToMessages() {
        const Structure structure = parseStructure(
            "Content-Type: multipart/digest; boundary=b\n\n--b\n\nSubject: s\n\nx\n--b\nContent-Type: "
            "text/plain\n\ny\n--b--\n");
        CPPUNIT_ASSERT_EQUAL(std::size_t(2), structure.root.children.size());
        CPPUNIT_ASSERT(structure.root.children[0].isMessage());
        CPPUNIT_ASSERT_EQUAL(std::string("s"),
                             structure.root.children[0].children[0].envelope->values[EnvelopeFields::Subject]);
        CPPUNIT_ASSERT(!structure.root.children[1].isMessage());
    }

    void emptyEnclosedMessageHasAChild() {
        const Structure structure = parseStructure(
            "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: message/rfc822\n\n\n--b\n"
            "Content-Type: message/rfc822\n--b--\n");
        CPPUNIT_ASSERT_EQUAL(std::size_t(2), structure.root.children.size());
        CPPUNIT_ASSERT_EQUAL(std::string("message/rfc822 2:1 (text/plain 0:0)"), shape(structure.root.children[0]));
        CPPUNIT_ASSERT_EQUAL(std::string("message/rfc822 0:0 (text/plain 0:0)"), shape(structure.root.children[1]));
    }

    void keepsBoundsOnParts() {
        std::string message = "Content-Type: multipart/mixed; boundary=b\n\n";
        for (int i = 0; i < 50; ++i) message += "--b\n\nx\n";
        StructureLimits limits;
        limits.parts = 11;
        const Structure structure = parseStructure(message, limits);
        CPPUNIT_ASSERT_EQUAL(std::size_t(10), structure.root.children.size());
        CPPUNIT_ASSERT_EQUAL(std::uint32_t(41 * 3 - 2), structure.root.children[9].bodyLines);
        CPPUNIT_ASSERT_EQUAL(std::uint64_t(message.size()), structure.storedOctets);
    }

    void keepsBoundsOnDepth() {
        std::string multiparts;
        std::string messages;
        for (int i = 0; i < 200; ++i) {
            multiparts +=
                "Content-Type: multipart/mixed; boundary=n" + std::to_string(i) + "\n\n--n" + std::to_string(i) + "\n";
            messages += "Content-Type: message/rfc822\n\n";
        }
        for (const std::string& message : {multiparts, messages}) {
            const Structure structure = parseStructure(message);
            const Part* part = &structure.root;
            int depth = 1;
            for (; !part->children.empty(); part = &part->children[0]) ++depth;
            CPPUNIT_ASSERT_EQUAL(100, depth);
            CPPUNIT_ASSERT_EQUAL(std::string("octet-stream"), part->subtype);
        }
    }

    void keepsBoundsOnHeaders() {
        StructureLimits limits;
        limits.headerOctets = 1000;
        const std::string message = "Subject: early\nX: " + std::string(2000, 'x') + "\nTo: late\n\nbody\n";
        Structure structure = parseStructure(message, limits);
        CPPUNIT_ASSERT(structure.root.envelope->present[EnvelopeFields::Subject]);
        CPPUNIT_ASSERT(!structure.root.envelope->present[EnvelopeFields::To]);
        CPPUNIT_ASSERT_EQUAL(std::string("body\n"), slice(message, structure.root.body));
        structure = parseStructure("Subject: " + std::string(5000, 's') + "\nTo: t\n\n", limits);
        CPPUNIT_ASSERT(structure.root.envelope->values[EnvelopeFields::Subject].size() <= 1000);
    }

    void firstContentFieldCountsLastEnvelopeFieldCounts() {
        const Structure structure = parseStructure(
            "From: a@x\nContent-Type: text/html\nSubject: 1\nContent-Type: text/plain\nSubject: 2\nFrom: b@x\n\n");
        CPPUNIT_ASSERT_EQUAL(std::string("html"), structure.root.subtype);
        CPPUNIT_ASSERT_EQUAL(std::string("2"), structure.root.envelope->values[EnvelopeFields::Subject]);
        CPPUNIT_ASSERT_EQUAL(std::string("a@x, b@x"), structure.root.envelope->values[EnvelopeFields::From]);
    }

    void readsContentFields() {
        const Structure structure = parseStructure(
            "content-type : TEXT/Html (c (d)) ;\n\tcharset (x) = \"a \\\"b\" ; format=flowed; =x; y; q=a=b/c\n"
            "Content-Transfer-Encoding: (c) BASE64 (d)\nContent-ID:  <i@x> \nContent-Description: a\n b\n"
            "Content-MD5: abc\nContent-Disposition: attachment; filename=\"un\nContent-Language: en, de (c) ,, fr\n"
            "Content-Location: http://x/\n\n");
        const Part& part = structure.root;
        CPPUNIT_ASSERT_EQUAL(std::string("TEXT"), part.type);
        CPPUNIT_ASSERT_EQUAL(std::string("Html"), part.subtype);
        const Parameters expected = {{"charset", "a \"b"}, {"format", "flowed"}, {"q", "a=b/c"}};
        CPPUNIT_ASSERT(expected == part.parameters);
        CPPUNIT_ASSERT_EQUAL(std::string("BASE64"), part.transferEncoding);
        CPPUNIT_ASSERT_EQUAL(std::string("<i@x>"), part.contentId);
        CPPUNIT_ASSERT_EQUAL(std::string("a b"), part.description);
        CPPUNIT_ASSERT_EQUAL(std::string("abc"), part.md5);
        CPPUNIT_ASSERT_EQUAL(std::string("attachment"), part.disposition);
        CPPUNIT_ASSERT((Parameters{{"filename", "un"}}) == part.dispositionParameters);
        CPPUNIT_ASSERT((std::vector<std::string>{"en", "de", "fr"}) == part.languages);
        CPPUNIT_ASSERT_EQUAL(std::string("http://x/"), part.location);
    }

    void damagedContentTypeIsPlainText() {
        for (const char* value : {"garbage", "/", "text/", "/plain", ";;", "", "\"text\"/\"plain\"", "text plain"}) {
            const Structure structure = parseStructure("Content-Type: " + std::string(value) + "\n\nx\n");
            CPPUNIT_ASSERT_EQUAL(std::string("text/plain 3:1"), shape(structure.root));
            CPPUNIT_ASSERT((Parameters{{"charset", "us-ascii"}}) == structure.root.parameters);
        }
    }

    void envelopeTellsEmptyFromAbsent() {
        const Structure structure = parseStructure("Subject:\nDate: a\n  b \n\n");
        const EnvelopeFields& envelope = *structure.root.envelope;
        CPPUNIT_ASSERT(envelope.present[EnvelopeFields::Subject]);
        CPPUNIT_ASSERT_EQUAL(std::string(), envelope.values[EnvelopeFields::Subject]);
        CPPUNIT_ASSERT(!envelope.present[EnvelopeFields::From]);
        CPPUNIT_ASSERT_EQUAL(std::string("a  b"), envelope.values[EnvelopeFields::Date]);
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(StructureTest);
