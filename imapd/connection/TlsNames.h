// What a finished handshake gives SASL mechanisms to go by: channel bindings, and who the client's certificate names.
// Pure of state; the SSL object belongs to the caller. RFC 5929, RFC 9266 (bindings), RFC 5280, RFC 4514 (names).
#pragma once

#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <optional>
#include <string>

#include "imapd/connection/Conversation.h"

namespace imapd {

// Each empty where the connection has none of its kind (see TlsFacts).
std::string tlsExporter(SSL& ssl);
std::string tlsUnique(SSL& ssl);
std::string tlsServerEndPoint(SSL& ssl);

// The names in the client's certificate; nothing if it showed none, or one that was not verified.
std::optional<CertificateNames> verifiedClient(SSL& ssl);
CertificateNames namesOf(X509& certificate);

}  // namespace imapd
