#include "maildir/message/TextSearch.h"

#include <cppunit/TestFixture.h>
#include <cppunit/extensions/HelperMacros.h>

#include <string>

#include "TemporaryMessage.h"
#include "maildir/message/Charset.h"
#include "maildir/message/TransferDecoder.h"

using namespace maildir;
using std::string_literals::operator""s;

namespace {

bool found(const std::string& content, const std::string& pattern, bool withHeaders = false) {
    const TemporaryMessage message(content);
    const MessageFile file = message.open();
    const SearchPattern prepared(pattern);
    return searchMessage(file, file.structure(), {&prepared}, withHeaders).at(0);
}

std::string decoded(const std::string& encoding, std::string_view text, std::size_t piece) {
    TransferDecoder decoder(encoding);
    std::string out;
    for (std::size_t at = 0; at < text.size(); at += piece)
        decoder.decode(text.substr(at, piece), out, at + piece >= text.size());
    return out;
}

void assertDecoded(const std::string& expected, const std::string& encoding, std::string_view text) {
    for (const std::size_t piece : {1u, 2u, 3u, 5u, 1000u})
        CPPUNIT_ASSERT_EQUAL(expected, decoded(encoding, text, piece));
}

}  // namespace

class TextSearchTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(TextSearchTest);
    CPPUNIT_TEST(ignoresCase);
    CPPUNIT_TEST(emptyPatternIsEverywhere);
    CPPUNIT_TEST(searchesHeaderValues);
    CPPUNIT_TEST(knowsCharsets);
    CPPUNIT_TEST(decodesBase64);
    CPPUNIT_TEST(decodesWhateverSaysBase64);
    CPPUNIT_TEST(decodesQuotedPrintable);
    CPPUNIT_TEST(charsetsDecodeInPieces);
    CPPUNIT_TEST(bodyAndHeaderAreApart);
    CPPUNIT_TEST(decodesBodies);
    CPPUNIT_TEST(searchesTextPartsOnly);
    CPPUNIT_TEST(searchesEnclosedHeaders);
    CPPUNIT_TEST(findsOverBlocks);
    CPPUNIT_TEST(findsInLongHeaders);
    CPPUNIT_TEST(answersEachPattern);
    CPPUNIT_TEST(findsEachLengthAcrossBlocks);
    CPPUNIT_TEST(partsAreApart);
    CPPUNIT_TEST(textHasTheHeadersOfParts);
    CPPUNIT_TEST(looksIntoFieldsAsTheyAreShown);
    CPPUNIT_TEST(findsLineEnds);
    CPPUNIT_TEST(findsInFoldedLines);
    CPPUNIT_TEST(findsOverBlanksOfFields);
    CPPUNIT_TEST(findsOverShifts);
    CPPUNIT_TEST(searchesReports);
    CPPUNIT_TEST_SUITE_END();

public:
    // Plain headers are looked through as a whole first; that must not find less.
    void looksIntoFieldsAsTheyAreShown() {
        const std::string message = "Subject:one\n two\nX-Other : three\n\nbody\n";
        for (const char* const text : {"one two", "SUBJECT: one", ": one", " one", "x-other: three", "three", "r: t"})
            CPPUNIT_ASSERT_MESSAGE(text, found(message, text, true));
        for (const char* const text : {"twox", "subject:one", "three body", "onetwo"})
            CPPUNIT_ASSERT_MESSAGE(text, !found(message, text, true));
        CPPUNIT_ASSERT(found("Subject: =?utf-8?Q?gr=C3=BCn?= one\n\n", "one", true));
        CPPUNIT_ASSERT(found("Subject: gr\xC3\xBCn\n\n", "GR\xC3\x9CN", true));
    }

    void findsLineEnds() {
        for (const char* const message : {"A: b\n\nfirst\nsecond\n", "A: b\r\n\r\nfirst\r\nsecond\r\n"}) {
            CPPUNIT_ASSERT(found(message, "first\r\nsecond"));
            CPPUNIT_ASSERT(!found(message, "first\nsecond"));
            CPPUNIT_ASSERT(!found(message, "firstsecond"));
        }
    }

    void findsInFoldedLines() {
        CPPUNIT_ASSERT(SearchPattern("B C").foundInFoldedLines("a\nb c\n"));
        CPPUNIT_ASSERT(!SearchPattern("a\nb").foundInFoldedLines("a\nb c\n"));
        CPPUNIT_ASSERT(SearchPattern("").foundInFoldedLines("\n"));
        CPPUNIT_ASSERT(!SearchPattern("").foundInFoldedLines(""));
    }

    void findsOverBlanksOfFields() {
        const SearchPattern name("John  Doe");
        for (const char* const value :
             {"John Doe", " John\r\n Doe", "John\n\t Doe", "John  \t  Doe", "John\xC2\xA0 Doe"}) {
            CPPUNIT_ASSERT_MESSAGE(value, name.foundInHeaderValue(value));
            CPPUNIT_ASSERT_MESSAGE(value, found("X-Name:"s + value + "\nSubject: \xC3\xA4\n\n", "john doe", true));
            CPPUNIT_ASSERT_MESSAGE(value, found("X-Name:"s + value + "\n\n", "john\tdoe", true));
        }
        CPPUNIT_ASSERT(!name.foundInHeaderValue("JohnDoe"));
        // In a body every blank counts.
        CPPUNIT_ASSERT(found("\nJohn  Doe\n", "john  doe"));
        CPPUNIT_ASSERT(!found("\nJohn  Doe\n", "john doe"));
    }

    // Stretches in another set that end and begin again without a character between are one text.
    void findsOverShifts() {
        const std::string jp = "Content-Type: text/plain; charset=iso-2022-jp\n\n";
        CPPUNIT_ASSERT(found(jp + "\x1B$BF|K\\\x1B(B\x1B$B8l\x1B(B\n", "日本語"));
        CPPUNIT_ASSERT(!found(jp + "\x1B$BF|K\\\x1B(B \x1B$B8l\x1B(B\n", "日本語"));
        CPPUNIT_ASSERT(found("Content-Type: text/plain; charset=hz-gb-2312\n\n~{VP~}~{ND~}\n", "中文"));
        CPPUNIT_ASSERT(
            found("Content-Type: text/plain; charset=iso-2022-kr\nContent-Transfer-Encoding: base64\n\n"
                  "GyQpQw5HUTE5Dw4+bg8=\n",
                  "한국어"));
    }

    void searchesReports() {
        for (const char* const type :
             {"message/delivery-status", "MESSAGE/disposition-notification", "message/feedback-report",
              "message/partial; id=x; number=2", "message/external-body; access-type=local-file",
              "message/global-headers", "message/global-delivery-status", "message/x-other"}) {
            const std::string part = "Content-Type: "s + type + "\n\nFinal-Recipient: rfc822; ann@example.org\n";
            CPPUNIT_ASSERT_MESSAGE(type, found(part, "ANN@example.org"));
            const std::string report =
                "Content-Type: multipart/report; boundary=b\n\n--b\n\nIt bounced.\n--b\n" + part + "\n--b--\n";
            CPPUNIT_ASSERT_MESSAGE(type, found(report, "ann@example.org"));
            CPPUNIT_ASSERT_MESSAGE(type, found(report, "ann@example.org", true));
        }
        CPPUNIT_ASSERT(
            found("Content-Type: message/global-headers\nContent-Transfer-Encoding: base64\n\n"
                  "U3ViamVjdDogZ3LDvMOfZQ==\n",
                  "GRÜSSE"));
    }

    void ignoresCase() {
        CPPUNIT_ASSERT(SearchPattern("hello").foundIn("say HELLO there"));
        CPPUNIT_ASSERT(SearchPattern("HELLO").foundIn("say hello there"));
        CPPUNIT_ASSERT(!SearchPattern("hello").foundIn("hell o"));
        CPPUNIT_ASSERT(SearchPattern("STRASSE").foundIn("die Straße"));
        CPPUNIT_ASSERT(SearchPattern("straße").foundIn("DIE STRASSE"));
        CPPUNIT_ASSERT(SearchPattern("ΣΊΣΥΦΟΣ").foundIn("σίσυφος"));
        CPPUNIT_ASSERT(SearchPattern("é").foundIn("E\xCC\x81"));
        CPPUNIT_ASSERT(!SearchPattern("é").foundIn("e"));
        // Plain stretches are folded apart from others: marks still meet their letters.
        for (std::size_t i = 0; i < 600; i += 7) {
            const std::string plain(i, 'X');
            CPPUNIT_ASSERT(SearchPattern("xé" + plain + "ß").foundIn(plain + "XE\xCC\x81" + plain + "SS" + plain));
        }
    }

    // One parser of the field serves them all.
    void decodesWhateverSaysBase64() {
        for (const char* const encoding :
             {"base64", "BASE64;", "base64 (comment)", "(c) base64 (d (e)) ;", "base64; x=y"}) {
            const std::string header = "Content-Type: text/plain\nContent-Transfer-Encoding: "s + encoding + "\n\n";
            CPPUNIT_ASSERT_MESSAGE(encoding, found(header + "SGVsbG8gd29ybGQ=\n", "hello world"));
        }
        for (const char* const encoding : {"\"base64\"", "base 64", "8bit base64"})
            CPPUNIT_ASSERT_MESSAGE(
                encoding, !found("Content-Transfer-Encoding: "s + encoding + "\n\nSGVsbG8gd29ybGQ=\n", "hello world"));
    }

    void emptyPatternIsEverywhere() {
        CPPUNIT_ASSERT(SearchPattern("").foundIn(""));
        CPPUNIT_ASSERT(found("", "", false));
    }

    void searchesHeaderValues() {
        CPPUNIT_ASSERT(
            SearchPattern("grüße an alle").foundInHeaderValue(" =?utf-8?Q?Gr=C3=BC=C3=9Fe?=\r\n an\n alle\r\n"));
        CPPUNIT_ASSERT(
            SearchPattern("größe").foundInHeaderValue("Gr\xF6\xDF"
                                                      "e"));
    }

    void knowsCharsets() {
        for (const char* name :
             {"utf-8", "US-ASCII", "ISO-8859-15", "koi8-r", "shift_jis", "gb2312", "utf-16", "UTF-7"}) {
            CPPUNIT_ASSERT_MESSAGE(name, isKnownCharset(name));
        }
        for (const std::string name : {"", "x-nothing", "../../etc/passwd", "utf-8\n"})
            CPPUNIT_ASSERT(!isKnownCharset(name));
        CPPUNIT_ASSERT(!isKnownCharset(std::string(100000, 'a')));
        CPPUNIT_ASSERT_EQUAL(std::string("ä€"), toUtf8("\xE4\xA4", "iso-8859-15").value());
        CPPUNIT_ASSERT_EQUAL(std::string("a\xEF\xBF\xBD"
                                         "b"),
                             toUtf8("a\xFF"
                                    "b",
                                    "utf-8")
                                 .value());
        CPPUNIT_ASSERT(!toUtf8("a", "x-nothing").has_value());
    }

    void decodesBase64() {
        assertDecoded("Hello world", "base64", "SGVs\r\nbG8gd29ybGQ=\r\n");
        assertDecoded("Hello world", "BASE64", "SGVsbG8*gd29\nybGQ=\n");
        assertDecoded("", "base64", "=\n");
        // The end is where the padding is (RFC 2045 6.8): neither a footer nor another text behind it is data.
        assertDecoded("Hello world", "base64", "SGVsbG8gd29ybGQ=\r\n____\r\nlist footer\r\n");
        assertDecoded("Hello worl", "base64", "SGVsbG8gd29ybA==IGFnYWlu\nA");
        assertDecoded("Hello worl", "base64", "SGVsbG8gd29ybA=\nfooter\n");
        // A '=' that fills up nothing is no padding.
        assertDecoded("Hello", "base64", "=SGVs=\r\nb=G8=\r\nab");
    }

    void decodesQuotedPrintable() {
        assertDecoded("a=b \xC3\xA4", "quoted-printable", "a=3Db =C3=a4");
        assertDecoded("soft line", "quoted-printable", "so=\r\nft=  \n line");
        assertDecoded("blank\r\nend", "Quoted-Printable", "blank \t \r\nend  ");
        assertDecoded("a=XXb=4", "quoted-printable", "a=XXb=4");
        assertDecoded("tail ", "quoted-printable", "tail =");
        assertDecoded("a =\rb", "quoted-printable", "a =\rb");
        const std::string blanks(3000, ' ');
        assertDecoded(blanks + "x", "quoted-printable", blanks + "x");
        assertDecoded("as = is", "7bit", "as = is");
    }

    void charsetsDecodeInPieces() {
        const struct {
            const char* charset;
            std::string octets;
        } texts[] = {{"utf-8", "ä日😀z"},
                     {"us-ascii", "\xE4 ä"},
                     {"utf-16", std::string("\xFF\xFE\xE4\x00\xE5\x65\x3D\xD8\x00\xDE", 10)},
                     {"iso-2022-jp", "\x1B$BF|K\\\x1B(Bx"}};
        for (const auto& text : texts) {
            for (const std::size_t piece : {1u, 2u, 3u}) {
                auto whole = CharsetDecoder::open(text.charset);
                auto pieces = CharsetDecoder::open(text.charset);
                std::string expected;
                std::string got;
                whole->decode(text.octets, expected, true);
                for (std::size_t at = 0; at < text.octets.size(); at += piece) {
                    pieces->decode(std::string_view(text.octets).substr(at, piece), got,
                                   at + piece >= text.octets.size());
                }
                CPPUNIT_ASSERT_EQUAL(expected, got);
            }
        }
        std::string emoji;
        CharsetDecoder::open("utf-16")->decode(texts[2].octets, emoji, true);
        CPPUNIT_ASSERT_EQUAL(std::string("ä日😀"), emoji);
    }

    void bodyAndHeaderAreApart() {
        const std::string message = "Subject: needle\n\nhaystack\n";
        CPPUNIT_ASSERT(!found(message, "needle"));
        CPPUNIT_ASSERT(found(message, "NEEDLE", true));
        CPPUNIT_ASSERT(found(message, "subject: needle", true));
        CPPUNIT_ASSERT(found(message, "haystack", true));
        CPPUNIT_ASSERT(found(message, "haystack"));
    }

    void decodesBodies() {
        CPPUNIT_ASSERT(
            found("Content-Type: text/plain; charset=iso-8859-1\nContent-Transfer-Encoding: quoted-printable\n\n"
                  "Gr=FC=\n=DFe\n",
                  "GRÜSSE"));
        CPPUNIT_ASSERT(found(
            "Content-Type: text/html; charset=utf-8\nContent-Transfer-Encoding: base64\n\nR3LDvMOfZQ==\n", "grüße"));
        CPPUNIT_ASSERT(found("\nlatin \xFC in ascii\n", "Ü in"));
        CPPUNIT_ASSERT(found("Content-Type: text/plain; charset=x-unknown\n\nplain\n", "plain"));
        CPPUNIT_ASSERT(found("\na\nb\n", "a\r\nb"));
    }

    void searchesTextPartsOnly() {
        CPPUNIT_ASSERT(!found("Content-Type: application/octet-stream\n\nneedle\n", "needle"));
        CPPUNIT_ASSERT(found(
            "Content-Type: multipart/mixed; boundary=b\n\n--b\n\nx\n--b\nContent-Type: text/csv\n\nneedle\n--b--\n",
            "needle"));
    }

    void searchesEnclosedHeaders() {
        const std::string message = "Content-Type: message/rfc822\n\nSubject: =?utf-8?Q?n=C3=A4dle?=\n\nx\n";
        CPPUNIT_ASSERT(found(message, "NÄDLE"));
        CPPUNIT_ASSERT(!found(message, "message/rfc822"));
    }

    void findsOverBlocks() {
        for (const std::string filler : {"x", "é", "x\n"}) {
            std::string body;
            while (body.size() < 64 * 1024 - 20) body += filler;
            for (std::size_t i = 0; i < 30; ++i) {
                CPPUNIT_ASSERT(found("\n" + body + std::string(i, 'y') + "Straße needle" + body, "STRASSE NEEDLE"));
            }
        }
    }

    void findsInLongHeaders() {
        std::string header;
        for (int i = 0; i < 5000; ++i)
            header += "X-" + std::to_string(i) + ": " + std::string(100, 'x') + "\n folded\n";
        header += "Y: nee\n dle\nZ: " + std::string(3 << 20, 'z') + " last\n\n";
        CPPUNIT_ASSERT(found(header, "nee dle", true));
        CPPUNIT_ASSERT(found(header, "z last", true));
        CPPUNIT_ASSERT(found(header, "x-4999: xxx", true));
        CPPUNIT_ASSERT(!found(header, "xx folded x", true));
    }

    void answersEachPattern() {
        const TemporaryMessage message("Subject: one\n\ntwo three\n");
        const MessageFile file = message.open();
        const SearchPattern one("one");
        const SearchPattern three("three");
        const SearchPattern four("four");
        const std::vector<bool> expected = {false, true, false, true};
        CPPUNIT_ASSERT(expected == searchMessage(file, file.structure(), {&one, &three, &four, &three}, false));
    }

    // A short text is found where blocks join, also beside one that is as long as a block.
    void findsEachLengthAcrossBlocks() {
        const std::string longest = std::string(70000, 'l') + "end";
        const SearchPattern shortOne("needle"), longOne(longest), single("#");
        for (const std::size_t before : {65530u, 65532u, 65535u, 65536u, 131070u}) {
            const std::string filler(before, '.');
            const TemporaryMessage message("Subject: s\n\n" + filler + "needle" + longest + "#\n");
            const MessageFile file = message.open();
            const Structure structure = file.structure();
            MessageSearch search(file, structure, {&shortOne, &longOne, &single}, false);
            std::size_t steps = 1;
            while (!search.step()) ++steps;
            CPPUNIT_ASSERT(steps > 2 && search.found() == std::vector<bool>({true, true, true}));
        }
    }

    void partsAreApart() {
        CPPUNIT_ASSERT(
            !found("Content-Type: multipart/mixed; boundary=b\n\n--b\n\nnee\n--b\n\ndle\n--b--\n", "needle"));
    }

    // SEARCH TEXT finds the name of an attachment, SEARCH BODY does not.
    void textHasTheHeadersOfParts() {
        const std::string message =
            "Content-Type: multipart/mixed; boundary=b\n\n--b\n"
            "Content-Type: application/pdf\nContent-Disposition: attachment; filename=offer.pdf\n\n%PDF\n--b--\n";
        CPPUNIT_ASSERT(found(message, "offer.pdf", true));
        CPPUNIT_ASSERT(!found(message, "offer.pdf", false));
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(TextSearchTest);
