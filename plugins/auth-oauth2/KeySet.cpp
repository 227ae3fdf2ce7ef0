#include "plugins/auth-oauth2/KeySet.h"

#include <Poco/JSON/Array.h>

#include <algorithm>

namespace maildock::oauth2 {

namespace {

// RFC 7517 4.2, 4.3: what the key is for, if it says so.
bool isForSignatures(const JsonObject& jwk) {
    if (const auto use = textMember(jwk, "use"); use && *use != "sig") return false;
    const auto operations = textsMember(jwk, "key_ops");
    return !operations || std::find(operations->begin(), operations->end(), "verify") != operations->end();
}

}  // namespace

std::shared_ptr<const KeySet> KeySet::parse(const std::string& text) {
    const JsonObject object = parseObject(text, maxOctets);
    const Poco::JSON::Array::Ptr listed = object->getArray("keys");
    if (listed.isNull()) throw JsonError("is no set of keys: it has no array `keys`");
    if (listed->size() > maxKeys) throw JsonError("has more than " + std::to_string(maxKeys) + " keys");
    auto set = std::make_shared<KeySet>();
    for (unsigned int i = 0; i < listed->size(); ++i) {
        try {
            const JsonObject jwk = listed->getObject(i);
            if (jwk.isNull()) throw JsonError("is no object");
            if (!isForSignatures(jwk)) throw JsonError("is not for signatures");
            set->_keys.push_back(
                {textMember(jwk, "kid").value_or(""), textMember(jwk, "alg").value_or(""), PublicKey::fromJwk(jwk)});
        } catch (const JsonError& e) {
            set->_faults.push_back("key " + std::to_string(i + 1) + " " + e.what());
        }
    }
    return set;
}

KeySet::Answer KeySet::verify(const Algorithm& algorithm, const std::string& keyId, std::string_view text,
                              std::string_view signature) const {
    Answer answer = Answer::NoKey;
    for (const Key& one : _keys) {
        if (!keyId.empty() && one.id != keyId) continue;
        if ((!one.algorithm.empty() && one.algorithm != algorithm.name) || !one.key.fits(algorithm)) continue;
        if (one.key.verifies(algorithm, text, signature)) return Answer::Right;
        answer = Answer::Wrong;
    }
    return answer;
}

}  // namespace maildock::oauth2
