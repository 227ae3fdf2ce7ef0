#include "imapd/connection/TlsHosts.h"

#include <openssl/crypto.h>

#include <memory>

namespace imapd {

namespace {

void freeHosts(void*, void* hosts, CRYPTO_EX_DATA*, int, long, void*) {
    delete static_cast<TlsHosts*>(hosts);  // NOLINT(cppcoreguidelines-owning-memory): OpenSSL held it
}

int hostsIndex() {
    static const int index = SSL_CTX_get_ex_new_index(0, nullptr, nullptr, nullptr, &freeHosts);
    return index;
}

// Called by OpenSSL once it has read the client's name, before a certificate is chosen.
int chooseHost(SSL* ssl, int*, void* hosts) {
    const char* const name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    if (name == nullptr) return SSL_TLSEXT_ERR_NOACK;
    SSL_CTX* const context = static_cast<const TlsHosts*>(hosts)->find(name);
    if (context == nullptr) return SSL_TLSEXT_ERR_NOACK;
    return SSL_set_SSL_CTX(ssl, context) == nullptr ? SSL_TLSEXT_ERR_ALERT_FATAL : SSL_TLSEXT_ERR_OK;
}

}  // namespace

void TlsHosts::attachTo(SSL_CTX* context) const {
    if (_contexts.empty()) return;
    auto copy = std::make_unique<TlsHosts>(*this);
    if (SSL_CTX_set_ex_data(context, hostsIndex(), copy.get()) != 1) throw std::bad_alloc();
    SSL_CTX_set_tlsext_servername_arg(context, copy.get());
    SSL_CTX_set_tlsext_servername_callback(context, &chooseHost);
    copy.release();  // NOLINT(bugprone-unused-return-value): freeHosts() deletes it
}

SSL_CTX* TlsHosts::find(std::string_view name) const {
    std::string lower(name.substr(0, 255));
    for (char& c : lower) {
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + ('a' - 'A'));
    }
    if (lower.ends_with('.')) lower.pop_back();
    auto found = _contexts.find(lower);
    if (const std::size_t dot = lower.find('.'); found == _contexts.end() && dot != std::string::npos && dot > 0) {
        found = _contexts.find("*" + lower.substr(dot));
    }
    return found == _contexts.end() ? nullptr : found->second->sslContext();
}

}  // namespace imapd
