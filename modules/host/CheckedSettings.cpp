#include "modules/host/CheckedSettings.h"

#include <algorithm>
#include <stdexcept>

#include "modules/host/Values.h"

namespace maildock::host {

CheckedSettings::CheckedSettings(std::map<std::string, KeySpec> specs, std::map<std::string, std::string> values,
                                 std::string folder)
    : _specs(std::move(specs)), _values(std::move(values)), _folder(std::move(folder)) {}

const KeySpec* CheckedSettings::specFor(const std::map<std::string, KeySpec>& specs, const std::string& key) {
    if (const auto exact = specs.find(key); exact != specs.end()) return &exact->second;
    for (std::size_t dot = key.rfind('.'); dot != std::string::npos && dot > 0; dot = key.rfind('.', dot - 1)) {
        if (dot + 1 == key.size()) continue;
        if (const auto family = specs.find(key.substr(0, dot + 1) + "*"); family != specs.end()) {
            return &family->second;
        }
    }
    return nullptr;
}

bool CheckedSettings::isDeclared(const std::string& key) const {
    return specFor(_specs, key) != nullptr;
}

const std::string& CheckedSettings::valueOf(const std::string& key, std::initializer_list<KeyKind> kinds) const {
    const KeySpec* spec = specFor(_specs, key);
    if (spec == nullptr) throw std::logic_error("the setting `" + key + "` was not declared");
    if (kinds.size() != 0 && std::find(kinds.begin(), kinds.end(), spec->kind) == kinds.end()) {
        throw std::logic_error("the setting `" + key + "` was declared as another kind");
    }
    const auto value = _values.find(key);
    return value == _values.end() ? spec->defaultValue : value->second;
}

std::string CheckedSettings::text(const std::string& key) const {
    return valueOf(key, {});
}

bool CheckedSettings::boolean(const std::string& key) const {
    return values::toBoolean(valueOf(key, {KeyKind::Boolean})).value_or(false);
}

std::int64_t CheckedSettings::number(const std::string& key) const {
    return values::toNumber(valueOf(key, {KeyKind::Number})).value_or(0);
}

std::int64_t CheckedSettings::seconds(const std::string& key) const {
    return values::toSeconds(valueOf(key, {KeyKind::Seconds})).value_or(0);
}

std::vector<std::string> CheckedSettings::list(const std::string& key) const {
    return values::toList(valueOf(key, {KeyKind::List, KeyKind::Address, KeyKind::Text}));
}

std::string CheckedSettings::path(const std::string& key) const {
    const std::string& value = valueOf(key, {KeyKind::Path, KeyKind::Text});
    if (value.empty() || value.front() == '/') return value;
    return _folder + (_folder.ends_with('/') ? "" : "/") + value;
}

bool CheckedSettings::isSet(const std::string& key) const {
    return _values.count(key) != 0;
}

std::vector<std::string> CheckedSettings::keysBelow(const std::string& prefix) const {
    std::vector<std::string> keys;
    for (auto value = _values.lower_bound(prefix); value != _values.end(); ++value) {
        if (value->first.compare(0, prefix.size(), prefix) != 0) break;
        keys.push_back(value->first);
    }
    return keys;
}

}  // namespace maildock::host
