#include "imapd/connection/TlsNames.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <memory>
#include <string_view>

namespace imapd {

namespace {

// Names longer than this are no user's; a certificate may hold anything.
constexpr std::size_t maxNameOctets = 512;
constexpr std::size_t maxEmails = 16;

// UTF-8 of the string; empty if it is too long, or has octets with which it could be taken for another name.
std::string nameText(const ASN1_STRING* string) {
    unsigned char* octets = nullptr;
    const int length = ASN1_STRING_to_UTF8(&octets, string);
    if (length < 0) {
        ERR_clear_error();
        return "";
    }
    const std::string text(reinterpret_cast<const char*>(octets), static_cast<std::size_t>(length));
    OPENSSL_free(octets);
    const bool isClean = std::none_of(text.begin(), text.end(), [](char c) {
        const auto octet = static_cast<unsigned char>(c);
        return octet < 0x20 || octet == 0x7f;
    });
    return isClean && text.size() <= maxNameOctets ? text : "";
}

std::string subjectLine(X509& certificate) {
    const std::unique_ptr<BIO, decltype(&BIO_free)> lines(BIO_new(BIO_s_mem()), &BIO_free);
    if (!lines || X509_NAME_print_ex(lines.get(), X509_get_subject_name(&certificate), 0, XN_FLAG_RFC2253) < 0)
        return "";
    char* octets = nullptr;
    const long length = BIO_get_mem_data(lines.get(), &octets);
    return {octets, std::min(static_cast<std::size_t>(std::max(length, 0L)), maxNameOctets)};
}

}  // namespace

std::string tlsExporter(SSL& ssl) {
    // RFC 9266 2; below TLS 1.3 implementations differ in whether the empty context is one.
    static constexpr std::string_view label = "EXPORTER-Channel-Binding";
    if (SSL_version(&ssl) < TLS1_3_VERSION) return "";
    std::array<unsigned char, 32> octets{};
    if (SSL_export_keying_material(&ssl, octets.data(), octets.size(), label.data(), label.size(), nullptr, 0, 1) !=
        1) {
        ERR_clear_error();
        return "";
    }
    return {reinterpret_cast<const char*>(octets.data()), octets.size()};
}

std::string tlsUnique(SSL& ssl) {
    // RFC 5929 3.1: the first Finished message, which is the server's where a session was resumed. Without the extended
    // master secret two connections can be made to have the same (RFC 7627 1), and TLS 1.3 has none (RFC 8446 C.5).
    if (SSL_version(&ssl) != TLS1_2_VERSION || SSL_get_extms_support(&ssl) != 1) return "";
    std::array<char, EVP_MAX_MD_SIZE> octets{};
    const std::size_t length = SSL_session_reused(&ssl) == 1
                                   ? SSL_get_finished(&ssl, octets.data(), octets.size())
                                   : SSL_get_peer_finished(&ssl, octets.data(), octets.size());
    return {octets.data(), std::min(length, octets.size())};
}

std::string tlsServerEndPoint(SSL& ssl) {
    const X509* certificate = SSL_get_certificate(&ssl);
    if (certificate == nullptr) return "";
    // RFC 5929 4.1: the hash of the signature; SHA-256 for MD5 and SHA-1; none defined where the signature has no one
    // hash of its own (Ed25519).
    int hash = NID_undef;
    if (OBJ_find_sigid_algs(X509_get_signature_nid(certificate), &hash, nullptr) != 1) return "";
    if (hash == NID_md5 || hash == NID_sha1) hash = NID_sha256;
    const EVP_MD* const digest = EVP_get_digestbynid(hash);
    std::array<unsigned char, EVP_MAX_MD_SIZE> octets{};
    unsigned length = 0;
    if (digest == nullptr || X509_digest(certificate, digest, octets.data(), &length) != 1) {
        ERR_clear_error();
        return "";
    }
    return {reinterpret_cast<const char*>(octets.data()), length};
}

std::optional<CertificateNames> verifiedClient(SSL& ssl) {
    // Without SSL_VERIFY_PEER nothing was looked at, and the result says OK all the same.
    if ((SSL_get_verify_mode(&ssl) & SSL_VERIFY_PEER) == 0 || SSL_get_verify_result(&ssl) != X509_V_OK)
        return std::nullopt;
    X509* const certificate = SSL_get0_peer_certificate(&ssl);
    if (certificate == nullptr) return std::nullopt;
    return namesOf(*certificate);
}

CertificateNames namesOf(X509& certificate) {
    CertificateNames names;
    names.subject = subjectLine(certificate);
    const X509_NAME* const subject = X509_get_subject_name(&certificate);
    int last = -1;
    for (int at = -1; (at = X509_NAME_get_index_by_NID(subject, NID_commonName, at)) >= 0;) last = at;
    if (last >= 0) names.commonName = nameText(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, last)));
    const std::unique_ptr<GENERAL_NAMES, decltype(&GENERAL_NAMES_free)> others(
        static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(&certificate, NID_subject_alt_name, nullptr, nullptr)),
        &GENERAL_NAMES_free);
    for (int i = 0; others && i < sk_GENERAL_NAME_num(others.get()) && names.emails.size() < maxEmails; ++i) {
        const GENERAL_NAME* const name = sk_GENERAL_NAME_value(others.get(), i);
        if (name->type != GEN_EMAIL) continue;
        if (std::string text = nameText(name->d.rfc822Name); !text.empty()) names.emails.push_back(std::move(text));
    }
    ERR_clear_error();
    return names;
}

}  // namespace imapd
