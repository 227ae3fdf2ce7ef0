// What a client sends in GSSAPI's last message, as a principal or as NTLM's messages: nothing crashes, and what is let
// through to the library of NTLM is within its bounds.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "plugins/auth-gssapi/NtlmMessages.h"
#include "plugins/auth-gssapi/NtlmUsers.h"
#include "plugins/auth-gssapi/Principals.h"
#include "plugins/auth-gssapi/SecurityLayer.h"

using namespace maildock::gssapi;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string text(reinterpret_cast<const char*>(data), size);
    const LayerChoice choice = parseLayerChoice(text);
    if (!choice.fault.empty() && !choice.authorization.empty()) std::abort();
    const NameRules rules{{"HOME.TEST"}, true, true};
    if (userOf(text, rules).user.find('/') != std::string::npos) std::abort();
    if (faultOfNegotiate(text).empty() && withVersion(text).size() < 40) std::abort();
    (void)flagsOfChallenge(text);
    for (const std::uint32_t flags : {1u, 2u, 0x40000001u, 0x40000002u}) {
        const NtlmClaim claim = parseAuthenticate(text, flags);
        if (!claim.fault.empty()) continue;
        const NtlmClaim again = parseAuthenticate(withPlaces(text), flags);
        if (again.user != claim.user || again.domain != claim.domain) std::abort();
    }
    (void)NtlmUsers(text).twins();
    return 0;
}
