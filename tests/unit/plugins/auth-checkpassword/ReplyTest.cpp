// What checkpassword programs tell: whole replies come through, everything else is refused.
#include <cppunit/extensions/HelperMacros.h>

#include "plugins/auth-checkpassword/Reply.h"

namespace {

using maildock::checkpassword::decode;
using maildock::checkpassword::encode;
using maildock::checkpassword::Environment;
using maildock::checkpassword::maxReplyOctets;

class ReplyTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(ReplyTest);
    CPPUNIT_TEST(variablesComeThrough);
    CPPUNIT_TEST(whatIsNotWholeIsRefused);
    CPPUNIT_TEST_SUITE_END();

public:
    void variablesComeThrough() {
        const Environment environment{{"HOME", "/a b"}, {"USER", "anna"}, {"x", ""}, {"y", "a=b\nc"}};
        CPPUNIT_ASSERT(decode(encode(environment)).value() == environment);
        CPPUNIT_ASSERT(decode(encode({})).value().empty());
    }

    void whatIsNotWholeIsRefused() {
        using namespace std::string_literals;
        const std::string reply = encode({{"USER", "anna"}});
        for (std::size_t length = 0; length < reply.size(); ++length) CPPUNIT_ASSERT(!decode(reply.substr(0, length)));
        CPPUNIT_ASSERT(!decode(reply + "x"));
        CPPUNIT_ASSERT(!decode("USER\0\0"s));
        CPPUNIT_ASSERT(!decode("=x\0\0"s));
        CPPUNIT_ASSERT(!decode(encode({{"A", std::string(maxReplyOctets, 'x')}})));
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(ReplyTest);

}  // namespace
