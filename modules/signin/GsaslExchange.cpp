#include "modules/signin/GsaslExchange.h"

#include "base/Secret.h"

namespace maildock::signin {

namespace {

std::string base64(const std::string& octets) {
    char* text = nullptr;
    std::size_t length = 0;
    if (gsasl_base64_to(octets.data(), octets.size(), &text, &length) != GSASL_OK) throw std::bad_alloc();
    std::string result(text, length);
    gsasl_free(text);
    return result;
}

}  // namespace

GsaslExchange::GsaslExchange(Inquiry& inquiry, const std::string& mechanism, bool offersBinding)
    : _inquiry(inquiry), _mechanism(mechanism), _offersBinding(offersBinding) {
    Gsasl_session* session = nullptr;
    const int status = gsasl_server_start(_inquiry.desk().library(), mechanism.c_str(), &session);
    if (status != GSASL_OK) throw std::runtime_error(std::string("GNU SASL: ") + gsasl_strerror(status));
    _session.reset(session);
    gsasl_session_hook_set(session, this);
}

int GsaslExchange::callback(Gsasl*, Gsasl_session* session, Gsasl_property property) {
    auto* const self = static_cast<GsaslExchange*>(gsasl_session_hook_get(session));
    if (self == nullptr) return GSASL_NO_CALLBACK;
    try {
        return self->answer(property);
    } catch (...) {  // nothing may be thrown through a library in C
        return GSASL_AUTHENTICATION_ERROR;
    }
}

std::string GsaslExchange::property(Gsasl_property which) const {
    const char* const text = gsasl_property_fast(_session.get(), which);
    return text == nullptr ? "" : text;
}

void GsaslExchange::set(Gsasl_property which, const std::string& octets) {
    if (gsasl_property_set_raw(_session.get(), which, octets.data(), octets.size()) != GSASL_OK) throw std::bad_alloc();
}

void GsaslExchange::setBase64(Gsasl_property which, const std::string& octets) {
    set(which, base64(octets));
}

int GsaslExchange::answer(Gsasl_property which) {
    switch (which) {
        case GSASL_VALIDATE_EXTERNAL:
            return _inquiry.lookup(_inquiry.client().certificateUser) ? GSASL_OK : GSASL_AUTHENTICATION_ERROR;
        case GSASL_SCRAM_ITER:
            return giveScramKeys();
        case GSASL_CB_TLS_EXPORTER:
            return giveBinding(which, _inquiry.client().facts.exporterBinding);
        case GSASL_CB_TLS_UNIQUE:
            return giveBinding(which, _inquiry.client().facts.uniqueBinding);
        case GSASL_PASSWORD: {  // of CRAM-MD5, which then looks at the answer
            std::optional<std::string> password = _inquiry.plainPassword(property(GSASL_AUTHID));
            if (!password) return GSASL_NO_PASSWORD;
            const WipedAtEnd wiped(password->data(), password->size());
            if (!_inquiry.beginProof()) return GSASL_NO_PASSWORD;
            _isProof = true;
            set(GSASL_PASSWORD, *password);
            return GSASL_OK;
        }
        default:
            return GSASL_NO_CALLBACK;
    }
}

// Salt and keys are asked for one by one, and set here all at once.
int GsaslExchange::giveScramKeys() {
    const char* const hash = _mechanism.starts_with("SCRAM-SHA-256") ? "SHA-256" : "SHA-1";
    const std::optional<ScramKeys> keys = _inquiry.scramKeys(property(GSASL_AUTHID), hash);
    if (!keys) return GSASL_AUTHENTICATION_ERROR;
    set(GSASL_SCRAM_ITER, std::to_string(keys->iterations));
    setBase64(GSASL_SCRAM_SALT, keys->salt);
    setBase64(GSASL_SCRAM_STOREDKEY, keys->storedKey);
    setBase64(GSASL_SCRAM_SERVERKEY, keys->serverKey);
    return GSASL_OK;
}

int GsaslExchange::giveBinding(Gsasl_property which, const std::string& octets) {
    if (!_offersBinding || octets.empty()) return GSASL_NO_CALLBACK;
    setBase64(which, octets);
    return GSASL_OK;
}

ExchangeStep GsaslExchange::step(const std::string& octets) {
    const bool isScram = _mechanism.starts_with("SCRAM");
    const bool isScramProof = isScram && !property(GSASL_SCRAM_STOREDKEY).empty();
    if (isScramProof) {
        if (!_inquiry.beginProof()) return {ExchangeStep::Kind::Failure, {}, {}, {}};
        _isProof = true;
    }
    char* output = nullptr;
    std::size_t length = 0;
    const int status = gsasl_step(_session.get(), octets.data(), octets.size(), &output, &length);
    ExchangeStep step;
    if (output != nullptr) step.octets.assign(output, length);
    gsasl_free(output);
    if (status == GSASL_NEEDS_MORE) {
        // Refused (too many guesses), or nobody could be asked: the library would go on with keys of its own.
        const bool hasKeys = !isScram || octets.empty() || !property(GSASL_SCRAM_STOREDKEY).empty();
        step.kind = hasKeys ? ExchangeStep::Kind::Challenge : ExchangeStep::Kind::Failure;
        return step;
    }
    if (status == GSASL_MECHANISM_PARSE_ERROR || status == GSASL_BASE64_ERROR) {
        throw MalformedAnswer("The answer is not what " + _mechanism + " asks for");
    }
    if (_isProof) _inquiry.endProof(status == GSASL_OK);
    const bool isRight = status == GSASL_OK && _inquiry.decision().verdict.outcome == Outcome::Success;
    step.kind = isRight ? ExchangeStep::Kind::Success : ExchangeStep::Kind::Failure;
    step.authorization = property(GSASL_AUTHZID);
    if (!isRight) {
        step.octets.clear();
        if (_inquiry.decision().verdict.outcome == Outcome::Success || _inquiry.decision().verdict.reason.empty())
            step.verdict.reason = gsasl_strerror(status);
    }
    return step;
}

}  // namespace maildock::signin
