#include "modules/signin/Chain.h"

#include <cppunit/TestFixture.h>
#include <cppunit/extensions/HelperMacros.h>

#include "tests/unit/modules/signin/FakePlugin.h"

using maildock::Outcome;
using maildock::signin::Chain;
using maildock::signin::Decision;

class ChainTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(ChainTest);
    CPPUNIT_TEST(theFirstThatKnowsTheUserDecides);
    CPPUNIT_TEST(theFirstSuccessDecidesIfAskedFor);
    CPPUNIT_TEST(aFailureToAskEndsTheSearch);
    CPPUNIT_TEST(aDisabledUserIsNotLetInByAnother);
    CPPUNIT_TEST(whatIsMissingIsFilledIn);
    CPPUNIT_TEST(aWholeAccountAsksNobody);
    CPPUNIT_TEST(mergingCanBeSwitched);
    CPPUNIT_TEST(aSourceThatIsDownMakesTheWholeTemporary);
    CPPUNIT_TEST(whoWantsKnownUsersLetsInNoOthers);
    CPPUNIT_TEST(keysComeFromWhoeverKnowsTheUser);
    CPPUNIT_TEST(stampsAreJoined);
    CPPUNIT_TEST(aTrustedPluginNeedsNoStamp);
    CPPUNIT_TEST_SUITE_END();

    std::shared_ptr<FakePlugin> _one = std::make_shared<FakePlugin>(), _two = std::make_shared<FakePlugin>();

    [[nodiscard]] Chain chain(Chain::Rule rule = Chain::Rule::FirstKnown,
                              Chain::Merge merge = Chain::Merge::WhereMissing) const {
        return {{{"one", _one}, {"two", _two}}, rule, merge};
    }

public:
    void theFirstThatKnowsTheUserDecides() {
        _one->users["anna"].password = "right";
        _two->users["anna"].password = "other";
        _two->users["ben"].password = "right";
        CPPUNIT_ASSERT(chain().verify("anna", "right").verdict.outcome == Outcome::Success);
        const Decision refused = chain().verify("anna", "other");
        CPPUNIT_ASSERT(refused.verdict.outcome == Outcome::WrongPassword);
        CPPUNIT_ASSERT_EQUAL(std::string("one: wrong password"), refused.verdict.reason);
        CPPUNIT_ASSERT_EQUAL(std::string("two"), chain().verify("ben", "right").decidedBy->name);
        CPPUNIT_ASSERT(chain().verify("carl", "right").verdict.outcome == Outcome::UnknownUser);
    }

    void theFirstSuccessDecidesIfAskedFor() {
        _one->users["anna"].password = "right";
        _two->users["anna"].password = "other";
        const Chain any = chain(Chain::Rule::FirstSuccess);
        CPPUNIT_ASSERT(any.verify("anna", "other").verdict.outcome == Outcome::Success);
        CPPUNIT_ASSERT_EQUAL(std::string("one"), any.verify("anna", "wrong").decidedBy->name);
    }

    void aFailureToAskEndsTheSearch() {
        _two->users["anna"].password = "right";
        for (const bool throws : {false, true}) {
            _one->isDown = !throws;
            _one->throws = throws;
            for (const Chain::Rule rule : {Chain::Rule::FirstKnown, Chain::Rule::FirstSuccess}) {
                CPPUNIT_ASSERT(chain(rule).verify("anna", "right").verdict.outcome == Outcome::TemporaryFailure);
                CPPUNIT_ASSERT(chain(rule).lookup("anna").verdict.outcome == Outcome::TemporaryFailure);
                CPPUNIT_ASSERT(chain(rule).scramKeys("anna", "SHA-256").decision.verdict.outcome ==
                               Outcome::TemporaryFailure);
            }
        }
        CPPUNIT_ASSERT_EQUAL(0, _two->verifications);
    }

    void aDisabledUserIsNotLetInByAnother() {
        _one->users["anna"].otherwise = Outcome::Disabled;
        _two->users["anna"].password = "right";
        CPPUNIT_ASSERT(chain(Chain::Rule::FirstSuccess).verify("anna", "right").verdict.outcome == Outcome::Disabled);
        // Likewise where the one that says so is asked for what is missing alone.
        std::swap(_one, _two);
        CPPUNIT_ASSERT(chain().verify("anna", "right").verdict.outcome == Outcome::Disabled);
    }

    void whatIsMissingIsFilledIn() {
        _one->users["anna"] = {"right", {"anna", 1000, {}, "", "", {}, {{"quota_rule", "one"}}}};
        _two->users["anna"] = {
            "",
            {"Anna", 2000, 2000, "/home/anna", "/mail/anna", {"192.0.2.0/24"}, {{"quota_rule", "two"}, {"x", "y"}}}};
        const maildock::Account account = chain().verify("anna", "right").verdict.account;
        CPPUNIT_ASSERT_EQUAL(std::string("anna"), account.user);
        CPPUNIT_ASSERT_EQUAL(1000u, *account.uid);
        CPPUNIT_ASSERT_EQUAL(2000u, *account.gid);
        CPPUNIT_ASSERT_EQUAL(std::string("/home/anna"), account.home);
        CPPUNIT_ASSERT_EQUAL(std::string("/mail/anna"), account.mailLocation);
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, account.allowedNetworks.size());
        CPPUNIT_ASSERT_EQUAL(std::string("one"), account.extra.at("quota_rule"));
        CPPUNIT_ASSERT_EQUAL(std::string("y"), account.extra.at("x"));
    }

    void aWholeAccountAsksNobody() {
        _one->users["anna"] = {"right", {"anna", {}, {}, "/home/anna", "", {}, {}}};
        _two->isDown = true;
        CPPUNIT_ASSERT(chain().verify("anna", "right").verdict.outcome == Outcome::Success);
        CPPUNIT_ASSERT_EQUAL(0, _two->lookups);
    }

    void mergingCanBeSwitched() {
        _one->users["anna"] = {"right", {"anna", {}, {}, "/home/anna", "", {}, {}}};
        _two->users["anna"] = {"", {"anna", 7, {}, "/other", "", {}, {}}};
        const maildock::Account always =
            chain(Chain::Rule::FirstKnown, Chain::Merge::Always).verify("anna", "right").verdict.account;
        CPPUNIT_ASSERT_EQUAL(7u, *always.uid);
        CPPUNIT_ASSERT_EQUAL(std::string("/home/anna"), always.home);
        _one->users["anna"].account.home = "";
        const maildock::Account never =
            chain(Chain::Rule::FirstKnown, Chain::Merge::Never).verify("anna", "right").verdict.account;
        CPPUNIT_ASSERT_EQUAL(std::string(), never.home);
    }

    void aSourceThatIsDownMakesTheWholeTemporary() {
        _one->users["anna"].password = "right";
        _two->isDown = true;
        CPPUNIT_ASSERT(chain().verify("anna", "right").verdict.outcome == Outcome::TemporaryFailure);
    }

    void whoWantsKnownUsersLetsInNoOthers() {
        _one->wantsKnown = true;
        for (const auto merge : {Chain::Merge::WhereMissing, Chain::Merge::Always, Chain::Merge::Never}) {
            _two->users.clear();
            _one->users["anna"] = {"right", {"anna", {}, {}, "/home/anna", "", {}, {}}};
            const Chain asked = chain(Chain::Rule::FirstKnown, merge);
            const auto letIn = [&asked] { return asked.verify("anna", "right"); };
            CPPUNIT_ASSERT(letIn().verdict.outcome == Outcome::UnknownUser);
            _two->users["anna"] = {"", {"anna", 7, {}, "", "", {}, {}}};
            const Decision decision = letIn();
            CPPUNIT_ASSERT(decision.verdict.outcome == Outcome::Success && decision.decidedBy->name == "one");
            CPPUNIT_ASSERT_EQUAL(merge == Chain::Merge::Always, decision.verdict.account.uid.has_value());
            _two->users["anna"].otherwise = Outcome::Disabled;
            CPPUNIT_ASSERT(letIn().verdict.outcome == Outcome::Disabled);
        }
    }

    void keysComeFromWhoeverKnowsTheUser() {
        _one->users["anna"].password = "right";
        _two->users["anna"].password = "right";
        _two->users["ben"].password = "right";
        _two->keysOfUsers["anna"].iterations = _two->keysOfUsers["ben"].iterations = 5000;
        CPPUNIT_ASSERT_EQUAL(5000u, chain().scramKeys("ben", "SHA-256").keys->iterations);
        const Chain::Secret none = chain().scramKeys("anna", "SHA-256");
        CPPUNIT_ASSERT(!none.keys && none.decision.verdict.outcome == Outcome::WrongPassword);
        CPPUNIT_ASSERT(chain(Chain::Rule::FirstSuccess).scramKeys("anna", "SHA-256").keys.has_value());
        _two->users["ben"].otherwise = Outcome::Disabled;
        CPPUNIT_ASSERT(!chain().scramKeys("ben", "SHA-256").keys);
    }

    void stampsAreJoined() {
        _one->currentStamp = "a";
        CPPUNIT_ASSERT(!chain().stamp());
        _two->currentStamp = "b";
        const std::optional<std::string> before = chain().stamp();
        CPPUNIT_ASSERT(before.has_value());
        _two->currentStamp = "c";
        CPPUNIT_ASSERT(*before != *chain().stamp());
    }

    void aTrustedPluginNeedsNoStamp() {
        const Chain trusting({{"one", _one}, {"two", _two}}, Chain::Rule::FirstKnown, Chain::Merge::WhereMissing,
                             {"one"});
        CPPUNIT_ASSERT(!trusting.stamp());
        _two->currentStamp = "b";
        const std::optional<std::string> before = trusting.stamp();
        CPPUNIT_ASSERT(before.has_value());
        _two->currentStamp = "c";
        CPPUNIT_ASSERT(*before != *trusting.stamp());
        CPPUNIT_ASSERT(!chain().stamp());
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(ChainTest);
