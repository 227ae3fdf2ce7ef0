// The interface of modules: what the program hosts. The program loads the plugins and hands them over; a module binds
// its listeners in prepare(), works from start() on and is asked to stop. One object a module; the program's main
// thread calls it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "modules/api/Authenticator.h"
#include "modules/api/Settings.h"
#include "modules/api/SizeStrategy.h"
#include "modules/api/Version.h"

namespace Poco {
class Logger;
}

namespace maildock {

// An authenticator with the name it has in auth.plugins.
struct NamedAuthenticator {
    std::string name;
    std::shared_ptr<Authenticator> authenticator;
};

// What a module works with; immutable, replaced as a whole by a reload. The libraries outlive it.
struct Environment {
    std::shared_ptr<const Settings> settings;
    std::vector<NamedAuthenticator> authenticators;  // in the order of auth.plugins
    std::shared_ptr<const SizeStrategy> sizeStrategy;
    Poco::Logger* logger = nullptr;  // never null when a module sees it
};

class Module {
public:
    virtual ~Module() = default;
    [[nodiscard]] virtual std::vector<KeySpec> keys() const = 0;
    [[nodiscard]] virtual std::vector<Finding> check(const Settings& settings) const = 0;
    // Before start(), with the rights that the program was started with (perhaps root's, for ports below 1024 and keys
    // that only root may read): binds every listener, or throws with a text for the admin (which address, why). Makes
    // no thread: one that was made before rights are given up keeps what it should not have.
    virtual void prepare(std::shared_ptr<const Environment>) {}
    // Serves, with the rights that the program keeps. Throws with a text for the admin.
    virtual void start(std::shared_ptr<const Environment> environment) = 0;
    // New settings for what comes; open sessions stay. Throws if they can't be taken; then the old stay in force.
    virtual void reload(std::shared_ptr<const Environment> environment) = 0;
    // Stops accepting, ends the sessions (BYE) and returns when all threads are done, at most after timeoutSeconds.
    virtual void stop(int timeoutSeconds) = 0;
};

}  // namespace maildock
