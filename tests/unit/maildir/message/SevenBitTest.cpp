// SevenBit: any message has a rendering without 8-bit octets, with the same parts and the same decoded content.
#include "maildir/message/SevenBit.h"

#include <cppunit/TestFixture.h>
#include <cppunit/extensions/HelperMacros.h>

#include <algorithm>
#include <string>

#include "RenderedText.h"

using namespace maildir;
using namespace std::string_literals;

namespace {

std::string crlf(std::string_view text) {
    return toWire(text);
}

// Renders, and checks what holds for every rendering.
RenderedText checked(const std::string& stored, StructureLimits limits = {}) {
    RenderedText rendered(stored, limits);
    CPPUNIT_ASSERT(std::all_of(rendered.text.begin(), rendered.text.end(), [](char c) { return c > 0; }));
    CPPUNIT_ASSERT_EQUAL(std::uint64_t(rendered.text.size()), rendered.structure.wireOctets);
    CPPUNIT_ASSERT(rendered.structure.lineEndings == LineEndings::AllCrLf);
    CPPUNIT_ASSERT(!needsSevenBit(rendered.structure));
    CPPUNIT_ASSERT_EQUAL(rendered.text, RenderedText(rendered.text, limits).text);
    return rendered;
}

}  // namespace

class SevenBitTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(SevenBitTest);
    CPPUNIT_TEST(leavesSevenBitMessagesAsSent);
    CPPUNIT_TEST(encodesTextAsQuotedPrintable);
    CPPUNIT_TEST(isTheSameOfLfAndCrlf);
    CPPUNIT_TEST(encodesOtherContentAsBase64);
    CPPUNIT_TEST(encodesTextWithNulsAsBase64);
    CPPUNIT_TEST(correctsLies);
    CPPUNIT_TEST(leavesPartsThatAreInOrder);
    CPPUNIT_TEST(mendsEncodedParts);
    CPPUNIT_TEST(encodesOnlyLeaves);
    CPPUNIT_TEST(rendersEnclosedMessages);
    CPPUNIT_TEST(rendersDeliveryStatusAsFields);
    CPPUNIT_TEST(quotesPreambleAndEpilogue);
    CPPUNIT_TEST(keepsMultipartsWithoutParts);
    CPPUNIT_TEST(keepsEncodedTextFromLookingLikeABoundary);
    CPPUNIT_TEST(renamesBoundariesWith8Bit);
    CPPUNIT_TEST(renamesBoundariesThatWouldCome);
    CPPUNIT_TEST(readsHeadersInTheCharsetOfTheText);
    CPPUNIT_TEST(takesLongLinesAndFields);
    CPPUNIT_TEST(takesWhatIsTooDeep);
    CPPUNIT_TEST(takesEmptyMessages);
    CPPUNIT_TEST(writesWhatItTells);
    CPPUNIT_TEST_SUITE_END();

public:
    void leavesSevenBitMessagesAsSent() {
        const std::string stored = "Subject: x\nContent-Transfer-Encoding: 8bit\n\nbody\r\nmore\rx\n";
        CPPUNIT_ASSERT(!needsSevenBit(parseStructure(stored)));
        CPPUNIT_ASSERT_EQUAL(crlf(stored), checked(stored).text);
    }

    void encodesTextAsQuotedPrintable() {
        CPPUNIT_ASSERT_EQUAL(
            crlf("Subject: x\nMIME-Version: 1.0\nContent-Transfer-Encoding: quoted-printable\n\n=C3=BC =3D\n=2D-x\n"),
            checked("Subject: x\n\nü =\n--x\n").text);
        CPPUNIT_ASSERT_EQUAL(
            crlf("MIME-Version: 1.0\nContent-Type: text/html; charset=utf-8\nContent-Transfer-Encoding: "
                 "quoted-printable\nX: y\n\n=C3=BC"),
            checked("MIME-Version: 1.0\nContent-Type: text/html; charset=utf-8\nContent-Transfer-Encoding: 8bit\nX: "
                    "y\n\nü")
                .text);
    }

    void isTheSameOfLfAndCrlf() {
        const std::string stored =
            "Content-Type: multipart/mixed; boundary=b\n\npre é\n--b\nX: é\n\né\n\n--b\nContent-Type: "
            "application/x\n\n\xFF\n\x01\n--b--\n\xE9\n";
        CPPUNIT_ASSERT_EQUAL(checked(stored).text, checked(crlf(stored)).text);
    }

    void encodesOtherContentAsBase64() {
        const RenderedText rendered =
            checked("Content-Type: image/png\nContent-Transfer-Encoding: binary\n\n\x89PNG\n\0\xFF"s);
        CPPUNIT_ASSERT_EQUAL("base64"s, rendered.structure.root.transferEncoding);
        CPPUNIT_ASSERT_EQUAL("\x89PNG\r\n\0\xFF"s, rendered.decoded(rendered.structure.root));
        CPPUNIT_ASSERT(rendered.text.ends_with("\r\n"));
    }

    void encodesTextWithNulsAsBase64() {
        for (const std::string& body : {"a\0b\xE9\n"s, "\xFF\xFE\x41\0\n\0"s}) {
            const RenderedText rendered = checked("Content-Type: text/plain; charset=utf-16\n\n" + body);
            CPPUNIT_ASSERT_EQUAL("base64"s, rendered.structure.root.transferEncoding);
            CPPUNIT_ASSERT_EQUAL(crlf(body), rendered.decoded(rendered.structure.root));
        }
        CPPUNIT_ASSERT_EQUAL("base64"s, checked("X: y\n\n\0"s).structure.root.transferEncoding);
    }

    void correctsLies() {
        for (const std::string encoding : {"7bit", "8bit", "BINARY", "8-bit", "x-unknown", "\xE9", ""}) {
            const RenderedText rendered = checked("Content-Transfer-Encoding: " + encoding + "\n\nü\n");
            CPPUNIT_ASSERT_EQUAL("quoted-printable"s, rendered.structure.root.transferEncoding);
            CPPUNIT_ASSERT_EQUAL("ü\r\n"s, rendered.decoded(rendered.structure.root));
        }
    }

    void leavesPartsThatAreInOrder() {
        const std::string plain = "Content-Transfer-Encoding: 8bit\n\nplain \n";
        const RenderedText rendered =
            checked("Content-Type: multipart/mixed; boundary=b\n\n--b\n" + plain + "--b\n\nü\n--b--\n");
        const Part& first = rendered.structure.root.children.at(0);
        CPPUNIT_ASSERT_EQUAL("8bit"s, first.transferEncoding);
        CPPUNIT_ASSERT_EQUAL("plain "s, rendered.slice(first.body));
    }

    void mendsEncodedParts() {
        RenderedText rendered = checked(
            "Content-Transfer-Encoding: base64\n\nQUJ\xE9"
            "D\nREVG\0=\n"s);
        CPPUNIT_ASSERT_EQUAL("ABCDEF"s, rendered.decoded(rendered.structure.root));
        rendered = checked("Content-Transfer-Encoding: quoted-printable\n\n=C3=BC\xC3\xBC=\nx= y\n");
        CPPUNIT_ASSERT_EQUAL("üüx= y\r\n"s, rendered.decoded(rendered.structure.root));
    }

    // RFC 2045 6.4
    void encodesOnlyLeaves() {
        const RenderedText rendered = checked(
            "Content-Type: multipart/mixed; boundary=b\nContent-Transfer-Encoding: 8bit\n\n--b\nContent-Type: "
            "message/rfc822\nContent-Transfer-Encoding: binary\n\nSubject: x\n\nü\n--b--\n");
        const Part& root = rendered.structure.root;
        const Part& message = root.children.at(0);
        const Part& leaf = message.children.at(0);
        CPPUNIT_ASSERT_EQUAL("7bit"s, root.transferEncoding);
        CPPUNIT_ASSERT_EQUAL("7bit"s, message.transferEncoding);
        CPPUNIT_ASSERT_EQUAL("quoted-printable"s, leaf.transferEncoding);
        CPPUNIT_ASSERT_EQUAL("ü"s, rendered.decoded(leaf));
    }

    void rendersEnclosedMessages() {
        const RenderedText rendered = checked(
            "Content-Type: message/rfc822\n\nSubject: \xFC\nContent-Type: multipart/digest; boundary=b\n\n--b\n\nFrom: "
            "\xFC <a@b>\n\n\xFC\n--b--\n");
        const Part& inner = rendered.structure.root.children.at(0);
        CPPUNIT_ASSERT_EQUAL("=?utf-8?B?w7w=?="s, inner.envelope->values[EnvelopeFields::Subject]);
        const Part& digested = inner.children.at(0).children.at(0);
        CPPUNIT_ASSERT_EQUAL("=?utf-8?B?w7w=?= <a@b>"s, digested.envelope->values[EnvelopeFields::From]);
        CPPUNIT_ASSERT_EQUAL("\xFC"s, rendered.decoded(digested));
    }

    void rendersDeliveryStatusAsFields() {
        const RenderedText rendered = checked(
            "Content-Type: message/delivery-status\nContent-Transfer-Encoding: 8bit\n\nA: b\n\nDiagnostic-Code: smtp; "
            "f\xFCr\n");
        CPPUNIT_ASSERT_EQUAL("7bit"s, rendered.structure.root.transferEncoding);
        CPPUNIT_ASSERT_EQUAL("A: b\r\n\r\nDiagnostic-Code: smtp; =?utf-8?B?ZsO8cg==?=\r\n"s,
                             rendered.slice(rendered.structure.root.body));
    }

    void quotesPreambleAndEpilogue() {
        CPPUNIT_ASSERT_EQUAL(crlf("Content-Type: multipart/mixed; boundary=b\n\nf=C3=BCr\n--b\n\nx\n--b--\nv=C3=BCr\n"),
                             checked("Content-Type: multipart/mixed; boundary=b\n\nfür\n--b\n\nx\n--b--\nvür\n").text);
    }

    void keepsMultipartsWithoutParts() {
        CPPUNIT_ASSERT_EQUAL(crlf("Content-Type: multipart/mixed; boundary=b\n\n=FC\n"),
                             checked("Content-Type: multipart/mixed; boundary=b\n\n\xFC\n").text);
        CPPUNIT_ASSERT(checked("Content-Type: multipart/mixed\n\n--\n\n\xFC\n").structure.root.isMultipart());
        CPPUNIT_ASSERT(
            checked("Content-Type: multipart/mixed; boundary=\xFC\n\n--\xFC--\n").structure.root.children.empty());
    }

    void keepsEncodedTextFromLookingLikeABoundary() {
        const std::string text = std::string(75, 'x') + "--b\xFC";
        const RenderedText rendered =
            checked("Content-Type: multipart/mixed; boundary=b\n\n--b\n\n" + text + "\n--b--\n");
        CPPUNIT_ASSERT_EQUAL(std::size_t(1), rendered.structure.root.children.size());
        CPPUNIT_ASSERT_EQUAL(text, rendered.decoded(rendered.structure.root.children[0]));
    }

    void renamesBoundariesWith8Bit() {
        const RenderedText rendered = checked(
            "Content-Type: multipart/mixed; boundary=\"b\xFC\"\n\npre\n--b\xFC\n\nleaf\n--b\xFC\nContent-Type: "
            "multipart/mixed; boundary=b\n\n--b\n\ninner\n--b\xFC-- junk\nepilogue\n");
        const Part& root = rendered.structure.root;
        CPPUNIT_ASSERT_EQUAL(std::size_t(2), root.children.size());
        CPPUNIT_ASSERT_EQUAL("leaf"s, rendered.slice(root.children[0].body));
        CPPUNIT_ASSERT_EQUAL("inner"s, rendered.slice(root.children[1].children.at(0).body));
        CPPUNIT_ASSERT(rendered.text.ends_with("--=_7bit-aa-1=--\r\nepilogue\r\n"));
        // A name that is taken is not used.
        const RenderedText other =
            checked("X: =_7bit-aa\nContent-Type: multipart/mixed; boundary=\xFC\n\n--\xFC\n\n--=_7bit-ab-1=\n--\xFC");
        CPPUNIT_ASSERT(other.text.ends_with("--=_7bit-ac-1="));
        CPPUNIT_ASSERT_EQUAL(std::size_t(1), other.structure.root.children.size());
    }

    void renamesBoundariesThatWouldCome() {
        const RenderedText rendered =
            checked("Content-Type: multipart/mixed; boundary=\"=FC\"\n\n--\xFC\n--=FC\n\nx\n--=FC--\n");
        CPPUNIT_ASSERT_EQUAL(2, rendered.timesBegun);
        CPPUNIT_ASSERT_EQUAL(std::size_t(1), rendered.structure.root.children.size());
        CPPUNIT_ASSERT_EQUAL("x"s, rendered.slice(rendered.structure.root.children[0].body));
    }

    void readsHeadersInTheCharsetOfTheText() {
        const RenderedText rendered = checked(
            "Subject: \xCA\nContent-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: image/png; "
            "name=\xCA\n\n--b\nContent-Type: text/plain; charset=koi8-r\n\n\xCA\n--b--\n");
        CPPUNIT_ASSERT_EQUAL("=?utf-8?B?0Lk=?="s, rendered.structure.root.envelope->values[EnvelopeFields::Subject]);
        CPPUNIT_ASSERT_EQUAL("utf-8''%D0%B9"s, rendered.structure.root.children.at(0).parameters.at(0).second);
    }

    void takesLongLinesAndFields() {
        const std::string lineOf8Bit(3 << 20, '\xE9');
        RenderedText rendered = checked("X: y\n\n" + lineOf8Bit);
        CPPUNIT_ASSERT(rendered.decoded(rendered.structure.root) == lineOf8Bit);
        // Such a field is no use to anybody, but nothing after it is lost.
        rendered = checked("X: " + lineOf8Bit + "\n " + lineOf8Bit + "\nSubject: ü\n\nx\n");
        CPPUNIT_ASSERT_EQUAL("=?utf-8?B?w7w=?="s, rendered.structure.root.envelope->values[EnvelopeFields::Subject]);
        CPPUNIT_ASSERT_EQUAL("x\r\n"s, rendered.slice(rendered.structure.root.body));
    }

    void takesWhatIsTooDeep() {
        std::string stored;
        for (int i = 0; i < 5; ++i) stored += "Content-Type: message/rfc822\n\n";
        stored += "Content-Type: multipart/mixed; boundary=b\n\n--b\n\n\xFC\n--b--\n";
        const RenderedText rendered = checked(stored, StructureLimits{10u << 20, 100, 4});
        const Part& leaf = rendered.structure.root.children.at(0).children.at(0).children.at(0);
        CPPUNIT_ASSERT_EQUAL("octet-stream"s, leaf.subtype);
        CPPUNIT_ASSERT_EQUAL("base64"s, leaf.transferEncoding);
        CPPUNIT_ASSERT(rendered.decoded(leaf).find("\xFC") != std::string::npos);
        CPPUNIT_ASSERT(rendered.slice(leaf.header).find("application/octet-stream") != std::string::npos);
    }

    void takesEmptyMessages() {
        CPPUNIT_ASSERT_EQUAL(""s, checked("").text);
        CPPUNIT_ASSERT_EQUAL("\r\n"s, checked("\n").text);
        CPPUNIT_ASSERT_EQUAL("=?utf-8?B?w7w=?="s, checked("ü").text);
        CPPUNIT_ASSERT_EQUAL("Subject: =?utf-8?B?w7w=?="s, checked("Subject: ü").text);
    }

    void writesWhatItTells() {
        for (const std::size_t octets : {10u, 100u * 1024, 1000u * 1024}) {
            const TemporaryMessage message("Subject: ü\n\n" + std::string(octets, '\xFC'));
            const Structure stored = message.open().structure();
            const auto rendered = renderedSevenBit(message.open(), stored, "/no/such/folder");
            CPPUNIT_ASSERT_EQUAL(structureOfSevenBit(message.open(), stored).wireOctets,
                                 rendered->structure().wireOctets);
            CPPUNIT_ASSERT_EQUAL(rendered->structure().storedOctets, rendered->open().storedOctets());
            const MessageFile file = rendered->open();
            std::string text(static_cast<std::size_t>(file.storedOctets()), '\0');
            file.readStored(0, text);
            CPPUNIT_ASSERT(std::all_of(text.begin(), text.end(), [](char c) { return c > 0; }));
        }
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(SevenBitTest);
