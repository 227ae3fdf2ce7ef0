// What a message holds is found whatever way its octets are cut.
#include "imapd/session/MessageScan.h"

#include <cppunit/extensions/HelperMacros.h>

#include <string>

using std::string_literals::operator""s;

namespace imapd {

class MessageScanTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(MessageScanTest);
    CPPUNIT_TEST(findsNul);
    CPPUNIT_TEST(findsBareLf);
    CPPUNIT_TEST(finds8BitInTheHeaderAlone);
    CPPUNIT_TEST_SUITE_END();

    // In pieces of each size up to the whole; all must agree.
    template <class Answer>
    static bool found(const std::string& message, Answer answer) {
        MessageScan whole;
        whole.feed(message);
        for (std::size_t size = 1; size <= message.size(); ++size) {
            MessageScan scan;
            for (std::size_t at = 0; at < message.size(); at += size)
                scan.feed(std::string_view(message).substr(at, size));
            CPPUNIT_ASSERT_EQUAL((whole.*answer)(), (scan.*answer)());
        }
        return (whole.*answer)();
    }

public:
    void findsNul() {
        CPPUNIT_ASSERT(found("a\r\n\r\nb\0c"s, &MessageScan::hasNul));
        CPPUNIT_ASSERT(!found("a\r\n\r\nbc", &MessageScan::hasNul));
    }

    void findsBareLf() {
        CPPUNIT_ASSERT(found("a\r\n\r\nb\nc", &MessageScan::hasBareLf));
        CPPUNIT_ASSERT(found("\na\r\n", &MessageScan::hasBareLf));
        CPPUNIT_ASSERT(found("a\r\n\n", &MessageScan::hasBareLf));
        CPPUNIT_ASSERT(!found("a\r\n\r\nb\rc\r\n", &MessageScan::hasBareLf));
        CPPUNIT_ASSERT(!found("", &MessageScan::hasBareLf));
    }

    void finds8BitInTheHeaderAlone() {
        CPPUNIT_ASSERT(found("Subject: \xc3\xbc\r\n\r\nx", &MessageScan::has8BitHeader));
        CPPUNIT_ASSERT(found("A: b\nSubject: \xc3\xbc\n\nx", &MessageScan::has8BitHeader));
        CPPUNIT_ASSERT(!found("A: b\r\n\r\n\xc3\xbc", &MessageScan::has8BitHeader));
        CPPUNIT_ASSERT(!found("A: b\n\n\xc3\xbc\r\n\r\n\xc3\xbc", &MessageScan::has8BitHeader));
        CPPUNIT_ASSERT(!found("\r\n\xc3\xbc", &MessageScan::has8BitHeader));
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(MessageScanTest);

}  // namespace imapd
