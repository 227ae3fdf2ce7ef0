// Password schemes, with hashes that other programs (doveadm pw, libcrypt) made of one password.
#include <cppunit/extensions/HelperMacros.h>

#include "plugins/common/Encodings.h"
#include "plugins/common/PasswordHash.h"

namespace {

using maildock::common::HashError;
using maildock::common::PasswordHash;

constexpr char password[] = "pass w\xC3\xB6rd";

const char* const hashes[] = {
    R"({PLAIN}pass wörd)",
    R"({CLEARTEXT}pass wörd)",
    R"({PLAIN.B64}cGFzcyB3w7ZyZA==)",
    R"({SHA}B/PcQHeAKywePq/ztWiCWf9lImE=)",
    R"({SHA1}B/PcQHeAKywePq/ztWiCWf9lImE=)",
    R"({SSHA}0617kmWvcch6culrL4tUueAmmqSLb6Qk)",
    R"({SHA256}OiJnkCVYiolCxym6OY5vSw4KcK5/4byVl4xwY92nKW4=)",
    R"({SSHA256}CvhjfpFjWfAUzyHh16q3wSIS7y4vPA4dE/W+KXEM5L2Kbuxs)",
    R"({SHA512}zNC2/6f2hn0TF9T9rZD547wrjHSb4QzAd6Ka2pPoW8SpdvPx3wCEucqGdC89XUEQapM6HFqXiGHAibw6tmkzKg==)",
    R"({SSHA512}XHBYetbrpdmDxbqZXGsoU2TYw9scrgXF8nJDgREXEbZx4VAOQOd6zmdPl0x9E8f2w9Z0GrMhoJcK8wu49jAGX0Sdajc=)",
    R"({SMD5}+RxHSS0b2z6GNPLltIQ59pwWCtk=)",
    R"({MD5}$1$56PThHtB$yH5sTwhMsiPKAEvvafKtr1)",
    R"({LDAP-MD5}UE0pZHdw/EbgVLgQ1HJWVw==)",
    R"({PLAIN-MD5}504d29647770fc46e054b810d4725657)",
    R"({MD5-CRYPT}$1$A4MWmUt2$8R2ZgePb5I0tYlo.2KkjM1)",
    R"({SHA256-CRYPT}$5$./BUpRsN64b1XYbk$mUoskVbqsyU7g9BD4.A5P75oZMwN2UJir1EgrlcO1/C)",
    R"({SHA512-CRYPT}$6$JgO552u3n8Xb1MB8$DLkkdcs8.ayxByoGFbweJrkdFVL5Q7ncLqiVL/.2NX0NLrRjIlfZuTF3TNMMX56aW7oRf/bCBXcFxDX2syqwo1)",
    R"({BLF-CRYPT}$2y$05$Ijn72ao6k8ggmqnxndSwg.8KqGva8tr/BYy9Z2aqakvcGXyeTOoLG)",
    R"({CRYPT}$2y$05$ojIlPueg0f.lHri.ZJz3cOcWhH/unIQG8tz8NURv97iRJPti3wJrq)",
    R"({DES-CRYPT}EWd9W0mCAInBg)",
    R"({PBKDF2}$1$Pnpf7qON2Ets.PHD$5000$c8811444032bbaee94fd4a8f8c5f64f02772906a)",
    R"({SCRAM-SHA-1}4096,+0DmNzB4Eg5JyiuYMsBl5w==,fCABWacJPFSi+M0LrGxaM91jV4E=,XqvxFzE6rkBatLZg+h5B3LZIUGM=)",
    R"({SCRAM-SHA-256}4096,qXUyWnAGe1NSED9kbGRplg==,cgv/poMUxdJYbG+sziHgGytgtPL65/Bd1jl0RRODcqY=,A7wEqUgk2nzK04foh4o6Nf5hT/4Gh1K1UOnT1eAP6X8=)",
    R"({SHA256.HEX}3a22679025588a8942c729ba398e6f4b0e0a70ae7fe1bc95978c7063dda7296e)",
    R"({SSHA.HEX}d94043fe454b132509551223e5bb7f3bf7202a2fa128f28a)",
    R"({SHA512.B64}zNC2/6f2hn0TF9T9rZD547wrjHSb4QzAd6Ka2pPoW8SpdvPx3wCEucqGdC89XUEQapM6HFqXiGHAibw6tmkzKg==)",
    R"({ARGON2I}$argon2i$v=19$m=32768,t=4,p=1$WNj6IGW64a31yv/BnlyCSg$suCGtN7K4T/23Y3JE7gSywm5sEClFQ0tFOqIwaLASqg)",
    R"({ARGON2ID}$argon2id$v=19$m=65536,t=3,p=1$W508Gai8pJOxRteUtTQqGw$J0eIPZrBDpQeBZdqoI6q3ERqU849lrrcie/4eQaDy20)",
    R"({YESCRYPT}$y$j75$k2XAnEHBqQ1Ct2aMXFKNa/$URyx64Eb/ftd1XtPrvqUq2HmSA6Qt1QuTDhELRXryv3)",
    R"({BCRYPT}$2b$04$abcdefghijklmnopqrstuubAecMWGbmQxiv.1AEZk7PUTbAqyEGMO)",
    R"({crypt}$6$rounds=1000$abcdefgh$Wx72zB/KU3eT.hukwILXLRLtKmMAntbnSEkw.5C8FTDVsIDy./pvbEtOGZcK9PQxnTGHUFdTwzlTHlyCfH.ES/)",
    R"({sha}07f3dc4077802b2c1e3eaff3b5688259ff652261)"};

class PasswordHashTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(PasswordHashTest);
    CPPUNIT_TEST(everySchemeTakesItsPasswordAndNoOther);
    CPPUNIT_TEST(refusalsSayWhatToWrite);
    CPPUNIT_TEST(fieldsWithoutSchemeAreOfTheDefault);
    CPPUNIT_TEST(brokenFieldsAreRefusedWithoutShowingThem);
    CPPUNIT_TEST(costsPastSenseAreRefused);
    CPPUNIT_TEST(aNulDoesNotShortenAPassword);
    CPPUNIT_TEST(oddOctetsAreCompared);
    CPPUNIT_TEST(scramKeysOfTheRfcExample);
    CPPUNIT_TEST(costTellsParametersApart);
    CPPUNIT_TEST(encodingsAreStrict);
    CPPUNIT_TEST_SUITE_END();

    static bool matches(const std::string& field, const std::string& typed) {
        return PasswordHash::parse(field, "CRYPT")->matches(typed);
    }

    static std::string refusalOf(const std::string& field) {
        try {
            (void)PasswordHash::parse(field, "CRYPT");
        } catch (const HashError& e) {
            return e.what();
        }
        return "";
    }

public:
    void everySchemeTakesItsPasswordAndNoOther() {
        for (const std::string hash : hashes) {
            CPPUNIT_ASSERT_MESSAGE(hash, matches(hash, password));
            // DES-CRYPT reads eight octets; these differ in the first ones.
            CPPUNIT_ASSERT_MESSAGE(hash, !matches(hash, "Pass w\xC3\xB6rd"));
            CPPUNIT_ASSERT_MESSAGE(hash, !matches(hash, ""));
            CPPUNIT_ASSERT_MESSAGE(hash, !matches(hash, hash.substr(hash.find('}') + 1)) ||
                                             hash.rfind("{PLAIN}", 0) == 0 || hash.rfind("{CLEARTEXT}", 0) == 0);
        }
    }

    void refusalsSayWhatToWrite() {
        CPPUNIT_ASSERT(refusalOf("geheim").find("no {SCHEME} stands before it") != std::string::npos);
        CPPUNIT_ASSERT(refusalOf("geheim").find("{PLAIN}password") != std::string::npos);
        CPPUNIT_ASSERT(refusalOf("geheim").find("geheim") == std::string::npos);
        CPPUNIT_ASSERT(refusalOf("{CRYPT}x").find("no {SCHEME}") == std::string::npos);
        const std::string unknown = refusalOf("{CRAM-MD5}x");
        CPPUNIT_ASSERT_MESSAGE(unknown,
                               unknown.find("CRAM-MD5 is not supported; there are ARGON2I, ") != std::string::npos);
        CPPUNIT_ASSERT_MESSAGE(unknown, unknown.find("SHA512-CRYPT") != std::string::npos);
    }

    void fieldsWithoutSchemeAreOfTheDefault() {
        CPPUNIT_ASSERT(PasswordHash::parse("secret", "PLAIN")->matches("secret"));
        const std::string bare = std::string(hashes[16]).substr(std::string(hashes[16]).find('}') + 1);
        CPPUNIT_ASSERT(bare.rfind("$6$", 0) == 0);
        CPPUNIT_ASSERT(matches(bare, password));
        CPPUNIT_ASSERT(PasswordHash::isScheme("sha512-crypt") && PasswordHash::isScheme("SSHA.hex"));
        CPPUNIT_ASSERT(!PasswordHash::isScheme("SHA3") && !PasswordHash::isScheme("SHA.b32"));
    }

    void brokenFieldsAreRefusedWithoutShowingThem() {
        for (const std::string field :
             {"{PLAIN", "{}secret", "{SHA3}secret", "{secret}secret", "{SHA}secret", "{SHA256}c2VjcmV0",
              "{SSHA}c2VjcmV0", "{PBKDF2}secret", "{PBKDF2}$1$secret$0$00", "{ARGON2ID}secret",
              "{ARGON2ID}$argon2i$v=19$m=8,t=1,p=1$secret", "{SCRAM-SHA-256}4096,secret,secret",
              "{SCRAM-SHA-256}x,c2VjcmV0,c2VjcmV0,c2VjcmV0", "{PLAIN}", "{PLAIN.hex}secret", "{SHA256.b64}!", "{CRYPT}",
              "{CRYPT}*secret", "$nosuch$secret"}) {
            const std::string refusal = refusalOf(field);
            CPPUNIT_ASSERT_MESSAGE(field, !refusal.empty());
            CPPUNIT_ASSERT_MESSAGE(refusal, refusal.find("secret") == std::string::npos);
        }
    }

    void costsPastSenseAreRefused() {
        for (const std::string field : {"{CRYPT}$2y$31$X9Q/ur6vb7V2XOEnBijQl.Ac7NVq.tq8eQYD7QnrFqRuUdMatjJNi",
                                        "{CRYPT}$6$rounds=999999999$abc$def", "{CRYPT}$y$jXT$abc$def",
                                        "{PBKDF2}$1$abc$4000000000$772daaebfa0e866461a37c159b700c605392f006",
                                        "{ARGON2ID}$argon2id$v=19$m=4194304,t=3,p=1$c2FsdHNhbHQ$aGFzaA",
                                        "{ARGON2ID}$argon2id$v=19$m=64,t=4294967295,p=1$c2FsdHNhbHQ$aGFzaA",
                                        "{SCRAM-SHA-1}4294967295,cVSACNAH1VBGlh2nyit4lQ==,nGBtjh7KQ5Ni0ZL83eGMW0XUsWo=,"
                                        "Y1AsfqyQh4k8pljynXCnDmgLFlU="}) {
            CPPUNIT_ASSERT_MESSAGE(field + refusalOf(field), refusalOf(field).find("too dear") != std::string::npos);
        }
    }

    void aNulDoesNotShortenAPassword() {
        using namespace std::string_literals;
        for (const std::string hash : hashes) CPPUNIT_ASSERT_MESSAGE(hash, !matches(hash, password + "\0more"s));
    }

    void oddOctetsAreCompared() {
        using namespace std::string_literals;
        CPPUNIT_ASSERT(matches("{PLAIN.b64}AP+AAQ==", "\0\xFF\x80\x01"s));
        CPPUNIT_ASSERT(!matches("{PLAIN.b64}AP+AAQ==", "\0\xFF\x80\x02"s));
        CPPUNIT_ASSERT(matches("{PLAIN}{odd}: #\\", "{odd}: #\\"));
    }

    // RFC 7677 section 3: user "user", password "pencil".
    void scramKeysOfTheRfcExample() {
        const auto hash = PasswordHash::parse(
            "{SCRAM-SHA-256}4096,W22ZaJ0SNY7soEsUEjb6gQ==,WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=,"
            "wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=",
            "CRYPT");
        CPPUNIT_ASSERT(hash->matches("pencil"));
        CPPUNIT_ASSERT(!hash->matches("pencils"));
        const std::optional<maildock::ScramKeys> keys = hash->scramKeysWith("SHA-256", "other", 1);
        CPPUNIT_ASSERT(keys.has_value() && hash->hasScramKeys("SHA-256"));
        CPPUNIT_ASSERT_EQUAL(4096u, keys->iterations);
        CPPUNIT_ASSERT_EQUAL(std::size_t{16}, keys->salt.size());
        CPPUNIT_ASSERT_EQUAL(std::size_t{32}, keys->serverKey.size());
        CPPUNIT_ASSERT(!hash->scramKeysWith("SHA-1", "other", 1) && !hash->hasScramKeys("SHA-1"));
        // A password that can be read gives the same keys.
        const auto made = PasswordHash::parse("{PLAIN}pencil", "CRYPT")->scramKeysWith("SHA-256", keys->salt, 4096);
        CPPUNIT_ASSERT(made && made->storedKey == keys->storedKey && made->serverKey == keys->serverKey);
        CPPUNIT_ASSERT(!PasswordHash::parse("{SHA}qUqP5cyxm6YcTAhz05Hph5gvu9M=", "CRYPT")->hasScramKeys("SHA-256"));
        // Prepared by RFC 4013, as the client does: a soft hyphen is nothing. What can't be prepared has no keys.
        const auto soft =
            PasswordHash::parse("{PLAIN}pen\u00adcil", "CRYPT")->scramKeysWith("SHA-256", keys->salt, 4096);
        CPPUNIT_ASSERT(soft && soft->storedKey == keys->storedKey);
        CPPUNIT_ASSERT(!PasswordHash::parse("{PLAIN}\xff", "CRYPT")->hasScramKeys("SHA-1"));
    }

    void costTellsParametersApart() {
        const auto cost = [](const std::string& field) { return PasswordHash::parse(field, "CRYPT")->cost(); };
        CPPUNIT_ASSERT(cost("$6$rounds=1000$a$b") == cost("$6$rounds=1000$c$d"));
        CPPUNIT_ASSERT(cost("$6$rounds=1000$a$b") != cost("$6$rounds=2000$a$b"));
        CPPUNIT_ASSERT(cost("$6$a$b") == cost("$6$c$d"));
        CPPUNIT_ASSERT(cost("$2y$05$X9Q/ur6vb7V2XOEnBijQl.Ac7NVq.tq8eQYD7QnrFqRuUdMatjJNi") !=
                       cost("$2y$06$X9Q/ur6vb7V2XOEnBijQl.Ac7NVq.tq8eQYD7QnrFqRuUdMatjJNi"));
    }

    void encodingsAreStrict() {
        using maildock::common::fromBase64;
        using maildock::common::fromHex;
        CPPUNIT_ASSERT(fromBase64("Zm9v") == "foo" && fromBase64("Zm8=") == "fo" && fromBase64("Zm8") == "fo");
        CPPUNIT_ASSERT(fromBase64("Zg==") == "f" && fromBase64("") == "");
        CPPUNIT_ASSERT(!fromBase64("Z") && !fromBase64("Zm9v=Zm9v") && !fromBase64("Zm 9") && !fromBase64("Zm9-"));
        CPPUNIT_ASSERT(fromHex("00fFa9") == std::string("\0\xFF\xA9", 3) && !fromHex("0") && !fromHex("0g"));
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(PasswordHashTest);

}  // namespace
