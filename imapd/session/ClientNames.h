// The names by which clients see and mean the mailboxes of one tree where these are not the exact ones: names in
// another case (row V0008), and names that are cut off where they are shown (row C0003). Made of one listing of the
// tree; immutable.
//
// A name that could mean several mailboxes means none of them: twins are told apart by their exact names, and shown by
// them. What exists under exactly the name that a client says is the caller's to look for first.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "maildir/names/MailTree.h"

namespace imapd {

// Characters of the name in UTF-8, the delimiters between its levels included.
std::size_t charactersOf(const maildir::MailboxName& name);

class ClientNames {
public:
    struct Rules {
        bool isCaseSensitive = true;
        std::size_t longestShown = 0;  // characters; 0: names are shown whole
        [[nodiscard]] bool areExact() const { return isCaseSensitive && longestShown == 0; }
    };

    // Every name means itself.
    ClientNames() = default;
    ClientNames(const std::vector<maildir::MailboxEntry>& entries, Rules rules);

    [[nodiscard]] bool areExact() const { return _rules.areExact(); }
    // The mailbox, or level above some, that the name means; nothing: none, or several.
    [[nodiscard]] std::optional<maildir::MailboxName> meant(const maildir::MailboxName& name) const;
    [[nodiscard]] bool isAmbiguous(const maildir::MailboxName& name) const;
    // How the mailbox is shown.
    [[nodiscard]] maildir::MailboxName shown(const maildir::MailboxName& name) const;

private:
    struct Bearer {
        maildir::MailboxName name;
        bool isOneOfSeveral = false;
    };
    [[nodiscard]] std::string keyOf(const maildir::MailboxName& name) const;
    [[nodiscard]] const Bearer* find(const maildir::MailboxName& name) const;
    [[nodiscard]] bool isTooLong(const maildir::MailboxName& name) const;

    Rules _rules;
    std::map<std::string, Bearer> _bearers;  // by the names that mean them
};

}  // namespace imapd
