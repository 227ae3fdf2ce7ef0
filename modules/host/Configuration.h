// The admin's configuration: maildock.properties with the profile that it names, each value with its place.
//
// A key of the main file wins over the profile's. "${key}" in a value stands for another key's value,
// "${system.env.NAME}" for an environment variable, as in Poco. Declarations come later, from the program, the modules
// and the plugins; settings() checks the values against them.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "modules/api/Settings.h"
#include "modules/host/CheckedSettings.h"
#include "modules/host/Complaint.h"
#include "modules/host/PropertiesFile.h"

namespace maildock::host {

class Configuration {
public:
    // Reads the file, and the profile from the first of "<folder of the file>/profiles" and `profileFolders` that has
    // it. Never throws: what is wrong is in complaints().
    Configuration(const std::string& file, const std::vector<std::string>& profileFolders);

    // Whether the main file could be read at all.
    [[nodiscard]] bool isReadable() const { return _isReadable; }
    // What is wrong with the files themselves.
    [[nodiscard]] const Complaints& complaints() const { return _complaints; }
    // The absolute path of the main file.
    [[nodiscard]] const std::string& file() const { return _file; }
    // The absolute folder that relative paths start from.
    [[nodiscard]] const std::string& folder() const { return _folder; }

    // What to say of a key that nobody declares: nothing at all if it is wrong (an error with the nearest known key),
    // a text if it is only unused (a warning; an empty text: no word about it).
    using ForeignReason = std::function<std::optional<std::string>(const std::string& key)>;
    // Checks everything that is set against the declarations and adds what is wrong. A value that is wrong is replaced
    // by its default, so the result can be used to find more errors.
    [[nodiscard]] std::shared_ptr<const CheckedSettings> settings(const std::vector<KeySpec>& specs,
                                                                  Complaints& complaints,
                                                                  const ForeignReason& foreignReason = {}) const;
    // The same for some declarations, saying nothing about unknown keys: what is needed to find out who declares more.
    [[nodiscard]] std::shared_ptr<const CheckedSettings> partialSettings(const std::vector<KeySpec>& specs,
                                                                         Complaints& complaints) const;

    // A finding with the place where its key is set, or else the main file.
    [[nodiscard]] Complaint located(const Finding& finding) const;

private:
    void loadProfile(const std::vector<std::string>& profileFolders);
    void add(PropertiesFile&& file, bool mayNameProfile);
    [[nodiscard]] std::shared_ptr<const CheckedSettings> check(const std::vector<KeySpec>& specs,
                                                               Complaints& complaints,
                                                               const ForeignReason& foreignReason,
                                                               bool ignoresUnknown) const;
    [[nodiscard]] std::string expanded(const Entry& entry, const std::map<std::string, KeySpec>& specs,
                                       Complaints& complaints) const;
    void reportUnknown(const Entry& entry, const std::vector<KeySpec>& specs, Complaints& complaints,
                       const ForeignReason& foreignReason) const;

    std::string _file;
    std::string _folder;
    bool _isReadable = true;
    std::map<std::string, Entry> _entries;
    Complaints _complaints;
};

}  // namespace maildock::host
