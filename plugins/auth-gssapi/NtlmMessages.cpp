#include "plugins/auth-gssapi/NtlmMessages.h"

#include <algorithm>
#include <array>
#include <optional>

namespace maildock::gssapi {

namespace {

constexpr std::string_view signature("NTLMSSP\0", 8);
constexpr std::uint32_t negotiateType = 1, challengeType = 2, authenticateType = 3;  // [MS-NLMP] 2.2.1: MessageType
constexpr std::uint32_t unicodeFlag = 0x00000001, keyExchangeFlag = 0x40000000;      // 2.2.2.5

constexpr std::size_t negotiateOctets = 16;  // up to its flags; old clients leave out what follows
constexpr std::size_t versionedOctets = 40;  // with the version at its end
constexpr std::size_t maxNegotiateOctets = 1024;
constexpr std::size_t challengeOctets = 24;  // up to its flags
constexpr std::size_t fixedOctets = 64;      // of an AUTHENTICATE_MESSAGE, without version and MIC
constexpr std::size_t versionOctets = 8, micOctets = 16;
// Where it says where its parts are: LM's response, NTLM's, domain, user, workstation, session key.
constexpr std::array<std::size_t, 6> fieldPlaces = {12, 20, 28, 36, 44, 52};
constexpr std::size_t maxAuthenticateOctets = 16384;
constexpr std::size_t leastResponse2 = 44;  // 2.2.2.8: an NTLMv2_RESPONSE without any target information
constexpr std::size_t sessionKeyOctets = 16;
constexpr std::size_t maxNameLetters = 255;

std::uint32_t number(std::string_view octets, std::size_t at, std::size_t count) {
    std::uint32_t value = 0;
    for (std::size_t i = count; i-- > 0;) value = value << 8 | static_cast<unsigned char>(octets[at + i]);
    return value;
}

bool isMessage(std::string_view message, std::uint32_t type, std::size_t leastOctets) {
    return message.size() >= leastOctets && message.starts_with(signature) && number(message, 8, 4) == type;
}

// 2.2.1.3: length, greatest length and offset stand at `at`.
std::optional<std::string_view> field(std::string_view message, std::size_t at) {
    const std::size_t length = number(message, at, 2);
    const std::size_t offset = number(message, at + 4, 4);
    if (length == 0) return std::string_view();
    if (offset < fixedOctets || offset > message.size() || length > message.size() - offset) return std::nullopt;
    return message.substr(offset, length);
}

// Names in ASCII alone: whether others are the same depends on tables that ours and the library's need not agree on.
std::optional<std::string> asciiName(std::string_view octets, bool isUnicode) {
    if (isUnicode && octets.size() % 2 != 0) return std::nullopt;
    std::string name;
    for (std::size_t i = 0; i < octets.size(); i += isUnicode ? 2 : 1) {
        if (isUnicode && octets[i + 1] != '\0') return std::nullopt;
        name += octets[i];
    }
    // What separates in the library's names or in the users file is in no name.
    const bool isPlain = std::all_of(name.begin(), name.end(),
                                     [](char c) { return c > 0x20 && c < 0x7F && c != '\\' && c != '/' && c != ':'; });
    if (!isPlain || name.size() > maxNameLetters) return std::nullopt;
    return name;
}

}  // namespace

std::string faultOfNegotiate(std::string_view message) {
    if (!isMessage(message, negotiateType, negotiateOctets)) return "the first message is not NTLM's";
    if (message.size() > maxNegotiateOctets) return "the first message is too long";
    return {};
}

std::string withVersion(std::string negotiate) {
    negotiate.resize(std::max(negotiate.size(), versionedOctets), '\0');
    return negotiate;
}

std::uint32_t flagsOfChallenge(std::string_view message) {
    return isMessage(message, challengeType, challengeOctets) ? number(message, 20, 4) : 0;
}

NtlmClaim parseAuthenticate(std::string_view message, std::uint32_t challengeFlags) {
    const auto refused = [](const char* fault) { return NtlmClaim{fault, {}, {}}; };
    if (!isMessage(message, authenticateType, fixedOctets)) return refused("the second message is not NTLM's");
    if (message.size() > maxAuthenticateOctets) return refused("the second message is too long");
    std::array<std::string_view, fieldPlaces.size()> parts;
    for (std::size_t i = 0; i < parts.size(); ++i) {
        const std::optional<std::string_view> part = field(message, fieldPlaces[i]);
        if (!part) return refused("the second message has a part that is not within it");
        parts[i] = *part;
    }
    const auto [oldResponse, response, domain, user, workstation, sessionKey] = parts;
    const bool isUnicode = (challengeFlags & unicodeFlag) != 0;
    const auto userName = asciiName(user, isUnicode), domainName = asciiName(domain, isUnicode);
    if (!userName || !domainName) return refused("a name that is not taken: letters of ASCII alone, no separators");
    if (userName->empty()) return refused("the client names no user");
    const bool exchangesKey = (challengeFlags & keyExchangeFlag) != 0;
    if (exchangesKey ? sessionKey.size() != sessionKeyOctets : !sessionKey.empty() && sessionKey.size() != 16) {
        return refused("the session key has not the length that it must have");
    }
    if (isUnicode && workstation.size() % 2 != 0) return refused("the workstation has half a letter");
    if (response.size() < leastResponse2) {
        return {response.empty() ? "the client gives no response" : "NTLM's first version is not taken", *userName,
                *domainName};
    }
    return {{}, *userName, *domainName};
}

std::string withPlaces(const std::string& authenticate) {
    std::size_t first = authenticate.size();
    for (const std::size_t at : fieldPlaces) {
        if (number(authenticate, at, 2) != 0) first = std::min<std::size_t>(first, number(authenticate, at + 4, 4));
    }
    if (first >= fixedOctets + versionOctets) return authenticate;
    std::string message = authenticate;
    message.insert(fixedOctets, versionOctets + micOctets, '\0');
    for (const std::size_t at : fieldPlaces) {
        std::uint32_t offset = number(authenticate, at + 4, 4) + versionOctets + micOctets;
        for (std::size_t i = 0; i < 4; ++i, offset >>= 8) message[at + 4 + i] = static_cast<char>(offset & 0xFF);
    }
    return message;
}

}  // namespace maildock::gssapi
