// Thrown when a response that is partly written cannot be completed, as when a message's file was truncated under a
// literal whose size was announced. Whatever is sent now would be taken for message content (promise 3): the session
// must let it escape, so that the connection ends without another octet.
#pragma once

#include <stdexcept>

namespace imapd {

class BrokenResponse : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

}  // namespace imapd
