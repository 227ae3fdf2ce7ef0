// Any answers of a client to any mechanism of ours: an attempt ends, says in a line what was wrong, and lets nobody in
// but who proves to be the one user that there is. The first octet chooses mechanism and connection; answers are ended
// by FF 00; in an answer to SCRAM %r stands for the nonce that the server sent, so that more than its first half is
// reached.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "modules/signin/Attempt.h"
#include "tests/unit/modules/signin/FakePlugin.h"

namespace {

using namespace maildock;
using signin::Attempt;
using Result = Attempt::Result;

constexpr const char* password = "the right one";
constexpr const char* mechanisms[] = {
    "PLAIN",    "LOGIN", "SCRAM-SHA-256", "SCRAM-SHA-256-PLUS", "SCRAM-SHA-1", "SCRAM-SHA-1-PLUS", "EXTERNAL",
    "CRAM-MD5", ""};  // the last: the command LOGIN

void check(bool condition) {
    if (!condition) std::abort();
}

std::shared_ptr<const signin::Desk> makeDesk() {
    auto plugin = std::make_shared<FakePlugin>();
    plugin->users["anna"].password = password;
    plugin->keysOfUsers["anna"] = {4096, "0123456789abcdef", std::string(32, 's'), std::string(32, 'k')};
    plugin->currentStamp = "1";
    auto settings = std::make_shared<FakeSettings>();
    settings->values["auth.limit.perAddress"] = settings->values["auth.limit.perUser"] = "0";
    auto environment = std::make_shared<Environment>();
    environment->settings = settings;
    environment->authenticators = {{"fake", plugin}};
    return std::make_shared<const signin::Desk>(environment, nullptr);
}

std::string nextAnswer(std::string_view& octets, const std::string& nonce) {
    const std::size_t end = octets.find(std::string_view("\xFF\0", 2));
    std::string answer(octets.substr(0, end));
    octets.remove_prefix(end == std::string_view::npos ? octets.size() : end + 2);
    const std::size_t at = answer.find("%r");
    if (at != std::string::npos && !nonce.empty()) answer.replace(at, 2, nonce);
    return answer;
}

std::string nonceOf(const std::string& challenge) {
    const std::size_t begin = challenge.find("r=");
    return begin == std::string::npos ? "" : challenge.substr(begin + 2, challenge.find(',', begin) - begin - 2);
}

// `heard`: whether the client ever said the password.
void look(const Result& result, const std::string& mechanism, bool heard) {
    check(result.kind != Result::Kind::Malformed ||
          (!result.text.empty() && result.text.find_first_of("\r\n") == std::string::npos));
    if (result.kind != Result::Kind::Settled || result.verdict.outcome != Outcome::Success) return;
    check(result.verdict.account.user == "anna" && result.actingBy.empty());
    // The keys are nobody's, and what CRAM-MD5 and SCRAM have to prove can't be guessed.
    check(mechanism == "EXTERNAL" || (heard && (mechanism.empty() || mechanism == "PLAIN" || mechanism == "LOGIN")));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const auto desk = makeDesk();
    if (size == 0) return 0;
    std::string_view octets(reinterpret_cast<const char*>(data + 1), size - 1);
    const std::string mechanism = mechanisms[data[0] % std::size(mechanisms)];
    const bool hasBinding = data[0] >= 128;
    signin::Client client;
    client.facts.clientAddress = "192.0.2.1";
    client.facts.exporterBinding = hasBinding ? std::string(32, 'b') : "";
    client.certificateUser = "anna";
    client.mayRevealSecrets = true;
    std::unique_ptr<Attempt> attempt;
    bool heard = octets.find(password) != std::string_view::npos;
    if (mechanism.empty()) {
        const std::string user = nextAnswer(octets, "");
        attempt = Attempt::byPassword(desk, client, user, Secret(nextAnswer(octets, "")));
        look(attempt->step(""), mechanism, heard);
        return 0;
    }
    attempt = std::make_unique<Attempt>(desk, client, mechanism, hasBinding);
    std::string answer = attempt->isServerFirst() ? "" : nextAnswer(octets, "");
    for (int step = 0;; ++step) {
        const Result result = attempt->step(answer);
        look(result, mechanism, heard);
        if (result.kind != Result::Kind::Challenge) break;
        check(step <= Attempt::maxChallenges);
        answer = nextAnswer(octets, nonceOf(result.challenge));
    }
    return 0;
}
