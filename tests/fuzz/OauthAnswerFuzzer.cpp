// Any octets are a client's answer in OAUTHBEARER or XOAUTH2. Checked: what is taken has a token of the characters that
// tokens have, within its limit, and names that fit; what is wrong with the rest is told without any of its octets.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "plugins/auth-oauth2/ClientAnswer.h"

namespace {

constexpr std::size_t maxTokenOctets = 64;

void require(bool holds) {
    if (!holds) std::abort();
}

void check(const maildock::oauth2::ClientAnswer& answer) {
    const auto isPrintable = [](char c) { return c >= 0x20 && c < 0x7f; };
    if (!answer.fault.empty()) {
        require(answer.token.empty() && answer.user.empty() && answer.host.empty());
        require(std::all_of(answer.fault.begin(), answer.fault.end(), isPrintable));
        return;
    }
    require(!answer.token.empty() && answer.token.size() <= maxTokenOctets);
    require(std::all_of(answer.token.begin(), answer.token.end(), [](char c) { return c > 0x20 && c < 0x7f; }));
    require(answer.user.size() <= 255 && answer.user.find('\0') == std::string::npos);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view octets(reinterpret_cast<const char*>(data), size);
    check(maildock::oauth2::parseOauthBearer(octets, maxTokenOctets));
    check(maildock::oauth2::parseXoauth2(octets, maxTokenOctets));
    return 0;
}
