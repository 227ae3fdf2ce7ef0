// What a module or plugin reads its settings from, and how it declares its keys: a key that nobody declares is an error
// at start. Values are already checked against their declaration.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace maildock {

enum class KeyKind {
    Text,
    Boolean,  // true/false, yes/no, on/off
    Number,   // with optional k, m, g (1024s)
    Seconds,  // a number, optional s, m, h, d
    Choice,   // one of `choices`
    List,     // comma-separated
    Path,     // relative to the folder of the configuration file
    Address   // host:port, or systemd:NAME, comma-separated for several
};

struct KeySpec {
    std::string
        name;  // such as "imap.timeout.inactivity"; a last component '*' declares a family: "mailbox.autocreate.*"
    KeyKind kind = KeyKind::Text;
    std::string defaultValue;
    std::string description;                  // one sentence, for the commented file and messages
    std::vector<std::string> choices;         // of Choice
    std::optional<std::int64_t> least, most;  // of Number and Seconds
};

// Read access to the values; a key that is not set gives its declared default. Immutable: a reload makes a new one.
class Settings {
public:
    virtual ~Settings() = default;
    [[nodiscard]] virtual std::string text(const std::string& key) const = 0;
    [[nodiscard]] virtual bool boolean(const std::string& key) const = 0;
    [[nodiscard]] virtual std::int64_t number(const std::string& key) const = 0;
    [[nodiscard]] virtual std::int64_t seconds(const std::string& key) const = 0;
    [[nodiscard]] virtual std::vector<std::string> list(const std::string& key) const = 0;
    [[nodiscard]] virtual std::string path(const std::string& key) const = 0;  // absolute; empty stays empty
    [[nodiscard]] virtual bool isSet(const std::string& key) const = 0;        // set in a file, not by default
    // Set keys of a family, such as all below "mailbox.autocreate."; full names.
    [[nodiscard]] virtual std::vector<std::string> keysBelow(const std::string& prefix) const = 0;
};

// A finding of a configuration check, about a key.
struct Finding {
    enum Severity { Error, Warning };
    Severity severity = Error;
    std::string key;
    std::string text;
};

}  // namespace maildock
