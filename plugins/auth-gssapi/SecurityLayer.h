// What server and client tell each other at the end of the mechanism GSSAPI (RFC 4752 3.1, 3.2), once unwrapped: which
// security layers there are, which one is chosen, and whom the client wants to act for. We offer none: TLS is the
// layer.
#pragma once

#include <string>
#include <string_view>

namespace maildock::gssapi {

// The offer: no security layer (bit 1), and so no octets that could be taken under one.
[[nodiscard]] std::string offerOfNoLayer();

struct LayerChoice {
    std::string fault;          // why the message is not what was asked for; empty: it is
    std::string authorization;  // the authorization identity, UTF-8; empty: the client himself
};

[[nodiscard]] LayerChoice parseLayerChoice(std::string_view message);

}  // namespace maildock::gssapi
