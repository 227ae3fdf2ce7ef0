// What is let through to the library of a client's NTLM messages ([MS-NLMP] 2.2.1).
#include <cppunit/extensions/HelperMacros.h>

#include "plugins/auth-gssapi/NtlmMessages.h"

namespace {

using namespace maildock::gssapi;
using namespace std::string_literals;

constexpr std::uint32_t oem = 2, unicode = 1, keyExchange = 0x40000000;

std::string number(std::uint32_t value, std::size_t octets) {
    std::string text;
    for (std::size_t i = 0; i < octets; ++i, value >>= 8) text += static_cast<char>(value & 0xFF);
    return text;
}

std::string utf16(const std::string& text) {
    std::string wide;
    for (const char c : text) wide += std::string{c, '\0'};
    return wide;
}

// An AUTHENTICATE_MESSAGE of parts, in the order of its fields; `room`: octets between them and the fixed part.
std::string message(const std::vector<std::string>& parts, std::size_t room = 24) {
    std::string head = "NTLMSSP\0"s + number(3, 4), body;
    for (const std::string& part : parts) {
        const auto length = static_cast<std::uint32_t>(part.size());
        const auto offset = static_cast<std::uint32_t>(64 + room + body.size());
        head += number(length, 2) + number(length, 2) + number(offset, 4);
        body += part;
    }
    return head + number(0, 4) + std::string(room, 'v') + body;
}

const std::string lm(24, 'l'), response(80, 'r'), key(16, 'k');

class NtlmMessagesTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(NtlmMessagesTest);
    CPPUNIT_TEST(negotiateIsRecognised);
    CPPUNIT_TEST(theChallengesFlagsAreRead);
    CPPUNIT_TEST(whoItIsIsRead);
    CPPUNIT_TEST(oldResponsesAreRefused);
    CPPUNIT_TEST(partsLieWithinTheMessage);
    CPPUNIT_TEST(everyCutIsRefused);
    CPPUNIT_TEST(namesAreAscii);
    CPPUNIT_TEST(theSessionKeyIsWhole);
    CPPUNIT_TEST(placesAreMadeWhereTheyLack);
    CPPUNIT_TEST_SUITE_END();

public:
    void negotiateIsRecognised() {
        const std::string plain = "NTLMSSP\0\1\0\0\0\6\x82\x08\0"s;
        CPPUNIT_ASSERT_EQUAL(""s, faultOfNegotiate(plain));
        CPPUNIT_ASSERT_EQUAL(plain + std::string(24, '\0'), withVersion(plain));
        CPPUNIT_ASSERT_EQUAL(plain + std::string(30, 'x'), withVersion(plain + std::string(30, 'x')));
        for (const std::string& other :
             {""s, plain.substr(0, 15), "NTLMSSP\0\2\0\0\0\6\x82\x08\0"s, "NTLMSSQ\0\1\0\0\0\6\x82\x08\0"s,
              "\x60\x48\x06\x06+\x06\x01\x05\x05\x02"s + std::string(9, 'a'), plain + std::string(2000, 'x')}) {
            CPPUNIT_ASSERT(!faultOfNegotiate(other).empty());
        }
    }

    void theChallengesFlagsAreRead() {
        CPPUNIT_ASSERT_EQUAL(0xE28A8215u, flagsOfChallenge("NTLMSSP\0\2\0\0\0aabbcccc\x15\x82\x8A\xE2xxxx"s));
        CPPUNIT_ASSERT_EQUAL(0u, flagsOfChallenge("NTLMSSP\0\2\0\0\0aabbcccc"s));
        CPPUNIT_ASSERT_EQUAL(0u, flagsOfChallenge(""s));
    }

    void whoItIsIsRead() {
        NtlmClaim claim =
            parseAuthenticate(message({lm, response, utf16("CORP"), utf16("anna"), utf16("WS"), ""}), unicode);
        CPPUNIT_ASSERT_EQUAL(""s, claim.fault);
        CPPUNIT_ASSERT_EQUAL("CORP"s, claim.domain);
        CPPUNIT_ASSERT_EQUAL("anna"s, claim.user);
        claim = parseAuthenticate(message({lm, response, "", "anna@example.org", "WS", ""}, 0), oem);
        CPPUNIT_ASSERT_EQUAL(""s, claim.fault);
        CPPUNIT_ASSERT_EQUAL("anna@example.org"s, claim.user);
    }

    void oldResponsesAreRefused() {
        for (const std::string& old : {std::string(24, 'r'), ""s, "r"s, std::string(43, 'r')}) {
            const NtlmClaim claim = parseAuthenticate(message({lm, old, "CORP", "anna", "WS", ""}), oem);
            CPPUNIT_ASSERT(!claim.fault.empty());
            CPPUNIT_ASSERT_EQUAL("anna"s, claim.user);  // for the log
        }
    }

    void partsLieWithinTheMessage() {
        const std::string good = message({lm, response, "CORP", "anna", "WS", key});
        CPPUNIT_ASSERT_EQUAL(""s, parseAuthenticate(good, oem).fault);
        for (const std::size_t at : {12u, 20u, 28u, 36u, 44u, 52u}) {
            for (const std::string& offset : {"\0\0\0\0"s, "\x3F\0\0\0"s, "\xFF\xFF\xFF\xFF"s, "\xFE\xFF\xFF\x7F"s}) {
                std::string bad = good;
                bad.replace(at + 4, 4, offset);
                CPPUNIT_ASSERT(!parseAuthenticate(bad, oem).fault.empty());
            }
            std::string bad = good;
            bad.replace(at, 2, "\xFF\xFF");
            CPPUNIT_ASSERT(!parseAuthenticate(bad, oem).fault.empty());
        }
    }

    void everyCutIsRefused() {
        const std::string good = message({lm, response, "CORP", "anna", "WS", key});
        for (std::size_t length = 0; length < good.size(); ++length) {
            CPPUNIT_ASSERT(!parseAuthenticate(good.substr(0, length), oem).fault.empty());
        }
        CPPUNIT_ASSERT(!parseAuthenticate(good + std::string(20000, 'x'), oem).fault.empty());
    }

    void namesAreAscii() {
        for (const std::string& user :
             {""s, "j\xC3\xB6rg"s, "a\\b"s, "a/b"s, "a:b"s, "a b"s, "a\0"s, std::string(600, 'a')}) {
            CPPUNIT_ASSERT(!parseAuthenticate(message({lm, response, "CORP", user, "WS", ""}), oem).fault.empty());
        }
        for (const std::string& user : {"ann"s, "a\0n\1"s, "K\x21"s}) {
            CPPUNIT_ASSERT(!parseAuthenticate(message({lm, response, "", user, "", ""}), unicode).fault.empty());
        }
        CPPUNIT_ASSERT(!parseAuthenticate(message({lm, response, "C\\", "anna", "WS", ""}), oem).fault.empty());
        CPPUNIT_ASSERT(
            !parseAuthenticate(message({lm, response, "", utf16("anna"), "WSX", ""}), unicode).fault.empty());
    }

    void theSessionKeyIsWhole() {
        const auto fault = [](const std::string& sent, std::uint32_t flags) {
            return parseAuthenticate(message({lm, response, "CORP", "anna", "WS", sent}), flags).fault;
        };
        CPPUNIT_ASSERT_EQUAL(""s, fault(key, oem | keyExchange));
        CPPUNIT_ASSERT(!fault("", oem | keyExchange).empty());
        CPPUNIT_ASSERT(!fault(key.substr(1), oem | keyExchange).empty());
        CPPUNIT_ASSERT(!fault(key.substr(1), oem).empty());
        CPPUNIT_ASSERT_EQUAL(""s, fault("", oem));
    }

    void placesAreMadeWhereTheyLack() {
        const std::vector<std::string> parts = {lm, response, "CORP", "anna", "WS", ""};
        const std::string widened = withPlaces(message(parts, 0));
        CPPUNIT_ASSERT_EQUAL(message(parts, 24).size(), widened.size());
        const NtlmClaim claim = parseAuthenticate(widened, oem);
        CPPUNIT_ASSERT_EQUAL(""s, claim.fault);
        CPPUNIT_ASSERT_EQUAL("anna"s, claim.user);
        CPPUNIT_ASSERT_EQUAL("CORP"s, claim.domain);
        CPPUNIT_ASSERT_EQUAL(message(parts, 8), withPlaces(message(parts, 8)));
        CPPUNIT_ASSERT_EQUAL(message(parts, 24), withPlaces(message(parts, 24)));
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(NtlmMessagesTest);

}  // namespace
