#include "plugins/auth-oauth2/Claims.h"

#include <Poco/String.h>
#include <gsasl.h>

#include <algorithm>
#include <cmath>

#include "plugins/common/AccountFields.h"

namespace maildock::oauth2 {

namespace {

constexpr double lastSecond = 1e15;  // some 30 million years on: what is later is as good as never

bool contains(const std::vector<std::string>& texts, const std::string& text) {
    return std::find(texts.begin(), texts.end(), text) != texts.end();
}

std::string shown(const std::string& text) {
    std::string result = text.substr(0, 100);
    std::replace_if(
        result.begin(), result.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; }, '?');
    return result;
}

// RFC 8693 4.2: one string, blanks between. Some servers write an array, Microsoft's "scp".
std::vector<std::string> scopesOf(const JsonObject& claims) {
    auto listed = textsMember(claims, "scope");
    if (!listed) listed = textsMember(claims, "scp");
    std::vector<std::string> scopes;
    for (const std::string& one : listed.value_or(std::vector<std::string>())) {
        for (std::string& part : common::split(one, ' ', 1000)) scopes.push_back(std::move(part));
    }
    return scopes;
}

// RFC 7519 2: NumericDate, seconds since 1970, perhaps with a fraction. A claim of another kind is a fault.
struct Times {
    std::optional<double> expiry, notBefore, issued;
    std::string fault;
};

Times timesOf(const JsonObject& claims) {
    Times times;
    const auto read = [&](const char* name, std::optional<double>& into) {
        if (!claims->has(name) || claims->isNull(name)) return;
        into = numberMember(claims, name);
        if (!into) times.fault = std::string("the claim ") + name + " is no number";
    };
    read("exp", times.expiry);
    read("nbf", times.notBefore);
    read("iat", times.issued);
    return times;
}

std::string faultOfTimes(const Times& times, const Rules& rules, std::int64_t now) {
    if (!times.fault.empty()) return times.fault;
    const auto clock = static_cast<double>(now);
    const auto leeway = static_cast<double>(rules.leewaySeconds);
    if (!times.expiry && rules.needsExpiry) return "the token says no end of its time (exp)";
    // RFC 7519 4.1.4: "on or after which" it is not accepted.
    if (times.expiry && clock >= *times.expiry + leeway) {
        const double ago = std::min(clock - *times.expiry, lastSecond);
        return "the token has expired " + std::to_string(static_cast<std::int64_t>(ago)) + " s ago";
    }
    if (times.notBefore && clock < *times.notBefore - leeway) return "the token is not valid yet (nbf)";
    if (times.issued && clock < *times.issued - leeway)
        return "the token was issued in the future (iat): is the clock right?";
    return {};
}

// RFC 7519 4.1.1, 4.1.3.
std::string faultOfOrigin(const JsonObject& claims, const Rules& rules) {
    if (!rules.issuer.empty()) {
        const std::string issuer = textMember(claims, "iss").value_or("");
        if (issuer != rules.issuer) return "the token is of another issuer (iss): `" + shown(issuer) + "`";
    }
    if (rules.audiences.empty()) return {};
    const auto audiences = textsMember(claims, "aud").value_or(std::vector<std::string>());
    const bool isOurs = std::any_of(audiences.begin(), audiences.end(),
                                    [&rules](const std::string& one) { return contains(rules.audiences, one); });
    if (isOurs) return {};
    return "the token is for another audience (aud)" +
           (audiences.empty() ? std::string() : ": `" + shown(audiences.front()) + "`");
}

// OpenID Connect Core 5.1: an address that nobody has verified is one that somebody claims to have.
bool isUnverified(const JsonObject& claims, const Rules& rules) {
    if (rules.userClaim != "email" || !claims->has("email_verified")) return false;
    const auto verified = booleanMember(claims, "email_verified");
    return verified ? !*verified : textMember(claims, "email_verified").value_or("") != "true";
}

// Names are prepared by SASLprep (RFC 4013) afterwards, which makes some that differ one. Nobody may become somebody
// else so: a name that it would change is none.
bool isPrepared(const std::string& name) {
    char* prepared = nullptr;
    if (gsasl_saslprep(name.c_str(), GSASL_ALLOW_UNASSIGNED, &prepared, nullptr) != GSASL_OK) return false;
    const bool isSame = name == prepared;
    gsasl_free(prepared);
    return isSame;
}

}  // namespace

std::optional<std::string> userOf(const std::string& claimed, const Rules& rules) {
    if (!common::isUsableUtf8Name(claimed) || Poco::trim(claimed) != claimed || !isPrepared(claimed))
        return std::nullopt;
    const std::string domain = Poco::toLower(common::namePart('d', claimed).value_or(""));
    const bool isDomainAllowed = rules.domains.empty() || std::any_of(rules.domains.begin(), rules.domains.end(),
                                                                      [&domain](const std::string& one) {
                                                                          return Poco::toLower(one) == domain;
                                                                      });
    if (!isDomainAllowed) return std::nullopt;
    std::string user;
    for (std::size_t at = 0; at < rules.userPattern.size(); ++at) {
        if (rules.userPattern[at] != '%' || at + 1 == rules.userPattern.size()) {
            user += rules.userPattern[at];
        } else {
            user += common::namePart(rules.userPattern[++at], claimed).value_or("");
        }
    }
    if (rules.isLowerCased) user = Poco::toLower(user);
    return common::isUsableUtf8Name(user) ? std::optional(user) : std::nullopt;
}

std::string faultOfPattern(const std::string& pattern) {
    if (std::string fault = faultOfVariables(pattern, "und"); !fault.empty()) return fault;
    if (pattern.find("%%") != std::string::npos) return "has a percent sign, which is no part of a name";
    const bool hasName = pattern.find("%u") != std::string::npos || pattern.find("%n") != std::string::npos;
    return hasName ? "" : "is the same for everybody: it has neither %u nor %n";
}

Judgement judge(const JsonObject& claims, const Rules& rules, std::int64_t now) {
    Judgement judgement;
    const auto refuse = [&judgement](const std::string& why) {
        judgement.reason = why;
        return judgement;
    };
    judgement.claimed = textMember(claims, rules.userClaim).value_or("");
    const auto user = userOf(judgement.claimed, rules);
    judgement.user = user.value_or("");
    const Times times = timesOf(claims);
    if (const std::string fault = faultOfTimes(times, rules, now); !fault.empty()) return refuse(fault);
    if (const std::string fault = faultOfOrigin(claims, rules); !fault.empty()) return refuse(fault);
    if (judgement.claimed.empty())
        return refuse("the token has no claim " + rules.userClaim + ", which names the user");
    if (!user)
        return refuse("the claim " + rules.userClaim + " is no name that can be used: `" + shown(judgement.claimed) +
                      "`");
    if (isUnverified(claims, rules)) return refuse("the token says that the address is not verified (email_verified)");
    const std::vector<std::string> scopes = scopesOf(claims);
    for (const std::string& wanted : rules.scopes) {
        if (contains(scopes, wanted)) continue;
        judgement.isScopeMissing = true;
        return refuse("the token does not have the scope " + wanted);
    }
    judgement.isAccepted = true;
    if (times.expiry) judgement.expiry = static_cast<std::int64_t>(std::floor(std::min(*times.expiry, lastSecond)));
    return judgement;
}

}  // namespace maildock::oauth2
