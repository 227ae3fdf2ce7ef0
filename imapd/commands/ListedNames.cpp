#include "imapd/commands/ListedNames.h"

#include <cstddef>

#include "imapd/session/UserMail.h"
#include "maildir/names/LevelCodec.h"

namespace imapd {

using maildir::MailboxEntry;
using maildir::MailboxName;

ListedNames::ListedNames(const UserMail& mail, What what) : _what(what) {
    const std::string& prefix = mail.prefix();
    for (std::size_t begin = 0; begin < prefix.size();) {
        const std::size_t end = prefix.find(mail.delimiter(), begin);
        _prefix.push_back(prefix.substr(begin, end - begin));
        begin = end == std::string::npos ? prefix.size() : end + 1;
    }
    if (!_prefix.empty() && maildir::isSpelledInbox(_prefix.front())) _prefix.front() = "INBOX";
}

bool ListedNames::step(const UserMail& mail) {
    switch (_steps++) {
        case 0:
            _names = mail.clientNames();
            return false;
        case 1:
            if (_what != Subscribed || !_names.areExact()) addExisting(mail);
            return false;
        case 2:
            if (_what != Existing) addSubscribed(mail);
            return false;
        case 3:
            addSuperiors();
            return false;
        default:
            order();
            return true;
    }
}

ListedNames::Place ListedNames::placeOf(MailboxName name) const {
    if (!name.isInbox()) name.levels.insert(name.levels.begin(), _prefix.begin(), _prefix.end());
    return name;
}

std::optional<MailboxName> ListedNames::mailboxAt(const Place& place) const {
    if (place.isInbox() || _prefix.empty()) return place;
    if (place.levels.size() <= _prefix.size()) return std::nullopt;
    MailboxName name{{place.levels.begin() + static_cast<std::ptrdiff_t>(_prefix.size()), place.levels.end()}};
    // A folder is called INBOX/x, and INBOX itself has its place at the top.
    if (name.isInbox()) return std::nullopt;
    return name;
}

std::string ListedNames::wireNameAt(const UserMail& mail, const Place& place) const {
    if (const auto name = mailboxAt(place)) return mail.wireNameOf(_names.shown(*name));
    std::string wire;
    for (const std::string& level : place.levels) {
        if (!wire.empty()) wire += mail.delimiter();
        wire += level;
    }
    return wire;
}

void ListedNames::addExisting(const UserMail& mail) {
    for (MailboxEntry& entry : mail.tree().list()) {
        ListCandidate& candidate = _candidates[placeOf(std::move(entry.name))];
        candidate.exists = true;
        candidate.isSelectable = entry.isSelectable;
    }
}

void ListedNames::addSubscribed(const UserMail& mail) {
    for (const MailboxName& name : mail.tree().subscriptions()) {
        const bool isKnown = _candidates.contains(placeOf(name));
        _candidates[placeOf(isKnown ? name : _names.meant(name).value_or(name))].isSubscribed = true;
    }
}

void ListedNames::addSuperiors() {
    const std::vector<std::pair<Place, ListCandidate>> all(_candidates.begin(), _candidates.end());
    for (const auto& [place, candidate] : all) {
        eachSuperior(place, [&, isThere = candidate.exists, isSubscribed = candidate.isSubscribed](const Place& above) {
            if (!isThere && !isSubscribed) return;
            // A level of a subscribed name may be no mailbox at all, and one of the prefix is none.
            ListCandidate& superior = _candidates[above];
            superior.exists = superior.exists || isThere;
            superior.hasChildren = superior.hasChildren || isThere;
            superior.hasSubscribedChildren = superior.hasSubscribedChildren || isSubscribed;
        });
    }
}

void ListedNames::order() {
    _ordered.reserve(_candidates.size());
    if (auto inbox = _candidates.extract(MailboxName::inbox())) _ordered.emplace_back(inbox.key(), inbox.mapped());
    for (auto& each : _candidates) _ordered.emplace_back(each.first, each.second);
    _candidates.clear();
}

}  // namespace imapd
