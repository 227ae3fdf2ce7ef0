// The answer of a certificate's authority that the certificate is not revoked, handed to clients with it ("stapled",
// RFC 6066 8), as another program fetched it into a file (RFC 6960, DER).
//
// Immutable. An answer whose time is over is not sent: clients would refuse the certificate for it.
#pragma once

#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <ctime>
#include <string>
#include <vector>

#include "imapd/connection/TlsSettings.h"

namespace imapd {

class OcspStaple {
public:
    // Throws TlsError if the file is not an answer about this certificate. `findings` hears of one whose time is over,
    // or that says other than "good".
    OcspStaple(const std::string& setting, const std::string& path, const X509& certificate,
               std::vector<TlsFinding>& findings);

    // The context keeps a copy, and frees it when its last connection is gone.
    void attachTo(SSL_CTX* context) const;
    // Empty: nothing is to be sent.
    [[nodiscard]] std::string octetsAt(std::time_t now) const { return now < _end ? _octets : std::string(); }

private:
    std::string _octets;
    std::time_t _end = 0;  // from then on another one must be there
};

}  // namespace imapd
