#include "plugins/auth-gssapi/SecurityLayer.h"

#include "plugins/common/AccountFields.h"

namespace maildock::gssapi {

namespace {

constexpr char noLayer = 1;  // RFC 4752 3.3
constexpr std::size_t headOctets = 4;
constexpr std::size_t maxAuthorizationOctets = 255;

}  // namespace

std::string offerOfNoLayer() {
    return {noLayer, '\0', '\0', '\0'};
}

LayerChoice parseLayerChoice(std::string_view message) {
    if (message.size() < headOctets) return {"the last message is too short", {}};
    if (message[0] != noLayer) return {"the client chose a security layer that was not offered", {}};
    // RFC 4752 3.2: "the client maximum buffer is 0 if no security layer was chosen".
    if (message.substr(1, headOctets - 1) != std::string_view("\0\0\0", 3)) {
        return {"the client tells a size for a security layer that it did not choose", {}};
    }
    const std::string authorization(message.substr(headOctets));
    if (authorization.size() > maxAuthorizationOctets) return {"the authorization identity is too long", {}};
    if (!authorization.empty() && !common::isUsableUtf8Name(authorization)) {
        return {"the authorization identity is no name that a user can have", {}};
    }
    return {{}, authorization};
}

}  // namespace maildock::gssapi
