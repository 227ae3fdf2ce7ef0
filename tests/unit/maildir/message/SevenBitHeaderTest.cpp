// SevenBitHeader: 8-bit header text as encoded-words, of which a reader sees what it saw.
#include "maildir/message/SevenBitHeader.h"

#include <cppunit/TestFixture.h>
#include <cppunit/extensions/HelperMacros.h>

#include <algorithm>
#include <string>
#include <utility>

#include "maildir/message/Header.h"
#include "maildir/message/Structure.h"

using namespace maildir;
using namespace std::string_literals;

namespace {

std::string rendered(std::string_view raw, const std::string& charset = {}) {
    SevenBitHeader header({}, charset);
    std::string out;
    header.field(raw, out);
    CPPUNIT_ASSERT(std::all_of(out.begin(), out.end(), [](char c) { return c > 0; }));
    return out;
}

// As a reader shows the value.
std::string shown(std::string_view raw) {
    return decodeEncodedWords(unfold(headerFields(raw).at(0).value));
}

std::vector<Address> addressesOf(std::string_view raw) {
    return parseAddresses(unfold(headerFields(raw).at(0).value));
}

std::string names(std::string_view raw) {
    std::string text;
    for (const Address& address : addressesOf(raw)) {
        text += '[' + decodeEncodedWords(address.name.value_or("")) + "|" +
                decodeEncodedWords(address.mailbox.value_or("")) + "@" + address.host.value_or("") + ']';
    }
    return text;
}

}  // namespace

class SevenBitHeaderTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(SevenBitHeaderTest);
    CPPUNIT_TEST(leavesAsciiAsItIs);
    CPPUNIT_TEST(encodesWhatHasTo);
    CPPUNIT_TEST(readsOtherCharsets);
    CPPUNIT_TEST(keepsWhiteSpaceBetweenWords);
    CPPUNIT_TEST(joinsEncodedWordsThatAreThere);
    CPPUNIT_TEST(foldsLongText);
    CPPUNIT_TEST(encodesNamesOfAddresses);
    CPPUNIT_TEST(keepsAddressesThatCannotBeWritten);
    CPPUNIT_TEST(encodesComments);
    CPPUNIT_TEST(encodesParameters);
    CPPUNIT_TEST(splitsLongParameters);
    CPPUNIT_TEST(takesManyParameters);
    CPPUNIT_TEST(keepsDamagedFieldsDamaged);
    CPPUNIT_TEST(replacesTheTransferEncoding);
    CPPUNIT_TEST(addsTheTransferEncoding);
    CPPUNIT_TEST(renamesBoundaries);
    CPPUNIT_TEST_SUITE_END();

public:
    void leavesAsciiAsItIs() {
        CPPUNIT_ASSERT_EQUAL("Subject:a\r\n\tb  \r\n"s, rendered("Subject:a\n\tb  \n"));
        CPPUNIT_ASSERT_EQUAL("no field\r\n"s, rendered("no field\n"));
        CPPUNIT_ASSERT_EQUAL("To: <>,,;\"\r\n"s, rendered("To: <>,,;\"\r\n"));
        CPPUNIT_ASSERT_EQUAL("Subject: x"s, rendered("Subject: x"));
    }

    void encodesWhatHasTo() {
        CPPUNIT_ASSERT_EQUAL("Subject: a =?utf-8?B?w7wgw7Y=?= b\r\n"s, rendered("Subject: a ü ö b\n"));
        CPPUNIT_ASSERT_EQUAL("Subject: =?utf-8?B?w7w=?=\r\n"s, rendered("Subject:ü\n"));
        CPPUNIT_ASSERT_EQUAL("Subject: a =?utf-8?B?77+9?=\r\n"s, rendered("Subject: a \0\n"s));
        CPPUNIT_ASSERT_EQUAL("=?utf-8?B?R3LDvMOfZQ==?= x\r\n"s, rendered("Grüße x\n"));
        CPPUNIT_ASSERT_EQUAL("S??bject: =?utf-8?B?w7w=?=\r\n"s, rendered("Sübject: ü\n"));
    }

    void readsOtherCharsets() {
        CPPUNIT_ASSERT_EQUAL("caf\u00E9"s, shown(rendered("Subject: caf\xE9\n")));
        CPPUNIT_ASSERT_EQUAL("\u20AC"s, shown(rendered("Subject: \x80\n", "no-such-charset")));
        CPPUNIT_ASSERT_EQUAL("\u0439"s, shown(rendered("Subject: \xCA\n", "koi8-r")));
        CPPUNIT_ASSERT_EQUAL("\u4F60\u597D"s, shown(rendered("Subject: \xC4\xE3\xBA\xC3\n", "gb2312")));
        // UTF-8 is UTF-8 whatever the body is in; what the charset does not have is not lost.
        CPPUNIT_ASSERT_EQUAL("\u00FC"s, shown(rendered("Subject: \u00FC\n", "koi8-r")));
        CPPUNIT_ASSERT_EQUAL("\u00FF\u00FF"s, shown(rendered("Subject: \xFF\xFF\n", "gb2312")));
        CPPUNIT_ASSERT(!mayBeOfHeaderText("utf-16") && !mayBeOfHeaderText("us-ascii") && mayBeOfHeaderText("koi8-r"));
    }

    void keepsWhiteSpaceBetweenWords() {
        for (const std::string text : {"ü  ö", "a ü b ö c", "ü\ta", "x\t\tü ö  ä y", "=? ü ?= ü"}) {
            CPPUNIT_ASSERT_EQUAL(text, shown(rendered("X: " + text + "\n")));
        }
    }

    void joinsEncodedWordsThatAreThere() {
        for (const std::string text : {"=?iso-8859-1?Q?caf=E9?= ü", "ü =?iso-8859-1?Q?=E9?= ü",
                                       "ü =?utf-8?Q?a?= =?utf-8?Q?b?= c", "=?iso-8859-1?Q?=E9?=ü"}) {
            CPPUNIT_ASSERT_EQUAL(decodeEncodedWords(text), shown(rendered("X: " + text + "\n")));
        }
    }

    void foldsLongText() {
        std::string text;
        for (int i = 0; i < 60; ++i) text += i % 3 == 0 ? "word " : "größer ";
        text += "日本語日本語日本語日本語日本語日本語日本語日本語日本語日本語日本語日本語日本語";
        const std::string out = rendered("Subject: " + text + "\n");
        CPPUNIT_ASSERT_EQUAL(text, shown(out));
        std::size_t start = 0;
        for (std::size_t end = out.find("\r\n"); end != std::string::npos; end = out.find("\r\n", start)) {
            CPPUNIT_ASSERT(end - start <= 76 && end > start);
            start = end + 2;
        }
        CPPUNIT_ASSERT_EQUAL(out.size(), start);
    }

    void encodesNamesOfAddresses() {
        CPPUNIT_ASSERT_EQUAL("From: =?utf-8?B?SsO8cmcgTcO8bGxlcg==?= <j@x.org>\r\n"s,
                             rendered("From: Jürg Müller <j@x.org>\n"));
        CPPUNIT_ASSERT_EQUAL("To: =?utf-8?B?TcO8bGxlciwgSA==?= <h@x>, plain <p@x>\r\n"s,
                             rendered("To: \"Müller, H\" <h@x>, plain <p@x>\n"));
        for (const std::string text : {
                 "To: \"M\xFCller \\\"x\\\"\" <\"a b\"@x>, b@c (B\xFCro)\n",
                 "Cc: Gr\xFCppe: a@b, \xFC <c@d>;, e@f\n",
                 "Reply-To: =?utf-8?Q?=C3=BC?= \xFC <c@d>\n",
                 "Resent-To: (\xFC) a@b\n",
             }) {
            CPPUNIT_ASSERT_EQUAL(names(text), names(rendered(text)));
        }
    }

    void keepsAddressesThatCannotBeWritten() {
        CPPUNIT_ASSERT_EQUAL("[jörg@exämple.org|invalid@internationalized-address.invalid]"s,
                             names(rendered("From: jörg@exämple.org\n")));
        CPPUNIT_ASSERT_EQUAL("[Jörg <jörg@x.org>|invalid@internationalized-address.invalid][|b@c]"s,
                             names(rendered("From: Jörg <jörg@x.org>, b@c\n")));
        CPPUNIT_ASSERT_EQUAL("[ü|invalid@internationalized-address.invalid]"s, names(rendered("From: <ü\n")));
    }

    void encodesComments() {
        CPPUNIT_ASSERT_EQUAL("Date: 1 Jan 2019 10:00 +0100 (=?utf-8?B?TWl0dGVsZXVyb3DDpGlzY2hlIFplaXQ=?=)\r\n"s,
                             rendered("Date: 1 Jan 2019 10:00 +0100 (Mitteleurop\xE4ische Zeit)\n"));
        CPPUNIT_ASSERT_EQUAL("Received: from x (=?utf-8?B?w7w=?=\r\n"s.substr(0, 32),
                             rendered("Received: from x (ü\n").substr(0, 32));
    }

    void encodesParameters() {
        CPPUNIT_ASSERT_EQUAL("Content-Disposition: attachment; filename*=utf-8''%C3%BC%20%27.txt; size=3\r\n"s,
                             rendered("Content-Disposition: attachment;\n filename=\"ü '.txt\"; size=3\n"));
        CPPUNIT_ASSERT_EQUAL("Content-Type: text/plain; charset=\"a b\"; name*=utf-8''caf%C3%A9\r\n"s,
                             rendered("Content-Type: text/plain; charset=\"a b\"; name=caf\xE9\n"));
        // Encoded-words where they do not belong, pieces, percent-encoding with raw octets in it.
        CPPUNIT_ASSERT_EQUAL("Content-Type: a/b; name*=utf-8''%C3%BC%C3%BC\r\n"s,
                             rendered("Content-Type: a/b; name=\"=?utf-8?Q?=C3=BC?=ü\"\n"));
        CPPUNIT_ASSERT_EQUAL("Content-Type: a/b; name*=utf-8''ab%C3%BC; x=y\r\n"s,
                             rendered("Content-Type: a/b; name*0=ab; x=y; name*1=ü\n"));
        CPPUNIT_ASSERT_EQUAL("Content-Type: a/b; name*=iso-8859-1''%FC%FC\r\n"s,
                             rendered("Content-Type: a/b; name=x\xFC; name*=iso-8859-1''%FC\xFC\n"));
        CPPUNIT_ASSERT_EQUAL("Content-Type: t_xt/pl__in; n_me=x\r\n"s,
                             rendered("Content-Type: t\xE4xt/plüin; n\xE4me=x\n"));
    }

    void splitsLongParameters() {
        std::string name;
        for (int i = 0; i < 500; ++i) name += "aü";
        const std::string out = rendered("Content-Disposition: attachment; filename=\"" + name + "\"\n");
        CPPUNIT_ASSERT(out.find("filename*0*=utf-8''a%C3%BC") != std::string::npos);
        for (std::size_t start = 0; start < out.size(); start = out.find("\r\n", start) + 2) {
            CPPUNIT_ASSERT(out.find("\r\n", start) - start < 998);
        }
        Parameters parameters;
        const std::string flat = unfold(headerFields(out).at(0).value);
        for (std::size_t at = flat.find("filename"); at != std::string::npos; at = flat.find("filename", at + 1)) {
            const std::string one = flat.substr(at, flat.find(';', at) - at);
            parameters.emplace_back(one.substr(0, one.find('=')), one.substr(one.find('=') + 1));
        }
        CPPUNIT_ASSERT_EQUAL(name, decodedParameter(parameters, "filename").value_or("none"));
    }

    void takesManyParameters() {
        std::string field = "Content-Type: a/b";
        for (int i = 0; i < 20000; ++i) field += ";p" + std::to_string(i) + "=\xFC";
        CPPUNIT_ASSERT(rendered(field + "\n").find("p19999*=utf-8''%C3%BC") != std::string::npos);
    }

    void keepsDamagedFieldsDamaged() {
        CPPUNIT_ASSERT_EQUAL("Content-Type: ?\r\n"s, rendered("Content-Type: \xE9\n"));
        CPPUNIT_ASSERT_EQUAL("Content-Transfer-Encoding: 8bit?\r\n"s,
                             rendered("Content-Transfer-Encoding: 8bit\xA0\n"));
        // A line that is no field stays none when it is folded anew.
        const std::string out = rendered("Subject\n : \xE9 x\n");
        CPPUNIT_ASSERT(headerFields(out).at(0).name.empty());
        CPPUNIT_ASSERT_EQUAL(std::size_t(1), headerFields(out).size());
    }

    void replacesTheTransferEncoding() {
        SevenBitHeader header({"base64", true, true, {}, {}}, {});
        std::string out;
        for (const auto field :
             {"Content-Transfer-Encoding :\n 8bit\n", "MIME-version: 1.0\n", "content-transfer-encoding: binary\n"}) {
            header.field(field, out);
        }
        header.finish(out);
        CPPUNIT_ASSERT_EQUAL("Content-Transfer-Encoding: base64\r\nMIME-version: 1.0\r\n"s, out);
    }

    void addsTheTransferEncoding() {
        SevenBitHeader message({"base64", true, true, {}, {}}, {});
        SevenBitHeader part({"base64", true, false, {}, {}}, {});
        SevenBitHeader composite({"7bit", false, true, {}, {}}, {});
        std::string out;
        message.finish(out);
        CPPUNIT_ASSERT_EQUAL("MIME-Version: 1.0\r\nContent-Transfer-Encoding: base64\r\n"s, std::exchange(out, {}));
        part.finish(out);
        CPPUNIT_ASSERT_EQUAL("Content-Transfer-Encoding: base64\r\n"s, std::exchange(out, {}));
        composite.finish(out);
        CPPUNIT_ASSERT_EQUAL(""s, out);
    }

    void renamesBoundaries() {
        SevenBitHeader header({{}, false, true, {}, "=_x="}, {});
        std::string out;
        header.field("Content-Type: multipart/mixed; boundary*0=a; charset=x; boundary*1=b\n", out);
        header.field("Content-Type: multipart/mixed; boundary=second\n", out);
        CPPUNIT_ASSERT_EQUAL(
            "Content-Type: multipart/mixed; charset=x; boundary=\"=_x=\"\r\nContent-Type: multipart/mixed; boundary=second\r\n"s,
            out);
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(SevenBitHeaderTest);
