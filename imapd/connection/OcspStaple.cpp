#include "imapd/connection/OcspStaple.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/ocsp.h>

#include <fstream>
#include <limits>
#include <memory>
#include <new>

namespace imapd {

namespace {

constexpr std::size_t maxOctets = 64 * 1024;

void freeStaple(void*, void* staple, CRYPTO_EX_DATA*, int, long, void*) {
    delete static_cast<OcspStaple*>(staple);  // NOLINT(cppcoreguidelines-owning-memory): OpenSSL held it
}

int stapleIndex() {
    static const int index = SSL_CTX_get_ex_new_index(0, nullptr, nullptr, nullptr, &freeStaple);
    return index;
}

// Called by OpenSSL for a client that asks, once the certificate is chosen.
int staple(SSL* ssl, void* which) {
    const std::string octets = static_cast<const OcspStaple*>(which)->octetsAt(std::time(nullptr));
    if (octets.empty()) return SSL_TLSEXT_ERR_NOACK;
    void* const copy = OPENSSL_memdup(octets.data(), octets.size());  // OpenSSL frees it
    if (copy == nullptr) return SSL_TLSEXT_ERR_NOACK;
    SSL_set_tlsext_status_ocsp_resp(ssl, copy, static_cast<long>(octets.size()));
    return SSL_TLSEXT_ERR_OK;
}

std::string contentOf(const std::string& setting, const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    std::string octets(maxOctets + 1, '\0');
    file.read(octets.data(), static_cast<std::streamsize>(octets.size()));
    octets.resize(static_cast<std::size_t>(file.gcount()));
    if (file.bad() || octets.size() > maxOctets) throw TlsError(setting, "The OCSP answer " + path + " is too long");
    return octets;
}

std::time_t timeOf(const ASN1_TIME* time) {
    std::tm parts{};
    return ASN1_TIME_to_tm(time, &parts) == 1 ? ::timegm(&parts) : 0;
}

}  // namespace

OcspStaple::OcspStaple(const std::string& setting, const std::string& path, const X509& certificate,
                       std::vector<TlsFinding>& findings)
    : _octets(contentOf(setting, path)) {
    const auto* octets = reinterpret_cast<const unsigned char*>(_octets.data());
    const std::unique_ptr<OCSP_RESPONSE, decltype(&OCSP_RESPONSE_free)> response(
        d2i_OCSP_RESPONSE(nullptr, &octets, static_cast<long>(_octets.size())), &OCSP_RESPONSE_free);
    const bool isSuccess = response && OCSP_response_status(response.get()) == OCSP_RESPONSE_STATUS_SUCCESSFUL;
    const std::unique_ptr<OCSP_BASICRESP, decltype(&OCSP_BASICRESP_free)> basic(
        isSuccess ? OCSP_response_get1_basic(response.get()) : nullptr, &OCSP_BASICRESP_free);
    ERR_clear_error();
    if (!basic) throw TlsError(setting, "The file " + path + " is not a successful OCSP answer (DER is expected)");
    for (int i = 0; i < OCSP_resp_count(basic.get()); ++i) {
        OCSP_SINGLERESP* const single = OCSP_resp_get0(basic.get(), i);
        ASN1_INTEGER* serial = nullptr;
        OCSP_id_get0_info(nullptr, nullptr, nullptr, &serial,
                          const_cast<OCSP_CERTID*>(OCSP_SINGLERESP_get0_id(single)));
        if (ASN1_INTEGER_cmp(serial, X509_get0_serialNumber(&certificate)) != 0) continue;
        ASN1_GENERALIZEDTIME* end = nullptr;
        const int status = OCSP_single_get0_status(single, nullptr, nullptr, nullptr, &end);
        if (status != V_OCSP_CERTSTATUS_GOOD) {
            findings.push_back({TlsFinding::Warning, setting,
                                "The OCSP answer " + path + " does not say that the certificate is good"});
        }
        _end = end == nullptr ? std::numeric_limits<std::time_t>::max() : timeOf(end);
        if (_end <= std::time(nullptr)) {
            findings.push_back(
                {TlsFinding::OutOfTime, setting, "The OCSP answer " + path + " is out of date and is not sent"});
        }
        return;
    }
    throw TlsError(setting, "The OCSP answer " + path + " is about another certificate");
}

void OcspStaple::attachTo(SSL_CTX* context) const {
    auto copy = std::make_unique<OcspStaple>(*this);
    if (SSL_CTX_set_ex_data(context, stapleIndex(), copy.get()) != 1) throw std::bad_alloc();
    SSL_CTX_set_tlsext_status_cb(context, &staple);
    SSL_CTX_set_tlsext_status_arg(context, copy.get());
    copy.release();  // NOLINT(bugprone-unused-return-value): freeStaple() deletes it
}

}  // namespace imapd
