#include "plugins/auth-oauth2/ClientAnswer.h"

#include <cppunit/TestFixture.h>
#include <cppunit/extensions/HelperMacros.h>

using maildock::oauth2::ClientAnswer;
using maildock::oauth2::parseOauthBearer;
using maildock::oauth2::parseXoauth2;

class ClientAnswerTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(ClientAnswerTest);
    CPPUNIT_TEST(theExampleOfTheStandardIsTaken);
    CPPUNIT_TEST(namesAreUnescaped);
    CPPUNIT_TEST(headersThatAreNoneAreRefused);
    CPPUNIT_TEST(pairsThatAreNoneAreRefused);
    CPPUNIT_TEST(tokensAreTokens);
    CPPUNIT_TEST(googlesFormIsTaken);
    CPPUNIT_TEST_SUITE_END();

    static ClientAnswer bearer(const std::string& octets) { return parseOauthBearer(octets, 100); }
    static bool isTaken(const std::string& octets) { return bearer(octets).fault.empty(); }

public:
    void theExampleOfTheStandardIsTaken() {  // RFC 7628 4.1
        const ClientAnswer answer = bearer(
            "n,a=user@example.com,\x01host=server.example.com\x01port=143\x01"
            "auth=Bearer vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==\x01\x01");
        CPPUNIT_ASSERT_EQUAL(std::string(), answer.fault);
        CPPUNIT_ASSERT_EQUAL(std::string("user@example.com"), answer.user);
        CPPUNIT_ASSERT_EQUAL(std::string("server.example.com"), answer.host);
        CPPUNIT_ASSERT_EQUAL(std::string("vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg=="), answer.token);
    }

    void namesAreUnescaped() {
        CPPUNIT_ASSERT_EQUAL(std::string("a,b=c"), bearer("y,a=a=2Cb=3Dc,\x01"
                                                          "auth=Bearer x\x01\x01")
                                                       .user);
        CPPUNIT_ASSERT_EQUAL(std::string(), bearer("n,,\x01"
                                                   "auth=Bearer x\x01\x01")
                                                .user);
        for (const char* name : {"a=", "a=a=2c", "a=a=", "a==", "b=a", "a"})
            CPPUNIT_ASSERT(!isTaken(std::string("n,") + name + ",\x01" + "auth=Bearer x\x01\x01"));
        CPPUNIT_ASSERT(!isTaken("n,a=" + std::string(256, 'x') + ",\x01" + "auth=Bearer x\x01\x01"));
        CPPUNIT_ASSERT(
            !isTaken(std::string("n,a=x\0y,\x01"
                                 "auth=Bearer x\x01\x01",
                                 24)));
    }

    void headersThatAreNoneAreRefused() {
        for (const char* header :
             {"", "n", "n,", "N,,", "p=tls-exporter,,", "p,,", "F,n,,", "x,,", ",,", "nn,,", "n, ,"})
            CPPUNIT_ASSERT(!isTaken(std::string(header) + "\x01" + "auth=Bearer x\x01\x01"));
        for (const char* whole : {"", "\x01", "n,,", "n,,\x01", "n,,auth=Bearer x\x01\x01"})
            CPPUNIT_ASSERT(!isTaken(whole));
    }

    void pairsThatAreNoneAreRefused() {
        const std::string good = "auth=Bearer x\x01";
        CPPUNIT_ASSERT(
            isTaken("n,,\x01"
                    "qs=a=b\tc\r\n\x01" +
                    good + "X=\x01\x01"));
        for (const char* pair : {"=x", "auth", "a1=x", "a-b=x", "port=01", "port=", "port=x", "port=123456",
                                 "auth=Bearer y", "x=\x7f", "x=\x80"}) {
            CPPUNIT_ASSERT(!isTaken("n,,\x01" + good + pair + "\x01\x01"));
        }
        CPPUNIT_ASSERT(!isTaken("n,,\x01\x01"));
        CPPUNIT_ASSERT(!isTaken("n,,\x01" + good));
        CPPUNIT_ASSERT(!isTaken("n,,\x01" + good + "\x01\x01"));
        CPPUNIT_ASSERT(!isTaken("n,,\x01" + good +
                                "\x01"
                                "auth=Bearer y\x01\x01"));
    }

    void tokensAreTokens() {
        const auto token = [](const std::string& value) {
            return bearer(
                       "n,,\x01"
                       "auth=" +
                       value + "\x01\x01")
                .token;
        };
        CPPUNIT_ASSERT_EQUAL(std::string("aZ09-._~+/=="), token("bEARER  aZ09-._~+/=="));
        CPPUNIT_ASSERT_EQUAL(std::string(100, 'x'), token("Bearer " + std::string(100, 'x')));
        for (const std::string& none :
             {std::string("Bearer"), std::string("Bearer "), std::string("Bearer\tx"), std::string("Bearer ="),
              std::string("Bearer a=b"), std::string("Bearer a b"), std::string("Basic x"), std::string("x"),
              std::string(), "Bearer " + std::string(101, 'x')}) {
            CPPUNIT_ASSERT(!bearer("n,,\x01"
                                   "auth=" +
                                   none + "\x01\x01")
                                .fault.empty());
        }
    }

    void googlesFormIsTaken() {
        const ClientAnswer answer = parseXoauth2(
            "user=jörg@example.org\x01"
            "auth=Bearer abc\x01\x01",
            100);
        CPPUNIT_ASSERT_EQUAL(std::string(), answer.fault);
        CPPUNIT_ASSERT_EQUAL(std::string("jörg@example.org"), answer.user);
        CPPUNIT_ASSERT_EQUAL(std::string("abc"), answer.token);
        for (const char* octets : {"", "\x01", "user=x\x01\x01", "auth=Bearer x\x01\x01",
                                   "user=\x01"
                                   "auth=Bearer x\x01\x01",
                                   "user=x\x01user=x\x01"
                                   "auth=Bearer x\x01\x01",
                                   "user=x\x01"
                                   "auth=Bearer x\x01",
                                   "user=x\x02\x01"
                                   "auth=Bearer x\x01\x01",
                                   "n,a=x,\x01"
                                   "auth=Bearer x\x01\x01"}) {
            CPPUNIT_ASSERT(!parseXoauth2(octets, 100).fault.empty());
        }
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(ClientAnswerTest);
