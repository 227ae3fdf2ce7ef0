#include "plugins/auth-oauth2/HttpAnswer.h"

#include <cppunit/TestFixture.h>
#include <cppunit/extensions/HelperMacros.h>

#include "plugins/auth-oauth2/HttpsClient.h"

using maildock::oauth2::HttpError;
using maildock::oauth2::HttpsAddress;
using maildock::oauth2::parseHttpAnswer;

class HttpAnswerTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(HttpAnswerTest);
    CPPUNIT_TEST(bodiesEndWhereTheySay);
    CPPUNIT_TEST(chunksAreJoined);
    CPPUNIT_TEST(whatIsNotWholeIsRefused);
    CPPUNIT_TEST(addressesAreTakenApart);
    CPPUNIT_TEST_SUITE_END();

    static std::string body(const std::string& fields, const std::string& rest) {
        return parseHttpAnswer("HTTP/1.1 200 OK\r\n" + fields + "\r\n" + rest).body;
    }

public:
    void bodiesEndWhereTheySay() {
        CPPUNIT_ASSERT_EQUAL(999, parseHttpAnswer("HTTP/1.1 999\r\n\r\n").status);  // none of Poco's
        CPPUNIT_ASSERT_EQUAL(404, parseHttpAnswer("HTTP/1.0 404 Not Found\r\n\r\n").status);
        CPPUNIT_ASSERT_EQUAL(std::string("abc"), body("content-length: 3\r\n", "abcdef"));
        CPPUNIT_ASSERT_EQUAL(std::string("abcdef"), body("X: y\r\n", "abcdef"));
        CPPUNIT_ASSERT_EQUAL(std::string(), body("Content-Length: 0\r\n", ""));
    }

    void chunksAreJoined() {
        const std::string chunked = "Transfer-Encoding: Chunked\r\nContent-Length: 1\r\n";
        CPPUNIT_ASSERT_EQUAL(std::string("abcdefghijklmnop"),
                             body(chunked, "a;x=\"y\"\r\nabcdefghij\r\n6 \r\nklmnop\r\n0\r\nT: x\r\n\r\n"));
        for (const char* rest : {"", "0", "3\r\nab", "3\r\nabc", "3\r\nabcd\r\n0\r\n\r\n", "x\r\n", "-1\r\n", "\r\n",
                                 "3\r\nabc\r\n", "ffffffffffffffff\r\nabc\r\n", "fffffffffffffffff\r\nabc\r\n"}) {
            CPPUNIT_ASSERT_THROW(static_cast<void>(body(chunked, rest)), HttpError);
        }
    }

    void whatIsNotWholeIsRefused() {
        for (const char* octets :
             {"", "HTTP/1.1 200 OK\r\n", "HTTP/2 200\r\n\r\n", "<html>\r\n\r\n", "HTTP/1.1\r\n\r\n",
              "HTTP/1.1 20\r\n\r\n", "HTTP/1.1 2000 OK\r\n\r\n", "HTTP/1.1 2x0\r\n\r\n", "HTTP/1.1  200\r\n\r\n"})
            CPPUNIT_ASSERT_THROW(static_cast<void>(parseHttpAnswer(octets)), HttpError);
        CPPUNIT_ASSERT_THROW(static_cast<void>(body("Content-Length: 7\r\n", "abcdef")), HttpError);
        CPPUNIT_ASSERT_THROW(static_cast<void>(body("Content-Length: -1\r\n", "abcdef")), HttpError);
        CPPUNIT_ASSERT_THROW(static_cast<void>(body("Content-Length: 1, 1\r\n", "abcdef")), HttpError);
        CPPUNIT_ASSERT_THROW(static_cast<void>(body("Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n")), HttpError);
        std::string many;
        for (int i = 0; i < 200; ++i) many += "F" + std::to_string(i) + ": x\r\n";
        CPPUNIT_ASSERT_THROW(static_cast<void>(body(many, "")), HttpError);
    }

    void addressesAreTakenApart() {
        const HttpsAddress one = HttpsAddress::parse("https://login.example.org/keys?a=b");
        CPPUNIT_ASSERT_EQUAL(std::string("login.example.org"), one.host);
        CPPUNIT_ASSERT_EQUAL(std::string("/keys?a=b"), one.target);
        CPPUNIT_ASSERT_EQUAL(std::uint16_t{443}, one.port);
        const HttpsAddress other = HttpsAddress::parse("HTTPS://[::1]:8443");
        CPPUNIT_ASSERT_EQUAL(std::string("::1"), other.host);
        CPPUNIT_ASSERT_EQUAL(std::string("/"), other.target);
        CPPUNIT_ASSERT_EQUAL(std::uint16_t{8443}, other.port);
        for (const char* text : {"", "http://x/", "x", "https://", "https:///x", "https://u:p@x/", "https://x/ y",
                                 "https://x/\r\nHost: y", "https://x:99999/", "ftp://x/", "https://\xc3\xb6/"}) {
            CPPUNIT_ASSERT_THROW(static_cast<void>(HttpsAddress::parse(text)), std::invalid_argument);
        }
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(HttpAnswerTest);
