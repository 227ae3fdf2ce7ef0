// The Settings that modules and plugins read: values that were checked against their declarations.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "modules/api/Settings.h"

namespace maildock::host {

// Immutable, so any thread may read it. Asking for a key that was not declared, or as another kind than declared, is a
// mistake in a program and throws std::logic_error naming the key; text() is allowed for every kind.
class CheckedSettings : public Settings {
public:
    // `specs` by name (families with their '*'), `values` as set in files, all known and well-formed. Paths are taken
    // relative to `folder`, an absolute path.
    CheckedSettings(std::map<std::string, KeySpec> specs, std::map<std::string, std::string> values,
                    std::string folder);

    [[nodiscard]] std::string text(const std::string& key) const override;
    [[nodiscard]] bool boolean(const std::string& key) const override;
    [[nodiscard]] std::int64_t number(const std::string& key) const override;
    [[nodiscard]] std::int64_t seconds(const std::string& key) const override;
    [[nodiscard]] std::vector<std::string> list(const std::string& key) const override;
    [[nodiscard]] std::string path(const std::string& key) const override;
    [[nodiscard]] bool isSet(const std::string& key) const override;
    [[nodiscard]] std::vector<std::string> keysBelow(const std::string& prefix) const override;

    // Whether `key` may be asked for.
    [[nodiscard]] bool isDeclared(const std::string& key) const;

    // Every declaration by name, families with their '*'.
    [[nodiscard]] const std::map<std::string, KeySpec>& specs() const { return _specs; }

    // The declaration that covers `key`: its own, or the family's with the longest prefix; null if none does.
    [[nodiscard]] static const KeySpec* specFor(const std::map<std::string, KeySpec>& specs, const std::string& key);

private:
    [[nodiscard]] const std::string& valueOf(const std::string& key, std::initializer_list<KeyKind> kinds) const;

    const std::map<std::string, KeySpec> _specs;
    const std::map<std::string, std::string> _values;
    const std::string _folder;
};

}  // namespace maildock::host
