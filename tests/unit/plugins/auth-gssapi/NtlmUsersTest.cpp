// The users of NTLM: who stands in the file, and how often.
#include <cppunit/extensions/HelperMacros.h>

#include "plugins/auth-gssapi/NtlmUsers.h"

namespace {

using maildock::gssapi::NtlmUsers;
using Names = std::vector<std::string>;

const std::string hash = "0CB6948805F797BF2A82807973B89537";

Names namesOf(const std::vector<const maildock::gssapi::NtlmUser*>& users) {
    Names names;
    for (const auto* user : users) names.push_back(user->name);
    return names;
}

class NtlmUsersTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(NtlmUsersTest);
    CPPUNIT_TEST(bothKindsOfLinesNameUsers);
    CPPUNIT_TEST(caseMakesNoDifference);
    CPPUNIT_TEST(twinsAreFound);
    CPPUNIT_TEST(linesThatNameNobodyAreCounted);
    CPPUNIT_TEST(aFileThatIsNotThereIsSaid);
    CPPUNIT_TEST_SUITE_END();

public:
    void bothKindsOfLinesNameUsers() {
        const NtlmUsers users("# CORP:nobody:x\nCORP:anna:secret\r\n\nbert:1000:" + hash + ":" + hash +
                              ":[U          ]:LCT-00000000:\nCORP\\carl:1001:LM:" + hash + ":[DU]:LCT-0:\n:dora:x y");
        CPPUNIT_ASSERT_EQUAL(std::size_t(4), users.size());
        for (const char* name : {"anna", "bert", "carl", "dora"}) {
            CPPUNIT_ASSERT_MESSAGE(name, namesOf(users.find(name)) == Names{name});
        }
        CPPUNIT_ASSERT(users.find("nobody").empty() && users.find("secret").empty() && users.find("").empty());
        CPPUNIT_ASSERT(users.uselessLines().empty());
        const auto& anna = *users.find("anna").front();
        CPPUNIT_ASSERT(anna.domain == "CORP" && anna.password == "secret" && anna.hash.empty() && !anna.isDisabled);
        const auto& bert = *users.find("bert").front();
        CPPUNIT_ASSERT(bert.domain.empty() && bert.password.empty() && bert.hash == hash && !bert.isDisabled);
        const auto& carl = *users.find("carl").front();
        CPPUNIT_ASSERT(carl.domain == "CORP" && carl.isDisabled);
        CPPUNIT_ASSERT(users.find("dora").front()->password == "x y");
    }

    void caseMakesNoDifference() { CPPUNIT_ASSERT(namesOf(NtlmUsers("CORP:Anna:x\n").find("aNNA")) == Names{"Anna"}); }

    void twinsAreFound() {
        const NtlmUsers users("A:anna:x\nB:ANNA:y\nA:bert:x\nC:anna:z\n");
        CPPUNIT_ASSERT(namesOf(users.find("anna")) == Names({"anna", "ANNA", "anna"}));
        CPPUNIT_ASSERT(users.twins() == Names{"anna"});
    }

    void linesThatNameNobodyAreCounted() {
        const NtlmUsers users(
            "anna\nCORP:anna\nCORP:anna:pass:word\nCORP:a/b:x\nCORP::x\nCORP:j\xC3\xB6rg:x\nCORP:anna:\n"
            "anna:1000:" +
            hash + ":NO PASSWORDXXXXXXXXXXXXXXXXXXXXX:[NU]:\nC\\D:anna:x\nCORP:bert:x\n");
        CPPUNIT_ASSERT(users.uselessLines() == std::vector<std::size_t>({1, 2, 3, 4, 5, 6, 7, 8, 9}));
        CPPUNIT_ASSERT_EQUAL(std::size_t(1), users.size());
    }

    void aFileThatIsNotThereIsSaid() {
        CPPUNIT_ASSERT_THROW(NtlmUsers::read("/nonexistent/users"), std::runtime_error);
        CPPUNIT_ASSERT_THROW(NtlmUsers::read("/"), std::runtime_error);
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(NtlmUsersTest);

}  // namespace
