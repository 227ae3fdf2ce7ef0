// The end of the mechanism GSSAPI (RFC 4752 3.2): which layer a client chooses, and whom it wants to act for.
#include <cppunit/extensions/HelperMacros.h>

#include "plugins/auth-gssapi/SecurityLayer.h"

namespace {

using maildock::gssapi::offerOfNoLayer;
using maildock::gssapi::parseLayerChoice;
using namespace std::string_literals;

class SecurityLayerTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(SecurityLayerTest);
    CPPUNIT_TEST(noLayerIsOffered);
    CPPUNIT_TEST(theChoiceSaysWhomToActFor);
    CPPUNIT_TEST(whatWasNotOfferedIsRefused);
    CPPUNIT_TEST(sizesAreForLayers);
    CPPUNIT_TEST(namesThatNobodyHasAreRefused);
    CPPUNIT_TEST_SUITE_END();

public:
    void noLayerIsOffered() { CPPUNIT_ASSERT_EQUAL("\1\0\0\0"s, offerOfNoLayer()); }

    void theChoiceSaysWhomToActFor() {
        CPPUNIT_ASSERT_EQUAL(""s, parseLayerChoice("\1\0\0\0"s).fault);
        CPPUNIT_ASSERT_EQUAL(""s, parseLayerChoice("\1\0\0\0"s).authorization);
        CPPUNIT_ASSERT_EQUAL("j\xC3\xB6rg"s, parseLayerChoice("\1\0\0\0j\xC3\xB6rg"s).authorization);
    }

    void whatWasNotOfferedIsRefused() {
        for (const std::string& message :
             {""s, "\1"s, "\1\0\0"s, "\0\0\0\0"s, "\2\0\0\0"s, "\4\0\0\0anna"s, "\7\0\0\0"s}) {
            CPPUNIT_ASSERT(!parseLayerChoice(message).fault.empty());
        }
    }

    void sizesAreForLayers() {
        CPPUNIT_ASSERT(!parseLayerChoice("\1\0\0\1"s).fault.empty());
        CPPUNIT_ASSERT(!parseLayerChoice("\1\xFF\xFF\xFF"s).fault.empty());
    }

    void namesThatNobodyHasAreRefused() {
        for (const std::string& name : {"\0"s, "anna\0"s, "a/b"s, ".."s, "a\nb"s, "\xFF"s, std::string(256, 'a')}) {
            CPPUNIT_ASSERT(!parseLayerChoice("\1\0\0\0"s + name).fault.empty());
        }
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(SecurityLayerTest);

}  // namespace
