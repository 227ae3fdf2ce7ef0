#include "plugins/auth-gssapi/Gss.h"

#include <gssapi/gssapi_krb5.h>

#include <array>
#include <stdexcept>

namespace maildock::gssapi {

namespace {

// What gss_display_status() has to say of one of the two numbers.
std::string statusText(OM_uint32 status, int kind, gss_OID mechanism) {
    std::string text;
    OM_uint32 more = 0;
    do {
        OM_uint32 minor = 0;
        Buffer buffer;
        if (GSS_ERROR(gss_display_status(&minor, status, kind, mechanism, &more, buffer.get()))) break;
        if (!text.empty()) text += ", ";
        text += buffer.text();
    } while (more != 0);
    return text;
}

bool isSame(gss_OID left, gss_OID right) {
    return left != GSS_C_NO_OID && right != GSS_C_NO_OID && gss_oid_equal(left, right) != 0;
}

}  // namespace

gss_OID kerberosMechanism() {
    return gss_mech_krb5;
}

gss_OID ntlmMechanism() {
    // 1.3.6.1.4.1.311.2.2.10 ([MS-NLMP] 1.9)
    static std::array<unsigned char, 10> elements = {0x2B, 0x06, 0x01, 0x04, 0x01, 0x82, 0x37, 0x02, 0x02, 0x0A};
    static gss_OID_desc mechanism = {static_cast<OM_uint32>(elements.size()), elements.data()};
    return &mechanism;
}

bool isInstalled(gss_OID mechanism) {
    OM_uint32 minor = 0;
    gss_OID_set all = GSS_C_NO_OID_SET;
    if (GSS_ERROR(gss_indicate_mechs(&minor, &all))) return false;
    int isThere = 0;
    const OM_uint32 major = gss_test_oid_set_member(&minor, mechanism, all, &isThere);
    gss_release_oid_set(&minor, &all);
    return !GSS_ERROR(major) && isThere != 0;
}

std::string errorText(const std::string& doing, OM_uint32 major, OM_uint32 minor, gss_OID mechanism) {
    std::string text = doing + ": " + statusText(major, GSS_C_GSS_CODE, mechanism);
    const std::string detail = minor == 0 ? std::string() : statusText(minor, GSS_C_MECH_CODE, mechanism);
    return detail.empty() ? text : text + "; " + detail;
}

Buffer::~Buffer() {
    OM_uint32 minor = 0;
    // An unwrapped message without octets has memory all the same, which the library takes for none.
    if (_buffer.value != nullptr && _buffer.length == 0) _buffer.length = 1;
    gss_release_buffer(&minor, &_buffer);
}

std::string Buffer::text() const {
    return _buffer.length == 0 ? std::string() : std::string(static_cast<const char*>(_buffer.value), _buffer.length);
}

gss_buffer_desc bufferOf(const std::string& text) {
    // The library's interface is older than const; it does not write there.
    return {text.size(), const_cast<char*>(text.data())};
}

Name::~Name() {
    OM_uint32 minor = 0;
    if (_name != GSS_C_NO_NAME) gss_release_name(&minor, &_name);
}

std::string Name::text() const {
    if (_name == GSS_C_NO_NAME) return {};
    OM_uint32 minor = 0;
    Buffer buffer;
    if (GSS_ERROR(gss_display_name(&minor, _name, buffer.get(), nullptr))) return {};
    std::string text = buffer.text();
    if (text.ends_with('\0')) text.pop_back();  // gss-ntlmssp counts the end of the string
    return text;
}

Credential::Credential(gss_OID mechanism, const std::string& service, const Source& source) {
    OM_uint32 minor = 0;
    Name name;
    if (!service.empty()) {
        gss_buffer_desc text = bufferOf(service);
        const OM_uint32 major = gss_import_name(&minor, &text, GSS_C_NT_HOSTBASED_SERVICE, name.place());
        if (GSS_ERROR(major)) throw std::runtime_error(errorText("gss_import_name", major, minor, mechanism));
    }
    gss_OID_set_desc mechanisms = {1, mechanism};
    gss_key_value_element_desc element = {source.key.c_str(), source.value.c_str()};
    const gss_key_value_set_desc store = {1, &element};
    const OM_uint32 major =
        gss_acquire_cred_from(&minor, name.get(), GSS_C_INDEFINITE, &mechanisms, GSS_C_ACCEPT,
                              source.value.empty() ? GSS_C_NO_CRED_STORE : &store, &_credential, nullptr, nullptr);
    if (GSS_ERROR(major)) throw std::runtime_error(errorText("gss_acquire_cred_from", major, minor, mechanism));
}

Credential::~Credential() {
    OM_uint32 minor = 0;
    gss_release_cred(&minor, &_credential);
}

Context::~Context() {
    OM_uint32 minor = 0;
    if (_context != GSS_C_NO_CONTEXT) gss_delete_sec_context(&minor, &_context, GSS_C_NO_BUFFER);
}

Context::Step Context::accept(const Credential& credential, const std::string& token, gss_channel_bindings_t bindings) {
    Step step;
    Buffer answer;
    gss_buffer_desc input = bufferOf(token);
    OM_uint32 minor = 0;
    if (_client.get() != GSS_C_NO_NAME) gss_release_name(&minor, _client.place());
    step.major = gss_accept_sec_context(&step.minor, &_context, credential.get(), &input, bindings, _client.place(),
                                        &_mechanism, answer.get(), &_flags, nullptr, nullptr);
    step.token = answer.text();
    return step;
}

bool Context::isOf(gss_OID mechanism) const {
    return isSame(_mechanism, mechanism);
}

std::string Context::target() const {
    OM_uint32 minor = 0;
    Name target;
    const OM_uint32 major =
        gss_inquire_context(&minor, _context, nullptr, target.place(), nullptr, nullptr, nullptr, nullptr, nullptr);
    return GSS_ERROR(major) ? std::string() : target.text();
}

}  // namespace maildock::gssapi
