// TransferEncoder: what is encoded, in any pieces, decodes to what it was, in lines that are short and safe.
#include "maildir/message/TransferEncoder.h"

#include <cppunit/TestFixture.h>
#include <cppunit/extensions/HelperMacros.h>

#include <algorithm>
#include <random>
#include <string>

#include "maildir/message/TransferDecoder.h"

using namespace maildir;
using namespace std::string_literals;

namespace {

template <class Encoder>
std::string encoded(std::string_view text, std::size_t piece) {
    Encoder encoder;
    std::string out;
    for (std::size_t at = 0; at < text.size(); at += piece) encoder.encode(text.substr(at, piece), out);
    encoder.finish(out);
    return out;
}

std::string mended(std::string_view text, std::size_t piece = 1000) {
    QuotedPrintableMender mender;
    std::string out;
    for (std::size_t at = 0; at < text.size(); at += piece) mender.mend(text.substr(at, piece), out);
    mender.finish(out);
    return out;
}

std::string decoded(std::string_view encoding, std::string_view text) {
    std::string out;
    TransferDecoder(encoding).decode(text, out, true);
    return out;
}

std::string octets(std::mt19937& random, std::string_view alphabet, std::size_t count) {
    std::string text;
    for (std::size_t i = 0; i < count; ++i) text += alphabet[random() % alphabet.size()];
    return text;
}

void requireSafe(const std::string& text) {
    std::size_t column = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto octet = static_cast<unsigned char>(text[i]);
        CPPUNIT_ASSERT(octet < 128 && octet != 0);
        CPPUNIT_ASSERT(octet != '\n' || (i > 0 && text[i - 1] == '\r'));
        CPPUNIT_ASSERT(column > 0 || octet != '-');
        column = octet == '\n' ? 0 : column + 1;
        CPPUNIT_ASSERT(column <= 78);  // with CRLF
    }
}

}  // namespace

class TransferEncoderTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(TransferEncoderTest);
    CPPUNIT_TEST(encodesBase64);
    CPPUNIT_TEST(encodesQuotedPrintable);
    CPPUNIT_TEST(breaksLongLinesSoftly);
    CPPUNIT_TEST(decodesToWhatItWas);
    CPPUNIT_TEST(mendsWhatIsForbidden);
    CPPUNIT_TEST(leavesWhatIsInOrder);
    CPPUNIT_TEST(mendingChangesNothingThatIsDecoded);
    CPPUNIT_TEST_SUITE_END();

public:
    void encodesBase64() {
        CPPUNIT_ASSERT_EQUAL(""s, encoded<Base64Encoder>("", 1));
        CPPUNIT_ASSERT_EQUAL("Zg=="s, encoded<Base64Encoder>("f", 1));
        CPPUNIT_ASSERT_EQUAL("Zm8="s, encoded<Base64Encoder>("fo", 1));
        CPPUNIT_ASSERT_EQUAL("Zm9v"s, encoded<Base64Encoder>("foo", 2));
        CPPUNIT_ASSERT_EQUAL(std::string(76, 'A') + "\r\nAAAA", encoded<Base64Encoder>(std::string(60, '\0'), 7));
    }

    void encodesQuotedPrintable() {
        CPPUNIT_ASSERT_EQUAL("a =3D b=20\r\nc=09\r\n=E9=0Dx\r\n\r\nend=20"s,
                             encoded<QuotedPrintableEncoder>("a = b \nc\t\r\n\xE9\rx\n\nend ", 3));
        CPPUNIT_ASSERT_EQUAL("=2D-boundary\r\na-b"s, encoded<QuotedPrintableEncoder>("--boundary\na-b", 100));
        CPPUNIT_ASSERT_EQUAL("=00=7F =20\r\n=0D"s, encoded<QuotedPrintableEncoder>("\0\x7F  \n\r"s, 1));
    }

    void breaksLongLinesSoftly() {
        CPPUNIT_ASSERT_EQUAL(std::string(75, 'x') + "=\r\nxx",
                             encoded<QuotedPrintableEncoder>(std::string(77, 'x'), 9));
        CPPUNIT_ASSERT_EQUAL(std::string(75, 'x') + "=\r\n=2D",
                             encoded<QuotedPrintableEncoder>(std::string(75, 'x') + "-", 9));
    }

    void decodesToWhatItWas() {
        std::mt19937 random(1);
        for (int round = 0; round < 2000; ++round) {
            const std::string raw = octets(random, "ab-= \t\xE9\xFF\0\x01~"s, random() % 300);
            const std::size_t piece = random() % 40 + 1;
            const std::string quoted = encoded<QuotedPrintableEncoder>(raw, piece);
            requireSafe(quoted);
            CPPUNIT_ASSERT_EQUAL(raw, decoded("quoted-printable", quoted));
            const std::string base64 = encoded<Base64Encoder>(raw, piece);
            requireSafe(base64);
            CPPUNIT_ASSERT_EQUAL(raw, decoded("base64", base64));
        }
        const std::string lines = "a\r\n \r\nb\xE9 \r\n\r\n-\r\n"s;
        CPPUNIT_ASSERT_EQUAL(lines, decoded("quoted-printable", encoded<QuotedPrintableEncoder>(lines, 1)));
    }

    void mendsWhatIsForbidden() {
        CPPUNIT_ASSERT_EQUAL("caf=E9 =3D=3D=E9=00\r\n"s, mended("caf\xE9 ==\xE9\0\n"s));
        CPPUNIT_ASSERT_EQUAL("=E9=E9=\r\nx"s, mended("=E9\xE9= \nx"));
    }

    void leavesWhatIsInOrder() {
        const std::string text = "caf=C3=A9 =\r\nsoft=3D\r\n trailing  \r\n"s;
        CPPUNIT_ASSERT_EQUAL(text, mended(text));
    }

    void mendingChangesNothingThatIsDecoded() {
        std::mt19937 random(2);
        for (int round = 0; round < 4000; ++round) {
            const std::string raw = octets(random, "=E9a- \t\xE9\0\r\n="s, random() % 300);
            std::string wire;
            for (std::size_t i = 0; i < raw.size(); ++i) {
                if (raw[i] == '\n' && (i == 0 || raw[i - 1] != '\r')) wire += '\r';
                wire += raw[i];
            }
            const std::string out = mended(raw, random() % 40 + 1);
            CPPUNIT_ASSERT(std::all_of(out.begin(), out.end(), [](char c) { return c > 0; }));
            CPPUNIT_ASSERT_EQUAL(decoded("quoted-printable", wire), decoded("quoted-printable", out));
        }
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(TransferEncoderTest);
