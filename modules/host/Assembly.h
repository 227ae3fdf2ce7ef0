// One generation of the platform: a configuration, and the modules and plugins that it asks for, loaded and checked
// but not started. Start and reload both build one; a reload keeps the modules that run.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "modules/api/Module.h"
#include "modules/host/Configuration.h"
#include "modules/host/Loader.h"

namespace maildock::host {

struct NamedModule {
    std::string name;
    std::shared_ptr<Module> module;
};

class Assembly {
public:
    // Reads `file` and loads the libraries. If `running` is given, those modules are used and none is loaded. Never
    // throws for what an admin did wrong: see complaints(), after which an assembly with errors is only good for more
    // checks.
    explicit Assembly(const std::string& file, const std::vector<NamedModule>* running = nullptr);

    // Asks modules and plugins what they think of the settings, and looks at the files that the program itself uses.
    void check();
    // Hands the settings to the plugins; what they refuse is a complaint. Not needed for a check.
    void configurePlugins();

    [[nodiscard]] const Complaints& complaints() const { return _complaints; }
    [[nodiscard]] const std::shared_ptr<const CheckedSettings>& settings() const { return _settings; }
    [[nodiscard]] const std::vector<NamedModule>& modules() const { return _modules; }
    [[nodiscard]] const Configuration& configuration() const { return _configuration; }
    // Whether the file could be read and every module and authenticator that it names is loaded.
    [[nodiscard]] bool isComplete() const { return _configuration.isReadable() && !_isMissingLibraries; }
    // What the module of this name is started or reloaded with.
    [[nodiscard]] std::shared_ptr<const Environment> environmentFor(const std::string& moduleName) const;

    // Adds a complaint found by a check outside.
    void add(const Finding& finding) { _complaints.push_back(_configuration.located(finding)); }
    // Whether an error was already found in a key.
    [[nodiscard]] bool hasErrorAbout(const std::string& key) const;

    // Where a profile is looked for after the folder of the configuration file.
    [[nodiscard]] static std::vector<std::string> profileFolders();

private:
    void loadModules(const Settings& settings, const Loader& loader);
    void keepModules(const Settings& settings, const std::vector<NamedModule>& running);
    void loadPlugins(const Settings& settings, const Loader& loader);
    void checkAll(const Loader& loader);
    void checkUsers();
    void complain(const std::string& key, const std::string& text) { add({Finding::Error, key, text}); }

    Configuration _configuration;
    Complaints _complaints;
    bool _isMissingLibraries = false;
    std::vector<NamedModule> _modules;
    std::vector<NamedAuthenticator> _authenticators;
    std::shared_ptr<const SizeStrategy> _sizeStrategy;
    std::shared_ptr<const CheckedSettings> _settings;
};

}  // namespace maildock::host
