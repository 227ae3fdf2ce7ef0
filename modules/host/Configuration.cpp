#include "modules/host/Configuration.h"

#include <Poco/Ascii.h>
#include <Poco/Environment.h>

#include <algorithm>
#include <filesystem>

#include "modules/host/Suggestion.h"
#include "modules/host/Values.h"

namespace maildock::host {

namespace {

constexpr unsigned maxExpansionDepth = 16;

bool isPlainName(const std::string& name) {
    return !name.empty() && name.size() <= 64 && std::all_of(name.begin(), name.end(), [](char c) {
        return Poco::Ascii::isAlphaNumeric(static_cast<unsigned char>(c)) || c == '-' || c == '_';
    });
}

// Replaces "${...}" by what they stand for; what went wrong is in fault().
class Expander {
public:
    Expander(const std::map<std::string, Entry>& entries, const std::map<std::string, KeySpec>& specs)
        : _entries(entries), _specs(specs) {}

    [[nodiscard]] std::string expand(const std::string& value, unsigned depth = 0) {
        if (value.find("${") == std::string::npos) return value;
        std::string out;
        std::size_t position = 0;
        while (_fault.empty()) {
            const std::size_t open = value.find("${", position);
            out.append(value, position, std::min(open, value.size()) - position);
            if (open == std::string::npos) return out;
            const std::size_t close = value.find('}', open);
            if (close == std::string::npos) {
                _fault = "`${` without `}`";
                break;
            }
            out += valueOf(value.substr(open + 2, close - open - 2), depth);
            if (out.size() > PropertiesFile::maxValueOctets) _fault = "the value is too long once expanded";
            position = close + 1;
        }
        return value;
    }

    [[nodiscard]] const std::string& fault() const { return _fault; }

private:
    std::string valueOf(const std::string& name, unsigned depth) {
        // The depth ends circles, the count a tree of references that doubles at each level.
        if (depth >= maxExpansionDepth || ++_count > 1000) {
            _fault = "`${" + name + "}` refers to itself, or too many keys refer to each other";
            return {};
        }
        if (const auto entry = _entries.find(name); entry != _entries.end()) {
            return expand(entry->second.value, depth + 1);
        }
        if (name.rfind("system.env.", 0) == 0) return Poco::Environment::get(name.substr(11), "");
        if (const KeySpec* spec = CheckedSettings::specFor(_specs, name)) return spec->defaultValue;
        _fault = "`${" + name + "}` names no key that is set";
        return {};
    }

    const std::map<std::string, Entry>& _entries;
    const std::map<std::string, KeySpec>& _specs;
    std::string _fault;
    unsigned _count = 0;
};

std::map<std::string, KeySpec> byName(const std::vector<KeySpec>& specs, const std::string& file,
                                      Complaints& complaints) {
    std::map<std::string, KeySpec> out;
    for (const KeySpec& spec : specs) {
        const auto [first, isNew] = out.emplace(spec.name, spec);
        if (!isNew && first->second.kind != spec.kind) {
            complaints.push_back({Finding::Error, file, 0, spec.name,
                                  "two of the loaded libraries declare this key, and as different kinds of value"});
        }
        if (isNew && !spec.defaultValue.empty()) {
            if (const auto fault = values::faultOf(spec, spec.defaultValue)) {
                complaints.push_back({Finding::Error, file, 0, spec.name, "the built-in default is wrong: " + *fault});
            }
        }
    }
    return out;
}

}  // namespace

Configuration::Configuration(const std::string& file, const std::vector<std::string>& profileFolders) {
    std::error_code ignored;
    const std::filesystem::path absolute = std::filesystem::absolute(file, ignored);
    _file = ignored ? file : absolute.lexically_normal().string();
    _folder = std::filesystem::path(_file).parent_path().string();
    PropertiesFile main = PropertiesFile::read(_file);
    _isReadable = main.isReadable;
    add(std::move(main), true);
    loadProfile(profileFolders);
}

void Configuration::add(PropertiesFile&& file, bool mayNameProfile) {
    _complaints.insert(_complaints.end(), file.complaints.begin(), file.complaints.end());
    for (Entry& entry : file.entries) {
        if (entry.key == "profile" && !mayNameProfile) {
            _complaints.push_back(
                {Finding::Error, entry.file, entry.line, entry.key, "a profile can't name another profile"});
            continue;
        }
        const std::string key = entry.key;
        _entries.emplace(key, std::move(entry));
    }
}

void Configuration::loadProfile(const std::vector<std::string>& profileFolders) {
    const auto entry = _entries.find("profile");
    if (entry == _entries.end() || entry->second.value.empty()) return;
    const std::string name = entry->second.value;
    const auto complain = [&](const std::string& text) {
        _complaints.push_back({Finding::Error, entry->second.file, entry->second.line, "profile", text});
    };
    if (!isPlainName(name)) return complain("`" + name + "` is not the name of a profile");
    std::vector<std::string> folders{_folder + "/profiles"};
    folders.insert(folders.end(), profileFolders.begin(), profileFolders.end());
    std::string searched;
    for (const std::string& folder : folders) {
        const std::string path = folder + "/" + name + ".properties";
        std::error_code ignored;
        if (std::filesystem::exists(path, ignored)) return add(PropertiesFile::read(path), false);
        searched += (searched.empty() ? "" : ", ") + folder;
    }
    complain("there is no profile `" + name + "`; looked for " + name + ".properties in " + searched);
}

std::shared_ptr<const CheckedSettings> Configuration::settings(const std::vector<KeySpec>& specs,
                                                               Complaints& complaints,
                                                               const ForeignReason& foreignReason) const {
    return check(specs, complaints, foreignReason, false);
}

std::shared_ptr<const CheckedSettings> Configuration::partialSettings(const std::vector<KeySpec>& specs,
                                                                      Complaints& complaints) const {
    return check(specs, complaints, {}, true);
}

std::shared_ptr<const CheckedSettings> Configuration::check(const std::vector<KeySpec>& specs, Complaints& complaints,
                                                            const ForeignReason& foreignReason,
                                                            bool ignoresUnknown) const {
    std::map<std::string, KeySpec> declared = byName(specs, _file, complaints);
    std::map<std::string, std::string> values;
    std::vector<const Entry*> inFileOrder;
    for (const auto& [key, entry] : _entries) inFileOrder.push_back(&entry);
    std::sort(inFileOrder.begin(), inFileOrder.end(), [this](const Entry* left, const Entry* right) {
        const bool leftIsMain = left->file == _file;
        const bool rightIsMain = right->file == _file;
        return leftIsMain != rightIsMain ? leftIsMain : left->line < right->line;
    });
    for (const Entry* entry : inFileOrder) {
        const KeySpec* spec = CheckedSettings::specFor(declared, entry->key);
        if (spec == nullptr) {
            if (!ignoresUnknown) reportUnknown(*entry, specs, complaints, foreignReason);
            continue;
        }
        std::string value = expanded(*entry, declared, complaints);
        // An empty value of a kind that has none stands for the default.
        if (value.empty() && values::faultOf(*spec, value)) continue;
        if (const auto fault = values::faultOf(*spec, value)) {
            complaints.push_back({Finding::Error, entry->file, entry->line, entry->key, *fault});
            continue;
        }
        values.emplace(entry->key, std::move(value));
    }
    return std::make_shared<CheckedSettings>(std::move(declared), std::move(values), _folder);
}

std::string Configuration::expanded(const Entry& entry, const std::map<std::string, KeySpec>& specs,
                                    Complaints& complaints) const {
    Expander expander(_entries, specs);
    std::string value = expander.expand(entry.value);
    if (!expander.fault().empty()) {
        complaints.push_back({Finding::Error, entry.file, entry.line, entry.key, expander.fault()});
    }
    return value;
}

void Configuration::reportUnknown(const Entry& entry, const std::vector<KeySpec>& specs, Complaints& complaints,
                                  const ForeignReason& foreignReason) const {
    if (const auto reason = foreignReason ? foreignReason(entry.key) : std::nullopt) {
        if (!reason->empty()) complaints.push_back({Finding::Warning, entry.file, entry.line, entry.key, *reason});
        return;
    }
    std::string text = "unknown key `" + entry.key + "`";
    if (const auto nearest = nearestKey(entry.key, specs)) text += "; did you mean `" + *nearest + "`?";
    complaints.push_back({Finding::Error, entry.file, entry.line, entry.key, text});
}

Complaint Configuration::located(const Finding& finding) const {
    Complaint complaint{finding.severity, _file, 0, finding.key, finding.text};
    if (const auto entry = _entries.find(finding.key); entry != _entries.end()) {
        complaint.file = entry->second.file;
        complaint.line = entry->second.line;
    }
    return complaint;
}

}  // namespace maildock::host
