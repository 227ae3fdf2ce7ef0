// What tokens and token servers send: the first octet says as what the rest is read. Checked: nothing is read past its
// end, nothing crashes, faults show no octets of what they are about, and names that are made of claims can be used.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "plugins/auth-oauth2/Claims.h"
#include "plugins/auth-oauth2/HttpAnswer.h"
#include "plugins/auth-oauth2/Jwt.h"
#include "plugins/auth-oauth2/KeySet.h"
#include "plugins/common/AccountFields.h"

using namespace maildock::oauth2;

namespace {

void require(bool holds) {
    if (!holds) std::abort();
}

void judgeClaims(const JsonObject& claims) {
    Rules rules;
    rules.issuer = "i";
    rules.audiences = {"a"};
    rules.scopes = {"s"};
    rules.userPattern = "%n@%d";
    const Judgement judgement = judge(claims, rules, 1000000);
    require(judgement.isAccepted == judgement.reason.empty());
    require(!judgement.isAccepted || maildock::common::isUsableUtf8Name(judgement.user));
}

void readToken(const std::string& text) {
    const Jwt jwt = parseJwt(text);
    require(jwt.signedText.data() == text.data() && jwt.signedText.size() < text.size());
    judgeClaims(jwt.claims);
}

void readKeys(const std::string& text) {
    const auto keys = KeySet::parse(text);
    require(keys->size() <= KeySet::maxKeys);
    for (const std::string& name : algorithmNames(true))
        static_cast<void>(keys->verify(*algorithmNamed(name), "", "text", std::string(64, 'x')));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const std::string text(reinterpret_cast<const char*>(data) + 1, size - 1);
    try {
        switch (data[0] % 4) {
            case 0:
                readToken(text);
                break;
            case 1:
                readKeys(text);
                break;
            case 2:
                judgeClaims(parseObject(text, 65536));
                break;
            default:
                require(parseHttpAnswer(text).body.size() <= text.size());
        }
    } catch (const JsonError& e) {
        for (const char c : std::string(e.what())) require(c >= 0x20 && c < 0x7f);
    } catch (const HttpError&) {  // NOLINT(bugprone-empty-catch): most are none
    }
    return 0;
}
