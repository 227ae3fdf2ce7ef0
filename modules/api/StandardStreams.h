// What a module implements besides Module if it can serve one client over the program's standard input and output: a
// user whom the operating system has let in already, as ssh does. No listener is bound then, and start() is not called.
#pragma once

#include <memory>

#include "modules/api/Module.h"

namespace maildock {

class StandardStreams {
public:
    virtual ~StandardStreams() = default;
    // Serves until either side ends. Throws with a text for the admin if that is not wanted or not possible.
    virtual void serveStandardStreams(std::shared_ptr<const Environment> environment, const Account& account) = 0;
};

}  // namespace maildock
