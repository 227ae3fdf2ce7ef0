// What is wrong with a configuration, with the place where an admin finds it.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "modules/api/Settings.h"

namespace maildock::host {

struct Complaint {
    Finding::Severity severity = Finding::Error;
    std::string file;   // empty: about no file
    unsigned line = 0;  // from 1; 0: about the file as a whole, or a key that no file sets
    std::string key;    // empty: about no key
    std::string text;

    // "FILE:LINE: text"; the key comes before a text that does not name it. Of a warning the reader is told that it is
    // one, unless `showsSeverity` is false since that is shown otherwise.
    [[nodiscard]] std::string toString(bool showsSeverity = true) const {
        std::string out = file;
        if (line != 0) out += ":" + std::to_string(line);
        if (!out.empty()) out += ": ";
        if (showsSeverity && severity == Finding::Warning) out += "warning: ";
        if (!key.empty() && text.find("`" + key + "`") == std::string::npos) out += key + ": ";
        return out + text;
    }
};

using Complaints = std::vector<Complaint>;

[[nodiscard]] inline bool hasErrors(const Complaints& complaints) {
    return std::any_of(complaints.begin(), complaints.end(),
                       [](const Complaint& one) { return one.severity == Finding::Error; });
}

}  // namespace maildock::host
