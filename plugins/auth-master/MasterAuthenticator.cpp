#include "plugins/auth-master/MasterAuthenticator.h"

#include <Poco/Glob.h>

#include <algorithm>

namespace maildock::master {

namespace {

constexpr char pathKey[] = "auth.master.path";
constexpr char usersKey[] = "auth.master.users";
constexpr char exceptKey[] = "auth.master.except";

// The keys of auth-passwdfile, answered by those of this plugin.
class FileSettings : public Settings {
public:
    explicit FileSettings(const Settings& settings) : _settings(settings) {}
    [[nodiscard]] std::string text(const std::string& key) const override {
        return key == "auth.passwdfile.defaultScheme" ? "CRYPT" : _settings.text(own(key));
    }
    [[nodiscard]] bool boolean(const std::string& key) const override {
        return key == "auth.passwdfile.lowercase" || _settings.boolean(own(key));
    }
    [[nodiscard]] std::int64_t number(const std::string& key) const override { return _settings.number(own(key)); }
    [[nodiscard]] std::int64_t seconds(const std::string& key) const override { return _settings.seconds(own(key)); }
    [[nodiscard]] std::vector<std::string> list(const std::string& key) const override {
        return _settings.list(own(key));
    }
    [[nodiscard]] std::string path(const std::string& key) const override { return _settings.path(own(key)); }
    [[nodiscard]] bool isSet(const std::string& key) const override { return _settings.isSet(own(key)); }
    [[nodiscard]] std::vector<std::string> keysBelow(const std::string& prefix) const override {
        return _settings.keysBelow(own(prefix));
    }

private:
    static std::string own(const std::string& key) { return key == "auth.passwdfile.path" ? pathKey : key; }
    const Settings& _settings;
};

bool matches(const std::vector<std::string>& patterns, const std::string& name) {
    return std::any_of(patterns.begin(), patterns.end(), [&name](const std::string& pattern) {
        return Poco::Glob(pattern, Poco::Glob::GLOB_CASELESS).match(name);
    });
}

}  // namespace

std::vector<KeySpec> MasterAuthenticator::keys() const {
    return {
        {pathKey, KeyKind::Path, "", "The file of admins, lines as in the users file.", {}, {}, {}},
        {usersKey, KeyKind::List, "*", "Users for whom the admins may act; * and ? as in file names.", {}, {}, {}},
        {exceptKey, KeyKind::List, "", "Users for whom they may not act all the same.", {}, {}, {}},
    };
}

void MasterAuthenticator::configure(const Settings& settings) {
    if (settings.path(pathKey).empty()) throw std::runtime_error(std::string(pathKey) + " is not set");
    _users = settings.list(usersKey);
    _except = settings.list(exceptKey);
    _file.configure(FileSettings(settings));
}

std::vector<Finding> MasterAuthenticator::check(const Settings& settings) const {
    std::vector<Finding> findings = _file.check(FileSettings(settings));
    for (Finding& finding : findings) {
        finding.key = pathKey;
        if (settings.path(pathKey).empty()) finding.text = "is not set, and the plugin auth-master needs it";
    }
    return findings;
}

Verdict MasterAuthenticator::verify(const std::string& user, const std::string& password) {
    return _file.verify(user, password);
}

Verdict MasterAuthenticator::lookup(const std::string& user) {
    return _file.lookup(user);
}

std::optional<ScramKeys> MasterAuthenticator::scramKeys(const std::string& user, const std::string& hash) {
    return _file.scramKeys(user, hash);
}

ScramKeyHolders MasterAuthenticator::scramKeyHolders(const std::string& hash) {
    return _file.scramKeyHolders(hash);
}

bool MasterAuthenticator::mayActFor(const std::string& user, const std::string& other) {
    return _file.lookup(user).outcome == Outcome::Success && matches(_users, other) && !matches(_except, other);
}

}  // namespace maildock::master
