// What the admin's files and keys say about TLS, and what may be wrong with that.
#pragma once

#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace imapd {

// A certificate for the clients that ask for one name (SNI, RFC 6066 3).
struct TlsHost {
    std::string name;  // in lower case; "*.example.org" stands for every name one level below
    std::string certificatePath;
    std::string keyPath;
    std::string ocspPath = {};  // DER: the authority's answer to be stapled; empty: none
};

struct TlsSettings {
    std::string certificatePath;          // PEM: the server's certificate, then its chain
    std::string keyPath;                  // PEM, without a passphrase
    std::string minProtocol = "TLSv1.2";  // TLSv1, TLSv1.1, TLSv1.2, TLSv1.3
    std::string ciphers;                  // OpenSSL's list for TLS 1.2 and below; empty: the system decides
    std::vector<TlsHost> hosts = {};      // other certificates; for all other names, and none, the one above
    // PEM: the authorities whose clients' certificates are taken; empty: clients are not asked for one.
    std::string clientCaPath = {};
    std::string clientCrlPath = {};  // PEM: their revocation lists; empty: none is looked at
    bool requiresClientCertificate = false;
    std::string ocspPath = {};  // as TlsHost's
};

// A text for the admin: which file or setting, and why.
class TlsError : public std::runtime_error {
public:
    TlsError(std::string setting, const std::string& text) : runtime_error(text), _setting(std::move(setting)) {}
    // The configuration's key: "tls.key", "tls.sni.mail.example.org.key".
    [[nodiscard]] const std::string& setting() const { return _setting; }

private:
    std::string _setting;
};

struct TlsFinding {
    // OutOfTime: the certificate expired, is about to, or is not valid yet. It can be served all the same, and must be:
    // a server that does not start helps nobody to renew it.
    enum Kind { Error, Warning, OutOfTime } kind = Error;
    std::string setting;  // as of TlsError
    std::string text;
};

}  // namespace imapd
