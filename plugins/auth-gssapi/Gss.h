// Owners of what the library of GSS-API (RFC 2743, RFC 2744) hands out, and its errors as text. Each object is used by
// one thread at a time.
#pragma once

#include <gssapi/gssapi.h>
#include <gssapi/gssapi_ext.h>

#include <string>
#include <vector>

namespace maildock::gssapi {

// The mechanisms' object identifiers; live as long as the program.
[[nodiscard]] gss_OID kerberosMechanism();  // RFC 1964 1
[[nodiscard]] gss_OID ntlmMechanism();      // that of gss-ntlmssp
// Whether the library has the mechanism at all.
[[nodiscard]] bool isInstalled(gss_OID mechanism);

// "DOING: what the library says; what the mechanism says": for the log, no secret is in it. To be called at once, by
// the thread that the call failed in.
[[nodiscard]] std::string errorText(const std::string& doing, OM_uint32 major, OM_uint32 minor, gss_OID mechanism);

class Buffer {
public:
    Buffer() = default;
    ~Buffer();
    Buffer(const Buffer&) = delete;
    Buffer& operator=(const Buffer&) = delete;
    [[nodiscard]] gss_buffer_t get() { return &_buffer; }
    [[nodiscard]] std::string text() const;

private:
    gss_buffer_desc _buffer = GSS_C_EMPTY_BUFFER;
};

// The octets of a text, as the library takes them. Shorter-lived than the text.
[[nodiscard]] gss_buffer_desc bufferOf(const std::string& text);

class Name {
public:
    Name() = default;
    ~Name();
    Name(const Name&) = delete;
    Name& operator=(const Name&) = delete;
    [[nodiscard]] gss_name_t get() const { return _name; }
    [[nodiscard]] gss_name_t* place() { return &_name; }
    // As it is shown; empty if it can't be.
    [[nodiscard]] std::string text() const;

private:
    gss_name_t _name = GSS_C_NO_NAME;
};

// What lets the server accept contexts of one mechanism.
class Credential {
public:
    struct Source {
        std::string key, value;  // of the library's credential store; an empty value is not told
    };
    // service: as a name of the kind "service", or empty for any that the source has. Throws std::runtime_error.
    Credential(gss_OID mechanism, const std::string& service, const Source& source);
    ~Credential();
    Credential(const Credential&) = delete;
    Credential& operator=(const Credential&) = delete;
    [[nodiscard]] gss_cred_id_t get() const { return _credential; }

private:
    gss_cred_id_t _credential = GSS_C_NO_CREDENTIAL;
};

// One context on the server's side, from the first token on.
class Context {
public:
    struct Step {
        OM_uint32 major = 0, minor = 0;
        std::string token;  // for the client
    };
    Context() = default;
    ~Context();
    Context(const Context&) = delete;
    Context& operator=(const Context&) = delete;

    // bindings: GSS_C_NO_CHANNEL_BINDINGS, or the caller's.
    [[nodiscard]] Step accept(const Credential& credential, const std::string& token, gss_channel_bindings_t bindings);
    [[nodiscard]] gss_ctx_id_t get() const { return _context; }
    // What follows counts once accept() is complete.
    [[nodiscard]] bool has(OM_uint32 flag) const { return (_flags & flag) != 0; }
    [[nodiscard]] bool isOf(gss_OID mechanism) const;
    [[nodiscard]] const Name& client() const { return _client; }
    // Whom the client meant to talk to; empty if the library does not tell.
    [[nodiscard]] std::string target() const;

private:
    gss_ctx_id_t _context = GSS_C_NO_CONTEXT;
    gss_OID _mechanism = GSS_C_NO_OID;
    OM_uint32 _flags = 0;
    Name _client;
};

}  // namespace maildock::gssapi
