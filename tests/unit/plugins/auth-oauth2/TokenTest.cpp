// Tokens, keys and claims.
#include <cppunit/TestFixture.h>
#include <cppunit/extensions/HelperMacros.h>

#include "plugins/auth-oauth2/Claims.h"
#include "plugins/auth-oauth2/Jwt.h"
#include "plugins/auth-oauth2/KeySet.h"

using maildock::oauth2::algorithmNamed;
using maildock::oauth2::fromBase64Url;
using maildock::oauth2::JsonError;
using maildock::oauth2::judge;
using maildock::oauth2::Judgement;
using maildock::oauth2::Jwt;
using maildock::oauth2::KeySet;
using maildock::oauth2::parseJwt;
using maildock::oauth2::parseObject;
using maildock::oauth2::Rules;
using maildock::oauth2::userOf;
using maildock::oauth2::verifiesHmac;

namespace {

// RFC 7515 appendix A.3.
const std::string ecKey = R"({"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",)"
                          R"("y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0","kid":"one"})";
const std::string claimsPart =
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
const std::string ecToken = "eyJhbGciOiJFUzI1NiJ9." + claimsPart +
                            ".DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
// RFC 8037 appendix A.
const std::string edKey = R"({"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"})";

std::shared_ptr<const KeySet> keysOf(const std::string& jwks) {
    return KeySet::parse("{\"keys\":[" + jwks + "]}");
}

}  // namespace

class TokenTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(TokenTest);
    CPPUNIT_TEST(theStandardsExamplesVerify);
    CPPUNIT_TEST(aKeyServesItsOwnAlgorithmAlone);
    CPPUNIT_TEST(keysThatCannotServeAreLeftOut);
    CPPUNIT_TEST(tokensAreTakenApart);
    CPPUNIT_TEST(timesHaveALeeway);
    CPPUNIT_TEST(namesAreMadeOfClaims);
    CPPUNIT_TEST(jsonIsBounded);
    CPPUNIT_TEST_SUITE_END();

public:
    void theStandardsExamplesVerify() {
        const Jwt jwt = parseJwt(ecToken);
        CPPUNIT_ASSERT_EQUAL(std::string("ES256"), jwt.algorithm);
        const auto& es256 = *algorithmNamed("ES256");
        for (const char* name : {"", "one"})
            CPPUNIT_ASSERT(keysOf(ecKey)->verify(es256, name, jwt.signedText, jwt.signature) == KeySet::Answer::Right);
        CPPUNIT_ASSERT(keysOf(ecKey)->verify(es256, "two", jwt.signedText, jwt.signature) == KeySet::Answer::NoKey);
        CPPUNIT_ASSERT(keysOf(ecKey)->verify(es256, "", "x", jwt.signature) == KeySet::Answer::Wrong);
        CPPUNIT_ASSERT(keysOf(ecKey)->verify(es256, "", jwt.signedText, std::string(64, '\0')) ==
                       KeySet::Answer::Wrong);
        CPPUNIT_ASSERT(
            keysOf(edKey)->verify(
                *algorithmNamed("EdDSA"), "", "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc",
                *fromBase64Url("hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_"
                               "MuM0KAg")) == KeySet::Answer::Right);
        // A.1.
        const std::string secret =
            *fromBase64Url("AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow");
        const std::string text = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9." + claimsPart;
        const std::string mac = *fromBase64Url("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
        CPPUNIT_ASSERT(verifiesHmac(*algorithmNamed("HS256"), secret, text, mac));
        CPPUNIT_ASSERT(!verifiesHmac(*algorithmNamed("HS512"), secret, text, mac));
        CPPUNIT_ASSERT(!verifiesHmac(*algorithmNamed("HS256"), secret, text, mac.substr(1)));
        CPPUNIT_ASSERT(!verifiesHmac(*algorithmNamed("RS256"), secret, text, mac));
    }

    void aKeyServesItsOwnAlgorithmAlone() {
        for (const char* name : {"none", "None", "", "HS1", "ES256K", "RS1"})
            CPPUNIT_ASSERT(algorithmNamed(name) == nullptr);
        for (const char* name : {"RS256", "PS256", "ES384", "EdDSA", "HS256"})
            CPPUNIT_ASSERT(keysOf(ecKey)->verify(*algorithmNamed(name), "", "x", "y") == KeySet::Answer::NoKey);
        std::string bound = ecKey;
        bound.insert(1, R"("alg":"ES384",)");
        const Jwt jwt = parseJwt(ecToken);
        CPPUNIT_ASSERT(keysOf(bound)->verify(*algorithmNamed("ES256"), "", jwt.signedText, jwt.signature) ==
                       KeySet::Answer::NoKey);
        // The same two numbers in DER are no signature of this kind (RFC 7518 3.4).
        CPPUNIT_ASSERT(keysOf(ecKey)->verify(*algorithmNamed("ES256"), "", jwt.signedText,
                                             "\x30\x44\x02\x20" + jwt.signature.substr(0, 32) + "\x02\x20" +
                                                 jwt.signature.substr(32)) == KeySet::Answer::Wrong);
    }

    void keysThatCannotServeAreLeftOut() {
        std::string encrypting = ecKey, operations = ecKey, offCurve = ecKey;
        encrypting.insert(1, R"("use":"enc",)");
        operations.insert(1, R"("key_ops":["sign"],)");
        offCurve.replace(offCurve.find("f83O"), 4, "f83P");
        const std::string small = R"({"kty":"RSA","e":"AQAB","n":")" + std::string(171, 'x') + "\"}";
        const std::string even = R"({"kty":"RSA","e":"AA","n":")" + std::string(342, 'x') + "\"}";
        const std::string large = R"({"kty":"RSA","e":"AQAB","n":")" + std::string(4000, 'x') + "\"}";
        for (const std::string& one :
             {encrypting, operations, offCurve, small, even, large, std::string("1"), std::string("{}"),
              std::string("null"), std::string(R"({"kty":"oct","k":"AyM1SysPpbyDfgZld3umj1qzKObw"})"),
              std::string(R"({"kty":"OKP","crv":"X25519","x":"AA"})"),
              std::string(R"({"kty":"OKP","crv":"Ed25519","x":"AA"})"),
              std::string(R"({"kty":"EC","crv":"P-256","x":"AA","y":"AA"})")}) {
            const auto keys = keysOf(one);
            CPPUNIT_ASSERT_EQUAL(std::size_t{0}, keys->size());
            CPPUNIT_ASSERT_EQUAL(std::size_t{1}, keys->faults().size());
        }
        CPPUNIT_ASSERT_EQUAL(std::size_t{2}, keysOf(ecKey + "," + small + "," + edKey)->size());
        std::string many = edKey;
        for (std::size_t i = 0; i < KeySet::maxKeys; ++i) many += "," + edKey;
        CPPUNIT_ASSERT_THROW(static_cast<void>(keysOf(many)), JsonError);
        for (const char* text : {"", "[]", "{}", R"({"keys":{}})", R"({"keys":1})"})
            CPPUNIT_ASSERT_THROW(static_cast<void>(KeySet::parse(text)), JsonError);
    }

    void tokensAreTakenApart() {
        for (const std::string& none :
             {std::string(), std::string("."), std::string(".."), std::string("a.b.c"), ecToken + ".x", ecToken + "=",
              "=" + ecToken, ecToken.substr(1), std::string("e30.e30.e30")}) {
            CPPUNIT_ASSERT_THROW(static_cast<void>(parseJwt(none)), JsonError);
        }
    }

    void timesHaveALeeway() {
        Rules rules;
        rules.userClaim = "sub";
        const auto isTaken = [&rules](const std::string& claims, std::int64_t now) {
            return judge(parseObject("{\"sub\":\"anna\"," + claims + "}", 1000), rules, now).isAccepted;
        };
        CPPUNIT_ASSERT(isTaken(R"("exp":1000)", 1059));
        CPPUNIT_ASSERT(!isTaken(R"("exp":1000)", 1060));
        CPPUNIT_ASSERT(isTaken(R"("exp":9000,"nbf":1000)", 940));
        CPPUNIT_ASSERT(!isTaken(R"("exp":9000,"nbf":1000)", 939));
        CPPUNIT_ASSERT(!isTaken(R"("exp":9000,"iat":1000)", 939));
        CPPUNIT_ASSERT(!isTaken(R"("nbf":1)", 1000));
        CPPUNIT_ASSERT(!isTaken(R"("exp":null)", 1000));
        rules.needsExpiry = false;
        CPPUNIT_ASSERT(isTaken(R"("exp":null)", 1000));
        CPPUNIT_ASSERT(!isTaken(R"("exp":"9000")", 1000));
    }

    void namesAreMadeOfClaims() {
        Rules rules;
        CPPUNIT_ASSERT_EQUAL(std::string("anna@example.org"), *userOf("Anna@Example.org", rules));
        for (const char* none : {"", " anna", "anna ", "a/b", "..", "\xff", "a\nb", "\xef\xac\x81", "a\xc2\xad"})
            CPPUNIT_ASSERT(!userOf(none, rules));
        rules.userPattern = "%d-%n";
        rules.domains = {"Example.org"};
        CPPUNIT_ASSERT_EQUAL(std::string("example.org-a@b"), *userOf("a@b@example.ORG", rules));
        CPPUNIT_ASSERT(!userOf("anna@example.com", rules) && !userOf("example.org", rules) && !userOf("anna", rules));
        rules.userPattern = "%n";
        CPPUNIT_ASSERT(!userOf("@example.org", rules) && !userOf("..@example.org", rules));
    }

    void jsonIsBounded() {
        CPPUNIT_ASSERT_THROW(static_cast<void>(parseObject("{\"a\":1}", 6)), JsonError);
        for (const char* text :
             {"", "1", "[]", "{} {}", "{\"a\":1,}", "{'a':1}", "{\"a\":1e999}", "{\"a\":\"\xff\"}", "{/**/}"})
            CPPUNIT_ASSERT_THROW(static_cast<void>(parseObject(text, 100)), JsonError);
        std::string deep = "{\"a\":" + std::string(9, '[') + std::string(9, ']') + "}";
        CPPUNIT_ASSERT(!parseObject(deep, 100).isNull());
        for (const std::size_t depth : {std::size_t{20}, std::size_t{100000}}) {
            deep = "{\"a\":" + std::string(depth, '[') + std::string(depth, ']') + "}";
            CPPUNIT_ASSERT_THROW(static_cast<void>(parseObject(deep, 1000000)), JsonError);
        }
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(TokenTest);
