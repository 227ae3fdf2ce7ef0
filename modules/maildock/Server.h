// The program as a server: starts the modules, acts on signals, stops the modules.
#pragma once

#include <Poco/Util/ServerApplication.h>

#include <memory>
#include <string>

#include "modules/host/Assembly.h"
#include "modules/host/Logging.h"

namespace maildock {

// Its options are the program's own (CommandLine), so it is run without arguments. Signals::block() comes first.
class Server : public Poco::Util::ServerApplication {
public:
    explicit Server(std::string configFile) : _configFile(std::move(configFile)) {}

protected:
    int main(const std::vector<std::string>& arguments) override;

private:
    // Zero, or the exit status.
    [[nodiscard]] int start();
    // Becomes the user of server.user, if there is one. Throws std::exception.
    void giveUpRights();
    void reload();
    // True if every module took the settings; else those that did have the old ones again.
    [[nodiscard]] bool reloadModules(const host::Assembly& next);
    void stop();

    const std::string _configFile;
    host::Logging _logging;
    std::unique_ptr<host::Assembly> _assembly;  // in force
    std::size_t _started = 0;                   // modules, in their order
};

}  // namespace maildock
