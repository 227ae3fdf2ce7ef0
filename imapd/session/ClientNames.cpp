#include "imapd/session/ClientNames.h"

#include <algorithm>

#include "maildir/names/Unicode.h"

namespace imapd {

using maildir::MailboxName;

namespace {

bool beginsCharacter(char octet) {
    return (static_cast<unsigned char>(octet) & 0xC0u) != 0x80u;
}

std::size_t charactersOf(const std::string& level) {
    return static_cast<std::size_t>(std::count_if(level.begin(), level.end(), beginsCharacter));
}

// The first `most` characters of the name, without a delimiter at the end.
MailboxName cutOff(const MailboxName& name, std::size_t most) {
    MailboxName cut;
    std::size_t left = most;
    for (const std::string& level : name.levels) {
        if (!cut.levels.empty()) {
            if (left < 2) break;
            --left;  // the delimiter
        }
        std::size_t end = 0;
        while (end < level.size() && (left > 0 || !beginsCharacter(level[end]))) {
            if (beginsCharacter(level[end])) --left;
            ++end;
        }
        cut.levels.push_back(level.substr(0, end));
        if (end < level.size()) break;
    }
    return cut;
}

}  // namespace

std::size_t charactersOf(const MailboxName& name) {
    std::size_t characters = name.levels.empty() ? 0 : name.levels.size() - 1;
    for (const std::string& level : name.levels) characters += charactersOf(level);
    return characters;
}

ClientNames::ClientNames(const std::vector<maildir::MailboxEntry>& entries, Rules rules) : _rules(rules) {
    const auto bear = [this](const MailboxName& by, const MailboxName& name) {
        const auto [bearer, isFirst] = _bearers.emplace(keyOf(by), Bearer{name});
        if (!isFirst && bearer->second.name != name) bearer->second.isOneOfSeveral = true;
    };
    for (const maildir::MailboxEntry& entry : entries) {
        bear(entry.name, entry.name);
        if (isTooLong(entry.name)) bear(cutOff(entry.name, _rules.longestShown), entry.name);
    }
}

bool ClientNames::isTooLong(const MailboxName& name) const {
    return _rules.longestShown != 0 && charactersOf(name) > _rules.longestShown;
}

std::string ClientNames::keyOf(const MailboxName& name) const {
    std::string key;
    for (const std::string& level : name.levels) {
        key += _rules.isCaseSensitive ? level : maildir::caseFolded(level);
        key += '\0';  // in no level
    }
    return key;
}

const ClientNames::Bearer* ClientNames::find(const MailboxName& name) const {
    if (_bearers.empty()) return nullptr;
    const auto found = _bearers.find(keyOf(name));
    return found == _bearers.end() ? nullptr : &found->second;
}

std::optional<MailboxName> ClientNames::meant(const MailboxName& name) const {
    const Bearer* const bearer = find(name);
    if (bearer == nullptr || bearer->isOneOfSeveral) return std::nullopt;
    return bearer->name;
}

bool ClientNames::isAmbiguous(const MailboxName& name) const {
    const Bearer* const bearer = find(name);
    return bearer != nullptr && bearer->isOneOfSeveral;
}

MailboxName ClientNames::shown(const MailboxName& name) const {
    if (!isTooLong(name)) return name;
    MailboxName cut = cutOff(name, _rules.longestShown);
    return meant(cut) == name ? cut : name;
}

}  // namespace imapd
