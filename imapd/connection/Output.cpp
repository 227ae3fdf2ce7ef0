#include "imapd/connection/Conversation.h"

namespace imapd {

namespace {
// What was sent is cut off in pieces of at least this size, so that the cost of moving the rest stays linear.
constexpr std::size_t compactOctets = 64 * 1024;
}  // namespace

void Output::consume(std::size_t octets) {
    _sent += octets;
    if (_sent >= _buffer.size()) {
        std::string().swap(_buffer);  // clear() would keep the memory for as long as the connection idles
        _sent = 0;
    } else if (_sent >= compactOctets && _sent >= _buffer.size() / 2) {
        _buffer.erase(0, _sent);
        _sent = 0;
    }
}

}  // namespace imapd
