#include "imapd/connection/TlsBuilder.h"

#include <Poco/Exception.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <ctime>
#include <memory>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>

#include "imapd/connection/OcspStaple.h"
#include "imapd/connection/TlsFaults.h"
#include "imapd/connection/TlsHosts.h"

namespace imapd {

namespace {

constexpr const char* defaultCiphers = "HIGH:!aNULL:!eNULL:!PSK:!SRP:!CAMELLIA:!ARIA:!MD5:@STRENGTH";
constexpr const char* groups = "X25519:P-256:P-384:P-521";
constexpr int expiryWarningDays = 14;
constexpr std::size_t cachedSessions = 4096;  // of TLS 1.2 clients without tickets, some 1 KiB each

std::string opensslReason() {
    const unsigned long code = ERR_peek_last_error();
    std::array<char, 256> text{};
    ERR_error_string_n(code, text.data(), text.size());
    const char* reason = ERR_reason_error_string(code);
    ERR_clear_error();
    return reason != nullptr ? reason : text.data();
}

// OpenSSL names no file and no errno; this does.
void requireReadable(const std::string& setting, const std::string& what, const std::string& path) {
    if (path.empty()) throw TlsError(setting, "No " + what + " is configured");
    // Without waiting: a pipe is nothing to read from here.
    const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (descriptor < 0) {
        throw TlsError(setting, "Cannot read the " + what + " " + path + ": " + std::generic_category().message(errno));
    }
    struct stat status {};
    const bool isFile = ::fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode);
    ::close(descriptor);
    if (!isFile) throw TlsError(setting, "The " + what + " " + path + " is not a file");
}

int noPassphrase(char*, int, int, void*) {
    return -1;
}

int protocolNumber(const std::string& name) {
    if (name == "TLSv1.3") return TLS1_3_VERSION;
    if (name == "TLSv1.2") return TLS1_2_VERSION;
    if (name == "TLSv1.1") return TLS1_1_VERSION;
    if (name == "TLSv1") return TLS1_VERSION;
    throw TlsError("tls.minProtocol",
                   "Unknown TLS protocol \"" + name + "\": expected TLSv1, TLSv1.1, TLSv1.2 or TLSv1.3");
}

std::string timeText(const ASN1_TIME* time) {
    std::tm parts{};
    std::array<char, 64> text{};
    if (ASN1_TIME_to_tm(time, &parts) != 1) return "(unreadable)";
    const std::size_t length = std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M:%S UTC", &parts);
    return {text.data(), length};
}

// One server certificate's files and their keys in the configuration.
struct Files {
    std::string certificateSetting, keySetting, ocspSetting;
    std::string certificatePath, keyPath, ocspPath;
    std::string hostName;  // empty: the one for all others
};

Files filesOf(const TlsSettings& settings) {
    return {"tls.certificate", "tls.key",         "tls.ocsp", settings.certificatePath,
            settings.keyPath,  settings.ocspPath, ""};
}

Files filesOf(const TlsHost& host) {
    const std::string prefix = "tls.sni." + host.name;
    return {prefix + ".certificate", prefix + ".key", prefix + ".ocsp", host.certificatePath, host.keyPath,
            host.ocspPath,           host.name};
}

void findDates(const X509* certificate, const Files& files, std::vector<TlsFinding>& findings) {
    const ASN1_TIME* begin = X509_get0_notBefore(certificate);
    const ASN1_TIME* end = X509_get0_notAfter(certificate);
    std::time_t soon = std::time(nullptr) + expiryWarningDays * 24 * 3600;
    const auto warn = [&](const std::string& text) {
        findings.push_back(
            {TlsFinding::OutOfTime, files.certificateSetting, "The certificate " + files.certificatePath + " " + text});
    };
    if (X509_cmp_current_time(begin) > 0) {
        warn("is not valid before " + timeText(begin));
    } else if (X509_cmp_current_time(end) < 0) {
        warn("expired on " + timeText(end));
    } else if (X509_cmp_time(end, &soon) < 0) {
        warn("expires on " + timeText(end));
    }
}

void findHostName(X509* certificate, const Files& files, std::vector<TlsFinding>& findings) {
    std::string name = files.hostName;
    if (name.empty()) return;
    if (name[0] == '*') name[0] = 'x';  // any will do
    if (X509_check_host(certificate, name.data(), name.size(), 0, nullptr) == 1) return;
    ERR_clear_error();
    findings.push_back({TlsFinding::Warning, files.certificateSetting,
                        "The certificate " + files.certificatePath + " is not one for " + files.hostName +
                            ": clients will refuse it"});
}

// What the system's policy (openssl.cnf) allows, as a context has it before anybody sets a list; Poco sets one in each.
std::string systemCiphers() {
    const std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> untouched(SSL_CTX_new(TLS_server_method()), &SSL_CTX_free);
    std::string names;
    const STACK_OF(SSL_CIPHER)* const ciphers = untouched ? SSL_CTX_get_ciphers(untouched.get()) : nullptr;
    for (int i = 0; ciphers != nullptr && i < sk_SSL_CIPHER_num(ciphers); ++i) {
        const SSL_CIPHER* const cipher = sk_SSL_CIPHER_value(ciphers, i);
        if (std::string_view(SSL_CIPHER_get_version(cipher)) == "TLSv1.3") continue;  // have a list of their own
        if (!names.empty()) names += ':';
        names += SSL_CIPHER_get_name(cipher);
    }
    return names.empty() ? "DEFAULT" : names;
}

Poco::Net::Context::Ptr emptyContext() {
    Poco::Net::Context::Params params;  // no files: those are loaded below, with better error texts
    params.verificationMode = Poco::Net::Context::VERIFY_NONE;
    params.cipherList = defaultCiphers;
    try {
        return new Poco::Net::Context(Poco::Net::Context::TLS_SERVER_USE, params);
    } catch (const Poco::Exception& error) {
        throw TlsError("tls.certificate", "Cannot set TLS up: " + error.displayText());
    }
}

void loadFiles(SSL_CTX* context, const Files& files) {
    requireReadable(files.certificateSetting, "certificate", files.certificatePath);
    requireReadable(files.keySetting, "key", files.keyPath);
    SSL_CTX_set_default_passwd_cb(context, noPassphrase);
    ERR_clear_error();
    if (SSL_CTX_use_certificate_chain_file(context, files.certificatePath.c_str()) != 1) {
        const std::string reason = opensslReason(), fault = faultOfCertificateFile(files.certificatePath);
        throw TlsError(files.certificateSetting, "The certificate " + files.certificatePath + " " +
                                                     (fault.empty() ? "cannot be used: " + reason : fault));
    }
    // A key of another kind or value than the certificate's is refused here, or else by the check below.
    const bool isKeyLoaded = SSL_CTX_use_PrivateKey_file(context, files.keyPath.c_str(), SSL_FILETYPE_PEM) == 1;
    if (isKeyLoaded && SSL_CTX_check_private_key(context) == 1) return;
    const unsigned long code = ERR_peek_last_error();
    const bool isMismatch = ERR_GET_LIB(code) == ERR_LIB_X509 && (ERR_GET_REASON(code) == X509_R_KEY_VALUES_MISMATCH ||
                                                                  ERR_GET_REASON(code) == X509_R_KEY_TYPE_MISMATCH);
    if (isMismatch || isKeyLoaded) {
        ERR_clear_error();
        if (const std::string fault = faultOfChainOrder(files.certificatePath, files.keyPath); !fault.empty())
            throw TlsError(files.certificateSetting, "The certificate " + files.certificatePath + " " + fault);
        throw TlsError(files.keySetting,
                       "The key " + files.keyPath + " does not belong to the certificate " + files.certificatePath);
    }
    const std::string reason = opensslReason(), fault = faultOfKeyFile(files.keyPath);
    throw TlsError(files.keySetting,
                   "The key " + files.keyPath + " " +
                       (fault.empty() ? "cannot be used (PEM without a passphrase is expected): " + reason : fault));
}

// Asks clients for certificates of the named authorities (RFC 8446 4.3.2).
void askClients(SSL_CTX* context, const TlsSettings& settings) {
    if (settings.clientCaPath.empty()) {
        if (settings.requiresClientCertificate || !settings.clientCrlPath.empty()) {
            throw TlsError("tls.clientCa", "No authority is configured to verify clients' certificates with");
        }
        SSL_CTX_set_verify(context, SSL_VERIFY_NONE, nullptr);
        return;
    }
    requireReadable("tls.clientCa", "file of authorities", settings.clientCaPath);
    ERR_clear_error();
    STACK_OF(X509_NAME)* const names = SSL_load_client_CA_file(settings.clientCaPath.c_str());
    if (names == nullptr || SSL_CTX_load_verify_file(context, settings.clientCaPath.c_str()) != 1) {
        sk_X509_NAME_pop_free(names, X509_NAME_free);
        throw TlsError("tls.clientCa",
                       "The file of authorities " + settings.clientCaPath + " cannot be used: " + opensslReason());
    }
    SSL_CTX_set_client_CA_list(context, names);  // clients choose a certificate by them
    if (!settings.clientCrlPath.empty()) {
        requireReadable("tls.clientCrl", "revocation list", settings.clientCrlPath);
        X509_STORE* const store = SSL_CTX_get_cert_store(context);
        X509_LOOKUP* const lookup = X509_STORE_add_lookup(store, X509_LOOKUP_file());
        if (lookup == nullptr || X509_load_crl_file(lookup, settings.clientCrlPath.c_str(), X509_FILETYPE_PEM) < 1) {
            throw TlsError("tls.clientCrl",
                           "The revocation list " + settings.clientCrlPath + " cannot be used: " + opensslReason());
        }
        X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL);
    }
    const int required = settings.requiresClientCertificate ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0;
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | required, nullptr);
}

void setProtocol(SSL_CTX* context, const TlsSettings& settings) {
    const int minProtocol = protocolNumber(settings.minProtocol);
    ERR_clear_error();
    if (SSL_CTX_set_min_proto_version(context, minProtocol) != 1) {
        throw TlsError("tls.minProtocol", "OpenSSL refuses " + settings.minProtocol + ": " + opensslReason());
    }
    const std::string ciphers = settings.ciphers.empty() ? systemCiphers() : settings.ciphers;
    if (SSL_CTX_set_cipher_list(context, ciphers.c_str()) != 1) {
        throw TlsError("tls.ciphers", "No cipher of \"" + ciphers + "\" is known: " + opensslReason());
    }
    SSL_CTX_set1_groups_list(context, groups);  // Poco allows for one curve only
}

Poco::Net::Context::Ptr build(const Files& files, const TlsSettings& settings, std::vector<TlsFinding>& findings) {
    Poco::Net::Context::Ptr result = emptyContext();
    SSL_CTX* const context = result->sslContext();
    setProtocol(context, settings);
    loadFiles(context, files);
    askClients(context, settings);
    // Partial writes and a moving buffer: the output grows while a write waits for the socket. RELEASE_BUFFERS: an idle
    // connection costs 32 KiB less; CLEANSE_PLAINTEXT: without the password that came in them. No renegotiation: it
    // lets a client make us compute (RFC 7457 2.8). An end without close_notify counts as an end: a command is known to
    // be whole by its own syntax.
    SSL_CTX_clear_mode(context, SSL_MODE_AUTO_RETRY);
    SSL_CTX_set_mode(context,
                     SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE |
                                     SSL_OP_IGNORE_UNEXPECTED_EOF | SSL_OP_CLEANSE_PLAINTEXT);
    result->enableSessionCache(true, "maildock");
    result->setSessionCacheSize(cachedSessions);
    X509* const certificate = SSL_CTX_get0_certificate(context);
    findDates(certificate, files, findings);
    findHostName(certificate, files, findings);
    if (!files.ocspPath.empty()) {
        requireReadable(files.ocspSetting, "OCSP answer", files.ocspPath);
        OcspStaple(files.ocspSetting, files.ocspPath, *certificate, findings).attachTo(context);
    }
    return result;
}

}  // namespace

TlsConfiguration buildTls(const TlsSettings& settings) {
    std::vector<TlsFinding> findings;
    TlsConfiguration result;
    result.context = build(filesOf(settings), settings, findings);
    TlsHosts hosts;
    for (const TlsHost& host : settings.hosts) hosts.add(host.name, build(filesOf(host), settings, findings));
    hosts.attachTo(result.context->sslContext());
    for (TlsFinding& finding : findings) {
        if (finding.kind == TlsFinding::OutOfTime) result.warnings.push_back(std::move(finding.text));
    }
    return result;
}

std::vector<TlsFinding> checkTls(const TlsSettings& settings) {
    std::vector<TlsFinding> findings;
    const auto look = [&](const Files& files) {
        try {
            build(files, settings, findings);
        } catch (const TlsError& error) {
            // What is wrong for all certificates is said once.
            for (const TlsFinding& said : findings) {
                if (said.kind == TlsFinding::Error && said.setting == error.setting()) return;
            }
            findings.push_back({TlsFinding::Error, error.setting(), error.what()});
        }
    };
    look(filesOf(settings));
    for (const TlsHost& host : settings.hosts) look(filesOf(host));
    return findings;
}

FileStamps stampsOf(const TlsSettings& settings) {
    FileStamps stamps;
    const auto add = [&stamps](const std::string& path) {
        struct stat status {};
        FileStamp stamp;
        if (!path.empty() && ::stat(path.c_str(), &status) == 0) {
            stamp = {status.st_dev, status.st_ino, static_cast<std::uint64_t>(status.st_size), status.st_mtim.tv_sec,
                     status.st_mtim.tv_nsec};
        }
        stamps.push_back(stamp);
    };
    for (const std::string* path : {&settings.certificatePath, &settings.keyPath, &settings.ocspPath,
                                    &settings.clientCaPath, &settings.clientCrlPath}) {
        add(*path);
    }
    for (const TlsHost& host : settings.hosts) {
        add(host.certificatePath);
        add(host.keyPath);
        add(host.ocspPath);
    }
    return stamps;
}

}  // namespace imapd
