#include "imapd/commands/FlagNames.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "maildir/names/Keywords.h"

namespace imapd {

using maildir::Flag;

namespace {

constexpr std::pair<std::string_view, Flag> systemFlags[] = {{"\\answered", Flag::Answered},
                                                             {"\\flagged", Flag::Flagged},
                                                             {"\\deleted", Flag::Deleted},
                                                             {"\\seen", Flag::Seen},
                                                             {"\\draft", Flag::Draft}};

std::string lowerCase(std::string text) {
    for (char& c : text) {
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
    return text;
}

}  // namespace

std::variant<NamedFlags, Reply> readFlags(const std::vector<std::string>& names, const ShownKeywords& shown) {
    NamedFlags named;
    std::vector<std::string> lowered;
    for (const std::string& name : names) {
        std::string lower = lowerCase(name);
        if (name.starts_with('\\')) {
            const auto known = std::find_if(std::begin(systemFlags), std::end(systemFlags),
                                            [&](const auto& flag) { return flag.first == lower; });
            if (lower == "\\recent") return Reply::bad("\\Recent is the server's to give");
            if (known == std::end(systemFlags)) return Reply::bad("Unknown system flag " + name);
            named.flags.set(known->second);
            continue;
        }
        if (name.size() > maildir::maxKeywordOctets) {
            return Reply::no("A keyword is too long (" + std::to_string(maildir::maxKeywordOctets) + " octets at most)",
                             "LIMIT");
        }
        if (!maildir::isKeywordName(name)) return Reply::bad("This cannot be a keyword");
        if (!shown.shows(name)) continue;
        if (std::find(lowered.begin(), lowered.end(), lower) != lowered.end()) continue;
        if (lowered.size() == maildir::maxKeywords) {
            return Reply::no("Too many keywords (" + std::to_string(maildir::maxKeywords) + " at most)", "LIMIT");
        }
        lowered.push_back(std::move(lower));
        named.keywords.push_back(name);
    }
    return named;
}

}  // namespace imapd
