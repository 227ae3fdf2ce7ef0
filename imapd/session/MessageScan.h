// What the octets of a message being received hold that decides whether it may be stored: found as they pass, in pieces
// of any size, nothing is kept.
#pragma once

#include <string_view>

namespace imapd {

class MessageScan {
public:
    void feed(std::string_view octets);

    [[nodiscard]] bool hasNul() const { return _hasNul; }
    // A line end that is no CRLF: what is stored by lines could not give it back.
    [[nodiscard]] bool hasBareLf() const { return _hasBareLf; }
    // Of the message's own header.
    [[nodiscard]] bool has8BitHeader() const { return _has8BitHeader; }

private:
    void feedHeader(std::string_view octets);

    bool _hasNul = false, _hasBareLf = false, _has8BitHeader = false;
    bool _lastWasCr = false;
    bool _isHeader = true;
    bool _isLineEmpty = true;  // so far, of the header's line
};

}  // namespace imapd
