#include "imapd/session/ShownKeywords.h"

#include <algorithm>

namespace imapd {

namespace {

bool isSameKeyword(std::string_view left, std::string_view right) {
    const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
    return std::equal(left.begin(), left.end(), right.begin(), right.end(),
                      [lower](char a, char b) { return lower(a) == lower(b); });
}

}  // namespace

bool ShownKeywords::shows(std::string_view name) const {
    return isAny() ||
           std::any_of(_names->begin(), _names->end(), [name](const auto& each) { return isSameKeyword(each, name); });
}

maildir::KeywordSet ShownKeywords::of(const maildir::KeywordTable& table) const {
    maildir::KeywordSet set;
    if (isAny()) return set.set();
    for (const std::string& name : *_names) {
        if (const auto index = table.indexOf(name)) set.set(*index);
    }
    return set;
}

std::vector<std::string> ShownKeywords::defined(const maildir::KeywordTable& table) const {
    if (!isAny()) return *_names;
    std::vector<std::string> names;
    for (std::size_t index = 0; index < table.size(); ++index) {
        if (const std::string& name = table.nameOf(index); !name.empty()) names.push_back(name);
    }
    return names;
}

}  // namespace imapd
