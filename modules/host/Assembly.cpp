#include "modules/host/Assembly.h"

#include <Poco/Logger.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "modules/api/MailTrees.h"
#include "modules/host/ProgramKeys.h"
#include "modules/host/RunAs.h"

namespace maildock::host {

namespace {

std::vector<std::string> withoutTwins(std::vector<std::string> names) {
    std::vector<std::string> out;
    for (std::string& name : names) {
        if (std::find(out.begin(), out.end(), name) == out.end()) out.push_back(std::move(name));
    }
    return out;
}

void append(std::vector<KeySpec>& specs, const std::vector<KeySpec>& more) {
    specs.insert(specs.end(), more.begin(), more.end());
}

}  // namespace

Assembly::Assembly(const std::string& file, const std::vector<NamedModule>* running)
    : _configuration(file, profileFolders()), _complaints(_configuration.complaints()) {
    // A value that is wrong here is reported by checkAll().
    Complaints reportedLater;
    const auto own = _configuration.partialSettings(programKeys(), reportedLater);
    const std::string folder = own->path("library.path");
    const Loader loader(folder.empty() ? Loader::defaultFolder() : folder);
    if (_configuration.isReadable()) {
        if (running == nullptr) {
            loadModules(*own, loader);
        } else {
            keepModules(*own, *running);
        }
        loadPlugins(*own, loader);
    }
    checkAll(loader);
}

void Assembly::loadModules(const Settings& settings, const Loader& loader) {
    const std::vector<std::string> names = withoutTwins(settings.list("modules"));
    if (names.empty()) complain("modules", "no module is named, so there is nothing to do");
    for (const std::string& name : names) {
        try {
            _modules.push_back({name, loader.module(name)});
        } catch (const LibraryError& e) {
            _isMissingLibraries = true;
            complain("modules", e.what());
        }
    }
}

void Assembly::keepModules(const Settings& settings, const std::vector<NamedModule>& running) {
    _modules = running;
    const std::vector<std::string> names = withoutTwins(settings.list("modules"));
    const bool isSame = std::equal(names.begin(), names.end(), running.begin(), running.end(),
                                   [](const std::string& name, const NamedModule& one) { return name == one.name; });
    if (!isSame) add({Finding::Warning, "modules", "other modules are loaded at the next start, not by a reload"});
}

void Assembly::loadPlugins(const Settings& settings, const Loader& loader) {
    const std::vector<std::string> names = withoutTwins(settings.list("auth.plugins"));
    if (names.empty()) add({Finding::Warning, "auth.plugins", "no plugin is named, so nobody can sign in"});
    for (const std::string& name : names) {
        try {
            _authenticators.push_back({name, loader.authenticator(name)});
        } catch (const LibraryError& e) {
            _isMissingLibraries = true;
            complain("auth.plugins", e.what());
        }
    }
    try {
        _sizeStrategy = loader.sizeStrategy(settings.text("size.plugin"));
    } catch (const LibraryError& e) {
        complain("size.plugin", e.what());
    }
}

void Assembly::checkAll(const Loader& loader) {
    std::vector<KeySpec> specs = programKeys();
    for (const NamedModule& one : _modules) append(specs, one.module->keys());
    for (const NamedAuthenticator& one : _authenticators) append(specs, one.authenticator->keys());
    // A line for a plugin that is installed but not in use may stay, so that a change of plugin is a change of one
    // line. Without some library its keys can't be told from mistakes: say nothing of them.
    const auto foreignReason = [this, &loader](const std::string& key) -> std::optional<std::string> {
        if (_isMissingLibraries) return "";
        if (key.rfind("auth.", 0) != 0 || key.find('.', 5) == std::string::npos) return std::nullopt;
        const std::string name = key.substr(5, key.find('.', 5) - 5);
        const bool isLoaded = std::any_of(_authenticators.begin(), _authenticators.end(),
                                          [&name](const NamedAuthenticator& one) { return one.name == name; });
        if (isLoaded || !loader.hasAuthenticator(name)) return std::nullopt;
        return "is not used: auth.plugins does not name " + name;
    };
    _settings = _configuration.settings(specs, _complaints, foreignReason);
    if (_isMissingLibraries) {
        add({Finding::Warning, "", "a library is missing, so unknown keys were not looked for"});
    }
}

// Asks the modules about all users of plugins that can list theirs.
void Assembly::checkUsers() {
    const MailTrees::Users users = [this](const std::function<bool(const Account&)>& take) {
        bool goesOn = true;
        for (const NamedAuthenticator& one : _authenticators) {
            if (!goesOn) return;
            try {
                static_cast<void>(one.authenticator->listUsers(*_settings, [&](const Account& account) {
                    goesOn = take(account);
                    return goesOn;
                }));
            } catch (const std::exception&) {  // NOLINT(bugprone-empty-catch): its own check tells why
            }
        }
    };
    for (const NamedModule& one : _modules) {
        const auto* const trees = dynamic_cast<const MailTrees*>(one.module.get());
        if (trees == nullptr) continue;
        for (const Finding& finding : trees->checkUsers(*_settings, users)) add(finding);
    }
}

void Assembly::check() {
    const auto ask = [this](const std::string& name, const auto& what) {
        try {
            for (const Finding& finding : what.check(*_settings)) add(finding);
        } catch (const std::exception& e) {
            complain("", name + " can't check its settings: " + e.what());
        }
    };
    for (const NamedModule& one : _modules) ask("the module " + one.name, *one.module);
    for (const NamedAuthenticator& one : _authenticators) ask("the plugin auth-" + one.name, *one.authenticator);
    checkUsers();
    for (const Finding& finding : RunAs::check(*_settings)) add(finding);
    if (const std::string path = _settings->path("log.path"); !path.empty()) {
        std::error_code ignored;
        const std::string folder = std::filesystem::path(path).parent_path().string();
        if (std::filesystem::is_directory(path, ignored)) {
            complain("log.path", path + " is a folder");
        } else if (!std::filesystem::is_directory(folder, ignored)) {
            complain("log.path", "there is no folder " + folder);
        } else if (::access(std::filesystem::exists(path, ignored) ? path.c_str() : folder.c_str(), W_OK) != 0) {
            complain("log.path", path + " can't be written by this user");
        }
    }
}

void Assembly::configurePlugins() {
    for (const NamedAuthenticator& one : _authenticators) {
        try {
            one.authenticator->configure(*_settings);
        } catch (const std::exception& e) {
            complain("auth.plugins", "the plugin auth-" + one.name + " can't start: " + e.what());
        }
    }
}

std::shared_ptr<const Environment> Assembly::environmentFor(const std::string& moduleName) const {
    auto environment = std::make_shared<Environment>();
    environment->settings = _settings;
    environment->authenticators = _authenticators;
    environment->sizeStrategy = _sizeStrategy;
    environment->logger = &Poco::Logger::get(moduleName);
    return environment;
}

bool Assembly::hasErrorAbout(const std::string& key) const {
    return std::any_of(_complaints.begin(), _complaints.end(),
                       [&](const Complaint& one) { return one.severity == Finding::Error && one.key == key; });
}

std::vector<std::string> Assembly::profileFolders() {
    const std::filesystem::path program(Loader::programFolder());
    return {(program / ".." / "etc" / "maildock" / "profiles").lexically_normal().string(),
            (program / ".." / ".." / "etc" / "profiles").lexically_normal().string(), "/etc/maildock/profiles"};
}

}  // namespace maildock::host
