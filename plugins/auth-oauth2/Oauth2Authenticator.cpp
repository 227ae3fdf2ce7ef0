#include "plugins/auth-oauth2/Oauth2Authenticator.h"

#include <algorithm>
#include <ctime>
#include <stdexcept>

#include "plugins/auth-oauth2/Jwt.h"

namespace maildock::oauth2 {

namespace {

constexpr char keysFileKey[] = "auth.oauth2.keysFile";
constexpr char keysUrlKey[] = "auth.oauth2.keysUrl";
constexpr char keysLifetimeKey[] = "auth.oauth2.keysLifetime";
constexpr char keysIntervalKey[] = "auth.oauth2.keysInterval";
constexpr char secretKey[] = "auth.oauth2.secret";
constexpr char algorithmsKey[] = "auth.oauth2.algorithms";
constexpr char introspectionKey[] = "auth.oauth2.introspectionUrl";
constexpr char clientIdKey[] = "auth.oauth2.clientId";
constexpr char clientSecretKey[] = "auth.oauth2.clientSecret";
constexpr char cacheKey[] = "auth.oauth2.cache";
constexpr char connectionsKey[] = "auth.oauth2.connections";
constexpr char timeoutKey[] = "auth.oauth2.timeout";
constexpr char caFileKey[] = "auth.oauth2.caFile";
constexpr char issuerKey[] = "auth.oauth2.issuer";
constexpr char audienceKey[] = "auth.oauth2.audience";
constexpr char scopeKey[] = "auth.oauth2.scope";
constexpr char leewayKey[] = "auth.oauth2.leeway";
constexpr char userClaimKey[] = "auth.oauth2.userClaim";
constexpr char userKey[] = "auth.oauth2.user";
constexpr char domainsKey[] = "auth.oauth2.domains";
constexpr char lowerCaseKey[] = "auth.oauth2.lowercase";
constexpr char usersKey[] = "auth.oauth2.users";
constexpr char openIdKey[] = "auth.oauth2.openidConfiguration";
constexpr char maxTokenKey[] = "auth.oauth2.limit.token";

constexpr std::size_t minSecretOctets = 32;  // RFC 7518 3.2, for HS256

bool contains(const std::vector<std::string>& texts, const std::string& text) {
    return std::find(texts.begin(), texts.end(), text) != texts.end();
}

std::vector<std::string> algorithmsFrom(const Settings& settings) {
    std::vector<std::string> names = settings.list(algorithmsKey);
    if (names.empty()) names = algorithmNames(!settings.text(secretKey).empty());
    return names;
}

// What is wrong with the settings themselves, each with its key.
class SettingsCheck {
public:
    explicit SettingsCheck(const Settings& settings) : _settings(settings) {
        checkWays();
        checkAddress(keysUrlKey);
        checkAddress(introspectionKey);
        checkAlgorithms();
        checkUsers();
        if (!isSet(openIdKey)) return;
        if (_settings.text(openIdKey).rfind("https://", 0) != 0) complain(openIdKey, "does not begin with https://");
    }
    [[nodiscard]] const std::vector<Finding>& findings() const { return _findings; }

private:
    [[nodiscard]] bool isSet(const char* key) const { return !_settings.text(key).empty(); }
    void complain(const char* key, const std::string& text) { _findings.push_back({Finding::Error, key, text}); }
    void warn(const char* key, const std::string& text) { _findings.push_back({Finding::Warning, key, text}); }

    void checkWays() {
        const bool isHere = isSet(keysFileKey) || isSet(keysUrlKey) || isSet(secretKey);
        if (!isHere && !isSet(introspectionKey)) {
            complain(keysUrlKey,
                     "the plugin auth-oauth2 needs one of auth.oauth2.keysUrl, keysFile, secret and introspectionUrl");
        }
        if (isHere && isSet(introspectionKey)) {
            complain(introspectionKey, "tokens are checked by keys or by asking, not both: unset one of the two");
        }
        if (isSet(keysFileKey) && isSet(keysUrlKey))
            complain(keysFileKey, "is set beside auth.oauth2.keysUrl: unset one of the two");
        if (isSet(secretKey) && _settings.text(secretKey).size() < minSecretOctets) {
            complain(secretKey, "has fewer than 32 octets, which RFC 7518 3.2 asks for");
        }
        if (isSet(clientSecretKey) && !isSet(clientIdKey))
            complain(clientIdKey, "is not set, but auth.oauth2.clientSecret is");
    }

    void checkAddress(const char* key) {
        if (!isSet(key)) return;
        try {
            static_cast<void>(HttpsAddress::parse(_settings.text(key)));
        } catch (const std::invalid_argument& e) {
            complain(key, e.what());
        }
    }

    void checkAlgorithms() {
        for (const std::string& name : _settings.list(algorithmsKey)) {
            const Algorithm* const algorithm = algorithmNamed(name);
            if (algorithm == nullptr) {
                complain(algorithmsKey, "there is no algorithm " + name + " here");
            } else if (algorithm->family == Algorithm::Family::Hmac && !isSet(secretKey)) {
                complain(algorithmsKey, name + " needs auth.oauth2.secret");
            }
        }
    }

    void checkUsers() {
        if (!isSet(userClaimKey)) complain(userClaimKey, "is empty, and nothing else names the user");
        const std::string pattern = _settings.text(userKey);
        if (const std::string fault = faultOfPattern(pattern); !fault.empty()) complain(userKey, fault);
        const bool keepsDomain = pattern.find("%u") != std::string::npos || pattern.find("%d") != std::string::npos;
        if (!keepsDomain && _settings.list(domainsKey).empty()) {
            warn(domainsKey, "is not set, so people of all domains with one local part are one user");
        }
        if (!isSet(introspectionKey) && _settings.list(audienceKey).empty()) {
            warn(audienceKey, "is not set, so tokens that the server made for other services sign in here too");
        }
    }

    const Settings& _settings;
    std::vector<Finding> _findings;
};

Rules rulesFrom(const Settings& settings) {
    Rules rules;
    rules.issuer = settings.text(issuerKey);
    rules.audiences = settings.list(audienceKey);
    rules.scopes = settings.list(scopeKey);
    rules.userClaim = settings.text(userClaimKey);
    rules.userPattern = settings.text(userKey);
    rules.domains = settings.list(domainsKey);
    rules.isLowerCased = settings.boolean(lowerCaseKey);
    rules.needsExpiry = settings.text(introspectionKey).empty();  // RFC 7662 2.2 leaves it open, and "active" counts
    rules.leewaySeconds = settings.seconds(leewayKey);
    return rules;
}

std::shared_ptr<const HttpsClient> clientFrom(const Settings& settings) {
    return std::make_shared<HttpsClient>(settings.path(caFileKey), std::chrono::seconds(settings.seconds(timeoutKey)));
}

std::shared_ptr<const Introspection> introspectionFrom(const Settings& settings) {
    return std::make_shared<Introspection>(clientFrom(settings), HttpsAddress::parse(settings.text(introspectionKey)),
                                           settings.text(clientIdKey), settings.text(clientSecretKey));
}

std::function<std::shared_ptr<const KeySet>()> fetchFrom(const Settings& settings) {
    return [client = clientFrom(settings), address = HttpsAddress::parse(settings.text(keysUrlKey))] {
        const HttpAnswer answer = client->get(address, KeySet::maxOctets);
        if (answer.status != 200) throw Unreachable("the server answers with status " + std::to_string(answer.status));
        return KeySet::parse(answer.body);
    };
}

}  // namespace

std::vector<KeySpec> Oauth2Authenticator::keys() const {
    const auto text = [](const char* name, const char* value, const char* description) {
        return KeySpec{name, KeyKind::Text, value, description, {}, {}, {}};
    };
    const auto list = [](const char* name, const char* description) {
        return KeySpec{name, KeyKind::List, "", description, {}, {}, {}};
    };
    const auto number = [](const char* name, KeyKind kind, const char* value, const char* description,
                           std::int64_t least,
                           std::int64_t most) { return KeySpec{name, kind, value, description, {}, least, most}; };
    return {
        text(keysUrlKey, "", "Where the token server publishes its keys (jwks_uri)."),
        {keysFileKey, KeyKind::Path, "", "A file with the token server's keys (JWKS).", {}, {}, {}},
        number(keysLifetimeKey, KeyKind::Seconds, "1h", "After how long keys are fetched again.", 60, 604800),
        number(keysIntervalKey, KeyKind::Seconds, "30", "How often keys are fetched at most.", 1, 3600),
        text(secretKey, "", "The secret of tokens that are signed by one (HS256)."),
        list(algorithmsKey, "The algorithms that tokens may be signed with."),
        text(introspectionKey, "", "Where the token server tells what a token is (RFC 7662)."),
        text(clientIdKey, "", "As whom it is asked."),
        text(clientSecretKey, "", "The secret of that client."),
        number(cacheKey, KeyKind::Seconds, "60", "How long a token that the server found right is not asked for again.",
               0, 3600),
        number(connectionsKey, KeyKind::Number, "3", "How many log-ins ask the token server at once.", 1, 64),
        number(timeoutKey, KeyKind::Seconds, "10", "How long a log-in waits for the token server at most.", 1, 300),
        {caFileKey, KeyKind::Path, "", "The certificates of authorities; empty: the system's.", {}, {}, {}},
        text(issuerKey, "", "The issuer (iss) that tokens have to have; empty: any."),
        list(audienceKey, "The audiences (aud) of which tokens have to have one; empty: any."),
        list(scopeKey, "The scopes that tokens have to have."),
        number(leewayKey, KeyKind::Seconds, "60", "How far the clocks of the two servers may differ.", 0, 3600),
        text(userClaimKey, "email", "The claim that names the user."),
        text(userKey, "%u", "The user's name, made of that claim: %u, %n, %d."),
        list(domainsKey, "The domains that the claim may have; empty: any, or none."),
        {lowerCaseKey, KeyKind::Boolean, "true", "Whether names are turned into lower case.", {}, {}, {}},
        {usersKey,
         KeyKind::Choice,
         "known",
         "Whom tokens let in: users whom another plugin knows, or anybody.",
         {"known", "any"},
         {},
         {}},
        text(openIdKey, "", "Where clients find the token server (OpenID Connect Discovery)."),
        number(maxTokenKey, KeyKind::Number, "16k", "The longest token that is taken, in octets.", 256, 49152),
    };
}

void Oauth2Authenticator::configure(const Settings& settings) {
    const SettingsCheck check(settings);
    for (const Finding& finding : check.findings()) {
        if (finding.severity == Finding::Error) throw std::runtime_error(finding.key + ": " + finding.text);
    }
    _rules = rulesFrom(settings);
    _advice.scope = _rules.scopes.empty() ? "" : _rules.scopes.front();
    for (std::size_t i = 1; i < _rules.scopes.size(); ++i) _advice.scope += " " + _rules.scopes[i];
    _advice.openIdConfiguration = settings.text(openIdKey);
    _advice.maxTokenOctets = static_cast<std::size_t>(settings.number(maxTokenKey));
    _algorithms = algorithmsFrom(settings);
    _secret = settings.text(secretKey);
    _wantsKnownUsers = settings.text(usersKey) == "known";
    _judge = [this](const std::string& token) { return judgeToken(token); };
    _nameOf = [this](const std::string& name) { return userOf(name, _rules).value_or(""); };
    _timeout = std::chrono::seconds(settings.seconds(timeoutKey));
    if (!settings.text(introspectionKey).empty()) {
        _introspection = introspectionFrom(settings);
        _accepted = std::make_unique<AcceptedTokens>(std::chrono::seconds(settings.seconds(cacheKey)));
        _calls = std::make_unique<common::BoundedCalls>(static_cast<std::size_t>(settings.number(connectionsKey)),
                                                        _timeout, nullptr);
    } else if (!settings.text(keysUrlKey).empty()) {
        const FetchedKeys::Times times{std::chrono::seconds(settings.seconds(keysLifetimeKey)),
                                       std::chrono::seconds(settings.seconds(keysIntervalKey)), _timeout};
        _keys = std::make_unique<FetchedKeys>(settings.text(keysUrlKey), fetchFrom(settings), times);
    } else if (!settings.text(keysFileKey).empty()) {
        _keys = std::make_unique<FileKeys>(settings.path(keysFileKey));
        if (const KeySource::Found found = _keys->keys(); !found.keys) throw std::runtime_error(found.fault);
    }
}

std::vector<Finding> Oauth2Authenticator::check(const Settings& settings) const {
    std::vector<Finding> findings = SettingsCheck(settings).findings();
    const auto isError = [](const Finding& one) { return one.severity == Finding::Error; };
    if (std::any_of(findings.begin(), findings.end(), isError)) return findings;
    const auto tell = [&findings](Finding::Severity severity, const char* key, const std::string& text) {
        findings.push_back({severity, key, text});
    };
    const auto tellKeys = [&tell](const char* key, const KeySet& keys, Finding::Severity ifNone) {
        for (const std::string& fault : keys.faults()) tell(Finding::Warning, key, fault + ": left out");
        if (keys.size() == 0) tell(ifNone, key, "has no key that can be used");
    };
    if (!settings.text(keysFileKey).empty()) {
        try {
            struct stat status {};
            tellKeys(keysFileKey, *FileKeys::read(settings.path(keysFileKey), status), Finding::Error);
        } catch (const std::runtime_error& e) {
            tell(Finding::Error, keysFileKey, e.what());
        }
    }
    const bool isFetched = !settings.text(keysUrlKey).empty();
    if (!isFetched && settings.text(introspectionKey).empty()) return findings;
    std::function<std::shared_ptr<const KeySet>()> fetch;
    std::shared_ptr<const Introspection> introspection;
    try {
        if (isFetched)
            fetch = fetchFrom(settings);
        else
            introspection = introspectionFrom(settings);
    } catch (const std::runtime_error& e) {
        tell(Finding::Error, caFileKey, e.what());
        return findings;
    }
    struct Answer {
        std::shared_ptr<const KeySet> keys;
        std::string fault = "no answer in time";
    };
    common::BoundedCalls calls(1, std::chrono::seconds(settings.seconds(timeoutKey)), nullptr);
    const Answer answer = calls
                              .ask<Answer>([fetch, introspection] {
                                  Answer made;
                                  made.fault.clear();
                                  try {
                                      if (fetch)
                                          made.keys = fetch();
                                      else
                                          static_cast<void>(introspection->ask("maildock-check"));
                                  } catch (const Introspection::Refused& e) {
                                      made.fault = std::string("the server ") + e.what();
                                  } catch (const std::exception& e) {
                                      made.fault = e.what();
                                  }
                                  return made;
                              })
                              .value_or(Answer());
    // No errors: the server may be well again when it is needed, and this is asked at each start too.
    const char* const key = isFetched ? keysUrlKey : introspectionKey;
    if (answer.keys) tellKeys(key, *answer.keys, Finding::Warning);
    if (!answer.fault.empty()) tell(Finding::Warning, key, answer.fault);
    return findings;
}

std::vector<Mechanism> Oauth2Authenticator::mechanisms() const {
    return {{"OAUTHBEARER", false, true}, {"XOAUTH2", false, true}};
}

std::unique_ptr<Exchange> Oauth2Authenticator::begin(const std::string& mechanism, const ExchangeFacts& facts) {
    const auto form = mechanism == "XOAUTH2" ? OauthExchange::Form::Xoauth2 : OauthExchange::Form::OauthBearer;
    return std::make_unique<OauthExchange>(form, facts.hostName, _advice, _judge, _nameOf);
}

Verdict Oauth2Authenticator::verify(const std::string& /*user*/, const std::string& /*password*/) {
    return {Outcome::UnknownUser, {}, "takes tokens, no passwords"};
}

Verdict Oauth2Authenticator::lookup(const std::string& /*user*/) {
    return {Outcome::UnknownUser, {}, "takes tokens, and has no list of users"};
}

std::optional<ScramKeys> Oauth2Authenticator::scramKeys(const std::string& /*user*/, const std::string& /*hash*/) {
    return std::nullopt;
}

TokenVerdict Oauth2Authenticator::judgeToken(const std::string& token) {
    return _introspection ? judgeThere(token) : judgeHere(token);
}

TokenVerdict Oauth2Authenticator::verdictOf(const Judgement& judgement) const {
    TokenVerdict told;
    told.claimed = judgement.claimed;
    told.isScopeMissing = judgement.isScopeMissing;
    told.verdict = {judgement.isAccepted ? Outcome::Success : Outcome::WrongPassword, {}, judgement.reason};
    told.verdict.account.user = judgement.user;
    return told;
}

std::optional<Verdict> Oauth2Authenticator::faultOfSignature(const std::string& algorithmName, const std::string& keyId,
                                                             std::string_view text, std::string_view signature) {
    const auto wrong = [](const std::string& why) { return Verdict{Outcome::WrongPassword, {}, why}; };
    const Algorithm* const algorithm = algorithmNamed(algorithmName);
    if (algorithm == nullptr || !contains(_algorithms, algorithm->name))
        return wrong("the token is signed by an algorithm that is not taken (auth.oauth2.algorithms)");
    if (algorithm->family == Algorithm::Family::Hmac) {
        if (!_secret.empty() && verifiesHmac(*algorithm, _secret, text, signature)) return std::nullopt;
        return wrong("the token's signature is wrong");
    }
    if (!_keys) return wrong("the token is signed by a key, and there is only a secret");
    KeySource::Found found = _keys->keys();
    KeySet::Answer answer = found.keys ? found.keys->verify(*algorithm, keyId, text, signature) : KeySet::Answer::NoKey;
    if (found.keys && answer == KeySet::Answer::NoKey) {
        found = _keys->keysAfter(found.keys);
        answer = found.keys->verify(*algorithm, keyId, text, signature);
    }
    if (answer == KeySet::Answer::Right) return std::nullopt;
    if (answer == KeySet::Answer::Wrong) return wrong("the token's signature is wrong");
    // It may be signed by a key that we would have if we could.
    if (!found.fault.empty()) return Verdict{Outcome::TemporaryFailure, {}, found.fault};
    return wrong("the token is signed by a key that the token server does not have");
}

TokenVerdict Oauth2Authenticator::judgeHere(const std::string& token) {
    try {
        const Jwt jwt = parseJwt(token);
        if (auto fault = faultOfSignature(jwt.algorithm, jwt.keyId, jwt.signedText, jwt.signature))
            return {std::move(*fault), {}, false};
        return verdictOf(judge(jwt.claims, _rules, std::time(nullptr)));
    } catch (const JsonError& e) {
        return {{Outcome::WrongPassword, {}, e.what()}, {}, false};
    }
}

std::optional<Judgement> Oauth2Authenticator::askServer(const std::string& token, std::string& fault) {
    struct Answer {
        std::optional<Judgement> judgement;
        std::string fault;
    };
    Turns::Turn turn(_turns);
    if (!turn.mayAsk()) {
        fault = "did not answer the last time";
        return std::nullopt;
    }
    // Judged on the thread that asked, whose the claims are.
    auto answer = _calls->ask<Answer>([introspection = _introspection, rules = _rules, token]() -> Answer {
        try {
            const JsonObject claims = introspection->ask(token);
            if (!claims.isNull()) return {judge(claims, rules, std::time(nullptr)), ""};
            Judgement inactive;
            inactive.reason = "the token is not active, as the token server says";
            return {inactive, ""};
        } catch (const Introspection::Refused& e) {
            return {std::nullopt, e.what()};
        } catch (const std::exception& e) {
            return {std::nullopt, std::string("can't be asked: ") + e.what()};
        }
    });
    if (!answer)
        answer = Answer{std::nullopt, "can't be asked: no answer within " + std::to_string(_timeout.count()) + " s"};
    fault = answer->fault;
    if (answer->judgement) turn.answered();
    return answer->judgement;
}

TokenVerdict Oauth2Authenticator::judgeThere(const std::string& token) {
    if (const auto known = _accepted->find(token)) {
        TokenVerdict told{{Outcome::Success, {}, {}}, known->claimed, false};
        told.verdict.account.user = known->user;
        return told;
    }
    std::string fault;
    const std::optional<Judgement> judgement = askServer(token, fault);
    if (!judgement) return {{Outcome::TemporaryFailure, {}, "the token server " + fault}, {}, false};
    if (judgement->isAccepted) {
        const auto left =
            judgement->expiry ? std::optional<std::int64_t>(*judgement->expiry - std::time(nullptr)) : std::nullopt;
        _accepted->remember(token, {judgement->user, judgement->claimed}, left);
    }
    return verdictOf(*judgement);
}

}  // namespace maildock::oauth2
