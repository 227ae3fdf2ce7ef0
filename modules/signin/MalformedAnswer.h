// What a client sent is not of the mechanism's form; the text is for the client.
#pragma once

#include <stdexcept>

namespace maildock::signin {

class MalformedAnswer : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

}  // namespace maildock::signin
