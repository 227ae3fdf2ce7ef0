#include "plugins/auth-oauth2/OauthExchange.h"

#include <Poco/JSON/Object.h>
#include <Poco/String.h>

#include <sstream>

#include "plugins/auth-oauth2/ClientAnswer.h"

namespace maildock::oauth2 {

namespace {

std::string withoutDot(const std::string& host) {
    return host.empty() || host.back() != '.' ? host : host.substr(0, host.size() - 1);
}

}  // namespace

// RFC 7628 3.2.2. XOAUTH2 has numbers of HTTP, and tells the scheme:
// https://developers.google.com/gmail/imap/xoauth2-protocol
ExchangeStep OauthExchange::refused(Verdict verdict, const char* status, const char* number) const {
    Poco::JSON::Object error(Poco::JSON_PRESERVE_KEY_ORDER);
    const bool isXoauth2 = _form == Form::Xoauth2;
    error.set("status", isXoauth2 ? number : status);
    if (isXoauth2) error.set("schemes", "bearer");
    if (!_advice.scope.empty()) error.set("scope", _advice.scope);
    if (!isXoauth2 && !_advice.openIdConfiguration.empty())
        error.set("openid-configuration", _advice.openIdConfiguration);
    std::ostringstream text;
    error.stringify(text);
    return {ExchangeStep::Kind::Failure, text.str(), std::move(verdict), {}};
}

ExchangeStep OauthExchange::step(const std::string& octets) {
    const ClientAnswer answer = _form == Form::OauthBearer ? parseOauthBearer(octets, _advice.maxTokenOctets)
                                                           : parseXoauth2(octets, _advice.maxTokenOctets);
    if (!answer.fault.empty()) {
        return refused({Outcome::WrongPassword, {}, "the client's answer: " + answer.fault}, "invalid_request", "400");
    }
    // RFC 7628 3.2: where the name is known otherwise, here by TLS, the two must be the same.
    if (!answer.host.empty() && !_hostName.empty() &&
        Poco::icompare(withoutDot(answer.host), withoutDot(_hostName)) != 0) {
        Verdict verdict{Outcome::WrongPassword, {}, "the client names another host than by TLS"};
        verdict.account.user = answer.user;
        return refused(std::move(verdict), "invalid_request", "400");
    }
    TokenVerdict token = _judge(answer.token);
    Verdict& verdict = token.verdict;
    if (verdict.outcome == Outcome::Success) {
        // He himself, in another spelling, is not somebody to act for.
        const bool isHimself = answer.user.empty() || answer.user == token.claimed ||
                               answer.user == verdict.account.user || _nameOf(answer.user) == verdict.account.user;
        return {ExchangeStep::Kind::Success, {}, std::move(verdict), isHimself ? std::string() : answer.user};
    }
    if (verdict.account.user.empty()) verdict.account.user = answer.user;
    // Nothing is wrong with the token: a client that is told so would get itself a new one.
    if (verdict.outcome == Outcome::TemporaryFailure) return {ExchangeStep::Kind::Failure, {}, std::move(verdict), {}};
    return token.isScopeMissing ? refused(std::move(verdict), "insufficient_scope", "403")
                                : refused(std::move(verdict), "invalid_token", "401");
}

}  // namespace maildock::oauth2
