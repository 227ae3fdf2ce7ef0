#include "plugins/auth-gssapi/GssapiExchange.h"

#include <krb5/krb5.h>

#include "plugins/auth-gssapi/SecurityLayer.h"

namespace maildock::gssapi {

namespace {

constexpr int maxRounds = 4;  // Kerberos has one

// Whether the reason lies here and not with the client: a keytab or replay cache that can't be read or written. Small
// numbers are those of errno.
bool isOurs(OM_uint32 minor) {
    constexpr OM_uint32 leastOfLibraries = 4096;
    switch (static_cast<krb5_error_code>(minor)) {
        case KRB5_RC_IO:
        case KRB5_RC_IO_EOF:
        case KRB5_RC_IO_IO:
        case KRB5_RC_IO_MALLOC:
        case KRB5_RC_IO_PERM:
        case KRB5_RC_IO_SPACE:
        case KRB5_RC_IO_UNKNOWN:
        case KRB5_RC_MALLOC:
        case KRB5_RC_TYPE_NOTFOUND:
        case KRB5_RC_UNKNOWN:
        case KRB5_KT_IOERR:
            return true;
        default:
            return minor != 0 && minor < leastOfLibraries;
    }
}

// RFC 5929 3, RFC 9266 3: the prefix belongs to the data.
std::string bindingData(const ExchangeFacts& facts) {
    if (!facts.exporterBinding.empty()) return "tls-exporter:" + facts.exporterBinding;
    return facts.uniqueBinding.empty() ? std::string() : "tls-unique:" + facts.uniqueBinding;
}

}  // namespace

GssapiExchange::GssapiExchange(const KerberosRules& rules, const ExchangeFacts& facts)
    : _rules(rules),
      _service(facts.service),
      _isTls(facts.isTls),
      _bindingData(rules.binding == Binding::Ignored ? std::string() : bindingData(facts)),
      // RFC 4752 3.2: for no name, and the name that the client used is looked at afterwards. A name with a host would
      // be sent through the DNS first.
      _credential(kerberosMechanism(), "", {"keytab", rules.keytab}) {
    _bindings.application_data = bufferOf(_bindingData);
}

ExchangeStep GssapiExchange::failure(Outcome outcome, const std::string& reason) const {
    Verdict verdict{outcome, {}, reason};
    verdict.account.user = _principal;
    return {ExchangeStep::Kind::Failure, {}, verdict, {}};
}

ExchangeStep GssapiExchange::step(const std::string& octets) {
    switch (_stage) {
        case Stage::Context:
            return accept(octets);
        case Stage::LastToken:
            if (!octets.empty()) return failure(Outcome::WrongPassword, "an answer where none was asked for");
            return offer();
        case Stage::Choice:
            break;
    }
    return choose(octets);
}

ExchangeStep GssapiExchange::accept(const std::string& token) {
    if (token.empty()) return failure(Outcome::WrongPassword, "an empty token");
    if (++_rounds > maxRounds) return failure(Outcome::WrongPassword, "too many tokens");
    const Context::Step step =
        _context.accept(_credential, token, _bindingData.empty() ? GSS_C_NO_CHANNEL_BINDINGS : &_bindings);
    if (GSS_ERROR(step.major)) {
        const bool isTemporary = GSS_ROUTINE_ERROR(step.major) == GSS_S_FAILURE && isOurs(step.minor);
        return failure(isTemporary ? Outcome::TemporaryFailure : Outcome::WrongPassword,
                       errorText("gss_accept_sec_context", step.major, step.minor, kerberosMechanism()));
    }
    if ((step.major & GSS_S_CONTINUE_NEEDED) != 0) return {ExchangeStep::Kind::Challenge, step.token, {}, {}};
    _principal = _context.client().text();
    if (const std::string fault = objection(); !fault.empty()) return failure(Outcome::WrongPassword, fault);
    if (step.token.empty()) return offer();
    _stage = Stage::LastToken;
    return {ExchangeStep::Kind::Challenge, step.token, {}, {}};
}

std::string GssapiExchange::objection() const {
    // RFC 4752 3.2: "the server SHOULD verify that the negotiated GSS-API mechanism is indeed Kerberos V5".
    if (!_context.isOf(kerberosMechanism())) return "the context is not Kerberos's";
    if (_context.has(GSS_C_ANON_FLAG)) return "the client is anonymous";
    if (!_context.has(GSS_C_INTEG_FLAG)) return "the context protects nothing";  // what follows is wrapped
    const std::string target = _context.target();
    const std::optional<Principal> service = parsePrincipal(target);
    if (!service || !isServicePrincipal(*service, _service, _rules.host)) {
        return "the ticket is for " + target + ", not for " + _service + "/" +
               (_rules.host.empty() ? "HOST" : _rules.host);
    }
    if (_rules.binding != Binding::Required || _context.has(GSS_C_CHANNEL_BOUND_FLAG)) return {};
    return _isTls ? "the client did not bind its ticket to the TLS connection" : "a binding to TLS is required";
}

ExchangeStep GssapiExchange::offer() {
    OM_uint32 minor = 0;
    Buffer wrapped;
    const std::string plain = offerOfNoLayer();
    gss_buffer_desc input = bufferOf(plain);
    const OM_uint32 major = gss_wrap(&minor, _context.get(), 0, GSS_C_QOP_DEFAULT, &input, nullptr, wrapped.get());
    if (GSS_ERROR(major)) {
        return failure(Outcome::WrongPassword, errorText("gss_wrap", major, minor, kerberosMechanism()));
    }
    _stage = Stage::Choice;
    return {ExchangeStep::Kind::Challenge, wrapped.text(), {}, {}};
}

ExchangeStep GssapiExchange::choose(const std::string& message) {
    OM_uint32 minor = 0;
    Buffer plain;
    gss_buffer_desc input = bufferOf(message);
    const OM_uint32 major = gss_unwrap(&minor, _context.get(), &input, plain.get(), nullptr, nullptr);
    // RFC 4752 3.3: another status than this one is fatal, supplementary ones (an old or a doubled token) too.
    if (major != GSS_S_COMPLETE) {
        return failure(Outcome::WrongPassword, errorText("gss_unwrap", major, minor, kerberosMechanism()));
    }
    const LayerChoice choice = parseLayerChoice(plain.text());
    if (!choice.fault.empty()) return failure(Outcome::WrongPassword, choice.fault);
    const MappedName mapped = mappedClient();
    if (mapped.user.empty()) return failure(Outcome::UnknownUser, mapped.fault);
    ExchangeStep step{ExchangeStep::Kind::Success, {}, {Outcome::Success, {}, _principal}, {}};
    step.verdict.account.user = mapped.user;
    if (!isSelf(choice.authorization, mapped.user)) step.authorization = choice.authorization;
    return step;
}

MappedName GssapiExchange::mappedClient() const {
    if (!_rules.usesLocalNames) return userOf(_principal, _rules.names);
    OM_uint32 minor = 0;
    Buffer local;
    const OM_uint32 major = gss_localname(&minor, _context.client().get(), GSS_C_NO_OID, local.get());
    if (GSS_ERROR(major)) return {{}, errorText(_principal + ": gss_localname", major, minor, kerberosMechanism())};
    return userNamed(local.text(), _rules.names);
}

// Some clients name themselves, by the user's name or by the principal.
bool GssapiExchange::isSelf(const std::string& authorization, const std::string& user) const {
    return authorization.empty() || authorization == _principal || userNamed(authorization, _rules.names).user == user;
}

}  // namespace maildock::gssapi
