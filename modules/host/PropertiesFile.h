// Reads one properties file into entries that know their line.
//
// The syntax is that of Poco::Util::PropertyFileConfiguration (which forgets the lines): "key = value" or "key: value";
// '#' or '!' opens a comment line; a backslash at the end of a line continues the value on the next; \t \r \n \f are
// control characters and any other \x is x itself; blanks around key and value are dropped. Two differences, both for
// the admin's good: a '#' between blanks opens a comment inside a line too ("\#" is a plain '#'), and a line without
// '=' or ':' is an error, not a key without value.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "modules/host/Complaint.h"

namespace maildock::host {

struct Entry {
    std::string key;
    std::string value;
    std::string file;
    unsigned line = 0;
};

struct PropertiesFile {
    // Past these the file is refused: nobody writes such a configuration.
    static constexpr std::size_t maxFileOctets = 1024 * 1024;
    static constexpr std::size_t maxEntries = 5000;
    static constexpr std::size_t maxKeyOctets = 200;
    static constexpr std::size_t maxValueOctets = 64 * 1024;

    bool isReadable = true;
    std::vector<Entry> entries;  // in the order of the file; no key twice
    Complaints complaints;       // errors in the file itself; every key twice names both lines

    // Never throws; a file that can't be read is a complaint.
    [[nodiscard]] static PropertiesFile read(const std::string& path);
    // The same for text that is already in memory; `name` is what complaints call it.
    [[nodiscard]] static PropertiesFile parse(std::string_view text, const std::string& name);
};

}  // namespace maildock::host
