#include "plugins/auth-oauth2/ClientAnswer.h"

#include <algorithm>
#include <optional>

namespace maildock::oauth2 {

namespace {

constexpr char separator = '\x01';  // RFC 7628 3.1: kvsep
constexpr std::size_t maxNameOctets = 255;

bool isAlpha(char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

bool isDigit(char c) {
    return c >= '0' && c <= '9';
}

bool isSame(std::string_view text, std::string_view lowerCase) {
    return text.size() == lowerCase.size() &&
           std::equal(text.begin(), text.end(), lowerCase.begin(),
                      [](char a, char b) { return (isAlpha(a) ? a | 0x20 : a) == b; });
}

ClientAnswer faulty(const std::string& what) {
    ClientAnswer answer;
    answer.fault = what;
    return answer;
}

// RFC 5801 4: a comma and an equals sign are written =2C and =3D. Nothing: is none.
std::optional<std::string> saslName(std::string_view text) {
    std::string name;
    for (std::size_t at = 0; at < text.size(); ++at) {
        if (text[at] == '\0') return std::nullopt;
        if (text[at] != '=') {
            name += text[at];
            continue;
        }
        const std::string_view code = text.substr(at, 3);
        if (code != "=2C" && code != "=3D") return std::nullopt;
        name += code == "=2C" ? ',' : '=';
        at += 2;
    }
    return name.empty() || name.size() > maxNameOctets ? std::nullopt : std::optional(name);
}

// RFC 6750 2.1: "Bearer" 1*SP b64token; the scheme's case does not matter (RFC 7235 2.1). Returns what is wrong.
std::string takeToken(std::string_view value, std::size_t maxTokenOctets, std::string& token) {
    const std::size_t blank = value.find(' ');
    if (!isSame(value.substr(0, blank), "bearer")) return "the authorization is none of the scheme Bearer";
    const std::size_t begin = value.find_first_not_of(' ', blank);
    if (blank == std::string_view::npos || begin == std::string_view::npos) return "there is no token";
    value.remove_prefix(begin);
    if (value.size() > maxTokenOctets) return "the token is too long (auth.oauth2.limit.token)";
    const std::size_t padding = std::min(value.find('='), value.size());
    const bool isToken =
        padding > 0 && value.find_first_not_of('=', padding) == std::string_view::npos &&
        std::all_of(value.begin(), value.begin() + static_cast<std::ptrdiff_t>(padding), [](char c) {
            return isAlpha(c) || isDigit(c) || std::string_view("-._~+/").find(c) != std::string_view::npos;
        });
    if (!isToken) return "the token has characters that none has (RFC 6750 2.1)";
    token = value;
    return {};
}

// RFC 7628 3.1: a decimal positive integer without leading zeros.
bool isPort(std::string_view value) {
    return !value.empty() && value.size() <= 5 && value[0] != '0' && std::all_of(value.begin(), value.end(), isDigit);
}

enum class Form { OauthBearer, Xoauth2 };

// VCHAR / SP / HTAB / CR / LF; a name in XOAUTH2 may be UTF-8.
bool isValue(std::string_view value, bool isName) {
    return std::all_of(value.begin(), value.end(), [isName](char c) {
        const auto octet = static_cast<unsigned char>(c);
        return (octet >= 0x20 && octet < 0x7F) || c == '\t' || c == '\r' || c == '\n' || (isName && octet >= 0x80);
    });
}

// *kvpair kvsep: each pair ends in a separator, and one more ends them all. Unknown keys are ignored, as 3.1 asks.
ClientAnswer takePairs(ClientAnswer answer, std::string_view octets, Form form, std::size_t maxTokenOctets) {
    bool hasAuth = false, hasUser = false;
    for (;;) {
        const std::size_t end = octets.find(separator);
        if (end == std::string_view::npos) return faulty("the answer is not ended by two ^A");
        if (end == 0) break;
        const std::string_view pair = octets.substr(0, end);
        const std::size_t equals = pair.find('=');
        const std::string_view key = pair.substr(0, equals);
        if (equals == std::string_view::npos || key.empty() || !std::all_of(key.begin(), key.end(), isAlpha)) {
            return faulty("something in it is not of the form KEY=VALUE");
        }
        const std::string_view value = pair.substr(equals + 1);
        const bool isName = form == Form::Xoauth2 && key == "user";
        if (!isValue(value, isName)) return faulty("a value has octets that none has");
        if (key == "auth") {
            if (hasAuth) return faulty("it has more than one authorization");
            hasAuth = true;
            if (const std::string fault = takeToken(value, maxTokenOctets, answer.token); !fault.empty())
                return faulty(fault);
        } else if (isName) {
            if (hasUser || value.empty() || value.size() > maxNameOctets) return faulty("it does not name one user");
            hasUser = true;
            answer.user = value;
        } else if (key == "host" && form == Form::OauthBearer) {
            answer.host = value;
        } else if (key == "port" && form == Form::OauthBearer && !isPort(value)) {
            return faulty("the port is no number (RFC 7628 3.1)");
        }
        octets.remove_prefix(end + 1);
    }
    if (octets.size() != 1) return faulty("something follows its end");
    if (!hasAuth) return faulty("it has no authorization");
    if (form == Form::Xoauth2 && !hasUser) return faulty("it does not name one user");
    return answer;
}

}  // namespace

ClientAnswer parseOauthBearer(std::string_view octets, std::size_t maxTokenOctets) {
    // 3.1: a single separator is the answer to an error alone.
    if (octets.empty() || octets == std::string_view(&separator, 1)) return faulty("it is empty");
    // RFC 5801 4: gs2-header = gs2-cb-flag "," [authzid] ",". What is no flag might be "F," of a mechanism that is not
    // this one.
    const std::size_t comma = octets.find(',');
    if (octets[0] == 'p') return faulty("it asks for channel binding, which the mechanism does not have");
    if (comma != 1 || (octets[0] != 'n' && octets[0] != 'y')) return faulty("it does not begin with a GS2 header");
    octets.remove_prefix(2);
    const std::size_t end = octets.find(',');
    if (end == std::string_view::npos) return faulty("its GS2 header does not end");
    ClientAnswer answer;
    if (end != 0) {
        const auto name = octets.substr(0, 2) == "a=" ? saslName(octets.substr(2, end - 2)) : std::nullopt;
        if (!name) return faulty("its GS2 header has no proper name (RFC 5801 4)");
        answer.user = *name;
    }
    octets.remove_prefix(end + 1);
    if (octets.empty() || octets[0] != separator) return faulty("no ^A follows its GS2 header");
    octets.remove_prefix(1);
    return takePairs(std::move(answer), octets, Form::OauthBearer, maxTokenOctets);
}

ClientAnswer parseXoauth2(std::string_view octets, std::size_t maxTokenOctets) {
    if (octets.empty()) return faulty("it is empty");
    return takePairs({}, octets, Form::Xoauth2, maxTokenOctets);
}

}  // namespace maildock::oauth2
