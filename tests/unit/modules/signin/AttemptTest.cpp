#include "modules/signin/Attempt.h"

#include <cppunit/TestFixture.h>
#include <cppunit/extensions/HelperMacros.h>

#include "modules/signin/Names.h"
#include "tests/unit/modules/signin/FakePlugin.h"

using maildock::ExchangeStep;
using maildock::Outcome;
using maildock::Secret;
using maildock::signin::Attempt;
using maildock::signin::Client;
using maildock::signin::Desk;
using maildock::signin::Guesses;
using Kind = Attempt::Result::Kind;

class AttemptTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(AttemptTest);
    CPPUNIT_TEST(aPluginBringsItsMechanism);
    CPPUNIT_TEST(theLastOctetsAreToldAndAnswered);
    CPPUNIT_TEST(aRefusalIsToldAndCountedAtOnce);
    CPPUNIT_TEST(whatThePluginThrowsIsTemporary);
    CPPUNIT_TEST(aPluginsUserMayNotActForAnother);
    CPPUNIT_TEST(anAdminActsForAnother);
    CPPUNIT_TEST(malformedAnswersAreNoFailures);
    CPPUNIT_TEST(loginAsksForTheNameOnce);
    CPPUNIT_TEST(emptyAnswersComeToAnEnd);
    CPPUNIT_TEST(guessesAreCountedAndRefused);
    CPPUNIT_TEST(beingDownIsNoFailure);
    CPPUNIT_TEST(successesAreRememberedByTheirStamp);
    CPPUNIT_TEST(mechanismsAreOfferedWhereTheyCanBeServed);
    CPPUNIT_TEST(decoysAreStable);
    CPPUNIT_TEST(namesArePrepared);
    CPPUNIT_TEST_SUITE_END();

    std::shared_ptr<FakePlugin> _one = std::make_shared<FakePlugin>(), _two = std::make_shared<FakePlugin>();
    std::shared_ptr<FakeSettings> _settings = std::make_shared<FakeSettings>();

    [[nodiscard]] std::shared_ptr<const Desk> desk() const {
        auto environment = std::make_shared<maildock::Environment>();
        environment->settings = _settings;
        environment->authenticators = {{"one", _one}, {"two", _two}};
        return std::make_shared<const Desk>(environment, nullptr);
    }
    static Client client(const std::string& address = "192.0.2.1") {
        Client client;
        client.facts.clientAddress = address;
        client.mayRevealSecrets = true;
        return client;
    }
    [[nodiscard]] static Attempt::Result signIn(const std::shared_ptr<const Desk>& desk, const std::string& user,
                                                const std::string& password) {
        return Attempt::byPassword(desk, client(), user, Secret(password))->step("");
    }
    static ExchangeStep success(const std::string& user, const std::string& octets = "",
                                const std::string& authorization = "") {
        ExchangeStep step{ExchangeStep::Kind::Success, octets, {Outcome::Success, {}, ""}, authorization};
        step.verdict.account.user = user;
        return step;
    }

public:
    void aPluginBringsItsMechanism() {
        _one->steps = {{ExchangeStep::Kind::Challenge, "and?", {}, {}}, success("anna")};
        _two->users["anna"].account.home = "/home/anna";
        Attempt attempt(desk(), client(), "X-FAKE", false);
        CPPUNIT_ASSERT(!attempt.isServerFirst());
        const Attempt::Result asked = attempt.step("hello");
        CPPUNIT_ASSERT(asked.kind == Kind::Challenge && asked.challenge == "and?");
        const Attempt::Result done = attempt.step("this");
        CPPUNIT_ASSERT(done.kind == Kind::Settled && done.verdict.outcome == Outcome::Success);
        CPPUNIT_ASSERT_EQUAL(std::string("/home/anna"), done.verdict.account.home);  // the other plugin's
        CPPUNIT_ASSERT_EQUAL(std::string("this"), _one->heard.back());
        CPPUNIT_ASSERT_EQUAL(std::string("one"), done.verdict.reason);
    }

    void theLastOctetsAreToldAndAnswered() {
        for (const bool isProper : {true, false}) {
            _one->heard.clear();
            _one->steps = {success("anna", "goodbye")};
            Attempt attempt(desk(), client(), "X-FAKE", false);
            CPPUNIT_ASSERT_EQUAL(std::string("goodbye"), attempt.step("hello").challenge);
            CPPUNIT_ASSERT(attempt.step(isProper ? "" : "what?").kind == (isProper ? Kind::Settled : Kind::Malformed));
        }
    }

    void aRefusalIsToldAndCountedAtOnce() {
        const auto shared = desk();
        ExchangeStep refusal{ExchangeStep::Kind::Failure, "no", {Outcome::WrongPassword, {}, "stale"}, ""};
        refusal.verdict.account.user = "anna";
        for (int i = 0; i < 5; ++i) {
            _one->heard.clear();
            _one->steps = {refusal};
            Attempt attempt(shared, client(), "X-FAKE", false);
            const Attempt::Result told = attempt.step("hello");
            CPPUNIT_ASSERT(told.kind == Kind::Challenge && told.isRefused);
            CPPUNIT_ASSERT_EQUAL(std::string("no"), told.challenge);
            if (i % 2 == 0) continue;  // the client goes away
            const Attempt::Result settled = attempt.step("whatever");
            CPPUNIT_ASSERT(settled.kind == Kind::Settled && settled.verdict.outcome == Outcome::WrongPassword);
            CPPUNIT_ASSERT_EQUAL(std::string("one: stale"), settled.verdict.reason);
            CPPUNIT_ASSERT_EQUAL(std::string("anna"), settled.user);
            CPPUNIT_ASSERT_EQUAL(std::size_t{1}, _one->heard.size());
        }
        _one->users["anna"].password = "right";
        CPPUNIT_ASSERT(signIn(shared, "anna", "right").refusal == Guesses::Refusal::Address);
    }

    void whatThePluginThrowsIsTemporary() {
        Attempt attempt(desk(), client(), "X-FAKE", false);  // it has no steps to play
        const Attempt::Result result = attempt.step("hello");
        CPPUNIT_ASSERT(result.kind == Kind::Settled && result.verdict.outcome == Outcome::TemporaryFailure);
    }

    void aPluginsUserMayNotActForAnother() {
        _one->steps = {success("anna", "", "ben")};
        _one->users["ben"];
        CPPUNIT_ASSERT(Attempt(desk(), client(), "X-FAKE", false).step("").verdict.outcome == Outcome::WrongPassword);
    }

    void anAdminActsForAnother() {
        _one->admin = "root";
        _one->users["root"].password = "right";
        _one->users["root"].account.allowedNetworks = {"192.0.2.0/24"};
        _one->users["ben"].account.home = "/home/ben";
        _one->users["ben"].account.allowedNetworks = {"198.51.100.0/24"};
        Attempt attempt(desk(), client(), "PLAIN", false);
        const Attempt::Result result = attempt.step(std::string("ben\0root\0right", 14));
        CPPUNIT_ASSERT(result.verdict.outcome == Outcome::Success);
        CPPUNIT_ASSERT_EQUAL(std::string("/home/ben"), result.verdict.account.home);
        CPPUNIT_ASSERT_EQUAL(std::string("root"), result.actingBy);
        CPPUNIT_ASSERT_EQUAL(std::string("192.0.2.0/24"), result.verdict.account.allowedNetworks.at(0));
        // Another plugin's user of that name is no admin.
        _two->users["rootkit"].password = "right";
        _one->admin = "rootkit";
        Attempt other(desk(), client(), "PLAIN", false);
        CPPUNIT_ASSERT(other.step(std::string("ben\0rootkit\0right", 17)).verdict.outcome == Outcome::WrongPassword);
    }

    void malformedAnswersAreNoFailures() {
        const auto shared = desk();
        for (int i = 0; i < 20; ++i)
            CPPUNIT_ASSERT(Attempt(shared, client(), "PLAIN", false).step("x").kind == Kind::Malformed);
        for (int i = 0; i < 20; ++i)
            CPPUNIT_ASSERT(Attempt(shared, client(), "SCRAM-SHA-256", false).step("x").kind == Kind::Malformed);
        _one->users["anna"].password = "right";
        CPPUNIT_ASSERT(signIn(shared, "anna", "right").verdict.outcome == Outcome::Success);
    }

    void loginAsksForTheNameOnce() {
        Attempt attempt(desk(), client(), "LOGIN", false);
        CPPUNIT_ASSERT_EQUAL(std::string("Username:"), attempt.step("").challenge);
        CPPUNIT_ASSERT_EQUAL(std::string("Password:"), attempt.step("").challenge);
        const Attempt::Result result = attempt.step("");
        CPPUNIT_ASSERT(result.kind == Kind::Settled && result.verdict.outcome == Outcome::UnknownUser);
        Attempt withName(desk(), client(), "LOGIN", false);
        CPPUNIT_ASSERT_EQUAL(std::string("Password:"), withName.step("anna").challenge);
    }

    void emptyAnswersComeToAnEnd() {
        for (const char* const mechanism : {"SCRAM-SHA-256", "SCRAM-SHA-1", "CRAM-MD5", "PLAIN", "LOGIN", "EXTERNAL"}) {
            Attempt attempt(desk(), client(), mechanism, false);
            int steps = 1;
            while (attempt.step("").kind == Kind::Challenge) CPPUNIT_ASSERT(++steps <= Attempt::maxChallenges + 1);
        }
    }

    void guessesAreCountedAndRefused() {
        const auto shared = desk();
        _one->users["anna"].password = "right";
        for (int i = 0; i < 5; ++i) {
            const Attempt::Result result = signIn(shared, i % 2 == 0 ? "anna" : "nobody", std::to_string(i));
            CPPUNIT_ASSERT(result.verdict.outcome != Outcome::Success && result.refusal == Guesses::Refusal::None);
        }
        const int asked = _one->verifications;
        const Attempt::Result refused = signIn(shared, "anna", "right");
        CPPUNIT_ASSERT(refused.verdict.outcome != Outcome::Success && refused.refusal == Guesses::Refusal::Address);
        CPPUNIT_ASSERT_EQUAL(asked, _one->verifications);
        Client exempt = client();
        exempt.isExempt = true;
        CPPUNIT_ASSERT(Attempt::byPassword(shared, exempt, "anna", Secret("right"))->step("").verdict.outcome ==
                       Outcome::Success);
    }

    void beingDownIsNoFailure() {
        const auto shared = desk();
        _one->isDown = true;
        for (int i = 0; i < 20; ++i)
            CPPUNIT_ASSERT(signIn(shared, "anna", std::to_string(i)).verdict.outcome == Outcome::TemporaryFailure);
        _one->isDown = false;
        _one->users["anna"].password = "right";
        CPPUNIT_ASSERT(signIn(shared, "anna", "right").verdict.outcome == Outcome::Success);
    }

    void successesAreRememberedByTheirStamp() {
        const auto shared = desk();
        _one->users["anna"].password = "right";
        const auto asked = [&] {
            const int before = _one->verifications;
            CPPUNIT_ASSERT(signIn(shared, "anna", "right").verdict.outcome == Outcome::Success);
            return _one->verifications - before;
        };
        CPPUNIT_ASSERT_EQUAL(1, asked());
        CPPUNIT_ASSERT_EQUAL(1, asked());  // without stamps nothing is remembered
        CPPUNIT_ASSERT_EQUAL(std::string("192.0.2.1"), _one->clientAddress);
        _one->currentStamp = _two->currentStamp = "1";
        CPPUNIT_ASSERT_EQUAL(1, asked());
        CPPUNIT_ASSERT_EQUAL(0, asked());
        _two->currentStamp = "2";
        CPPUNIT_ASSERT_EQUAL(1, asked());
    }

    void mechanismsAreOfferedWhereTheyCanBeServed() {
        const auto shared = desk();
        using Names = std::vector<std::string>;
        CPPUNIT_ASSERT((shared->offered({}, client()) == Names{"X-FAKE", "PLAIN", "LOGIN"}));
        Client clear = client();
        clear.mayRevealSecrets = false;
        CPPUNIT_ASSERT(shared->offered({}, clear).empty());
        CPPUNIT_ASSERT((shared->offered({"SCRAM-SHA-256", "CRAM-MD5"}, clear) == Names{"SCRAM-SHA-256", "CRAM-MD5"}));
        CPPUNIT_ASSERT((shared->offered({"SCRAM-SHA-1-PLUS"}, clear).empty()));
        clear.facts.exporterBinding = "x";
        CPPUNIT_ASSERT(
            (shared->offered({"SCRAM-SHA-1", "SCRAM-SHA-1-PLUS"}, clear) == Names{"SCRAM-SHA-1-PLUS", "SCRAM-SHA-1"}));
        clear.certificateUser = "anna";
        CPPUNIT_ASSERT((shared->offered({}, clear) == Names{"EXTERNAL"}));
        CPPUNIT_ASSERT((shared->unserved({"PLAIN", "NTLM", "X-FAKE"}) == Names{"NTLM"}));
    }

    void decoysAreStable() {
        const auto shared = desk();
        CPPUNIT_ASSERT(shared->decoyKeys("a", "SHA-256").salt == shared->decoyKeys("a", "SHA-256").salt);
        CPPUNIT_ASSERT(shared->decoyKeys("a", "SHA-256").salt != shared->decoyKeys("b", "SHA-256").salt);
        CPPUNIT_ASSERT(shared->decoyKeys("a", "SHA-256").storedKey != shared->decoyKeys("a", "SHA-256").storedKey);
        CPPUNIT_ASSERT_EQUAL(std::size_t{20}, shared->decoyKeys("a", "SHA-1").storedKey.size());
    }

    // RFC 4013 3
    void namesArePrepared() {
        using maildock::signin::preparedName;
        CPPUNIT_ASSERT_EQUAL(std::string("user"), preparedName("user").value());
        CPPUNIT_ASSERT_EQUAL(std::string("USER"), preparedName("USER").value());
        CPPUNIT_ASSERT_EQUAL(std::string("IX"), preparedName("I\u00adX").value());
        CPPUNIT_ASSERT_EQUAL(std::string("a"), preparedName("\u00aa").value());
        CPPUNIT_ASSERT_EQUAL(std::string("IX"), preparedName("\u2168").value());
        CPPUNIT_ASSERT(!preparedName("\x07") &&
                       !preparedName("\u0627"
                                     "1") &&
                       !preparedName("") && !preparedName("\xff") && !preparedName(std::string("a\0b", 3)));
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(AttemptTest);
