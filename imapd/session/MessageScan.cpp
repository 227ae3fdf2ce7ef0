#include "imapd/session/MessageScan.h"

namespace imapd {

void MessageScan::feed(std::string_view octets) {
    if (octets.empty()) return;
    _hasNul = _hasNul || octets.find('\0') != std::string_view::npos;
    for (std::size_t lf = octets.find('\n'); lf != std::string_view::npos && !_hasBareLf;
         lf = octets.find('\n', lf + 1)) {
        _hasBareLf = lf == 0 ? !_lastWasCr : octets[lf - 1] != '\r';
    }
    _lastWasCr = octets.back() == '\r';
    if (_isHeader) feedHeader(octets);
}

void MessageScan::feedHeader(std::string_view octets) {
    for (const char c : octets) {
        if (c == '\n') {
            if (_isLineEmpty) {
                _isHeader = false;
                return;
            }
            _isLineEmpty = true;
        } else if (c != '\r') {
            _isLineEmpty = false;
            if (static_cast<unsigned char>(c) >= 0x80) _has8BitHeader = true;
        }
    }
}

}  // namespace imapd
