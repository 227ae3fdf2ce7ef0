// The client's messages of NTLM ([MS-NLMP] 2.2.1), looked at before the library gets them: it is written in C and has
// trusted lengths before, so none that does not fit reaches it. Says too who the client says it is.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace maildock::gssapi {

// Why it is no NEGOTIATE_MESSAGE; empty: it is one.
[[nodiscard]] std::string faultOfNegotiate(std::string_view message);

// The same message as the library (gss-ntlmssp 1.2) can read it: with a version at its end, which curl's has not. A
// client that signs the three messages has sent one, so that its signature stays right.
[[nodiscard]] std::string withVersion(std::string negotiate);

// The flags of a CHALLENGE_MESSAGE of ours, which say how the answer is to be read; 0 if it is none.
[[nodiscard]] std::uint32_t flagsOfChallenge(std::string_view message);

struct NtlmClaim {
    std::string fault;         // why the message is refused; empty: it may be tried
    std::string user, domain;  // ASCII; the domain may be empty
};

// An AUTHENTICATE_MESSAGE in answer to a challenge with these flags. Only the second version of the response is taken
// (NTLMv2): the first one and LM's are as good as broken.
[[nodiscard]] NtlmClaim parseAuthenticate(std::string_view message, std::uint32_t challengeFlags);

// Likewise one that parseAuthenticate() had no fault to find with: with places for version and signature before what
// its parts hold. Unchanged if they are there.
[[nodiscard]] std::string withPlaces(const std::string& authenticate);

}  // namespace maildock::gssapi
