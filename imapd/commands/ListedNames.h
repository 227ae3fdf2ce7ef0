// The names that LIST and LSUB look through (RFC 3501 6.3.8, 6.3.9): mailboxes, subscriptions and the levels above
// them, each with what is known of it.
//
// A name is kept as its place in the hierarchy that the client sees: the levels of the namespace's prefix stand above
// every mailbox but INBOX. With the prefix "INBOX." that level is INBOX itself (as Courier has it); with "Mail/" it is
// a level that no mailbox can be. One thread.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "imapd/session/ClientNames.h"
#include "maildir/names/MailboxName.h"

namespace imapd {

class Session;
class UserMail;

// What is known of a name that may be listed.
struct ListCandidate {
    bool exists = false;  // as a mailbox, or as a level above some
    bool isSelectable = false;
    bool isSubscribed = false;
    bool hasChildren = false;
    bool hasSubscribedChildren = false;
};

class ListedNames {
public:
    using Place = maildir::MailboxName;

    // Whether they exist is nothing that LSUB tells, and costs a look at every folder: only where several names can
    // mean a mailbox is it one to know which.
    enum What { Existing, WithSubscriptions, Subscribed };
    ListedNames(const UserMail& mail, What what);

    // Gathers the names in steps: each takes its time where there are many thousands. True once all are there.
    bool step(const UserMail& mail);

    // INBOX first, then in the order of names; once all are there.
    [[nodiscard]] const std::vector<std::pair<Place, ListCandidate>>& ordered() const { return _ordered; }
    // The mailbox, or level above some, at this place; nothing: it is a level of the prefix.
    [[nodiscard]] std::optional<maildir::MailboxName> mailboxAt(const Place& place) const;
    // As the client sees it.
    [[nodiscard]] std::string wireNameAt(const UserMail& mail, const Place& place) const;

private:
    [[nodiscard]] Place placeOf(maildir::MailboxName name) const;
    void addExisting(const UserMail& mail);
    void addSubscribed(const UserMail& mail);
    void addSuperiors();
    void order();

    const What _what;
    std::vector<std::string> _prefix;  // its levels, as they are on the wire
    int _steps = 0;
    ClientNames _names;
    std::map<Place, ListCandidate> _candidates;
    std::vector<std::pair<Place, ListCandidate>> _ordered;
};

// The places above, from the lowest up.
template <class Function>
void eachSuperior(const ListedNames::Place& place, Function&& function) {
    ListedNames::Place superior = place;
    while (superior.levels.size() > 1) {
        superior.levels.pop_back();
        function(superior);
    }
}

}  // namespace imapd
