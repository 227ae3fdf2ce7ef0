// One signed-in user's mail as the client names it: wire names <-> mailboxes, special uses, opening. Owned by a
// session; one thread at a time.
//
// Wire names: the namespace's prefix and delimiter, levels in modified UTF-7 (RFC 3501 5.1.3), or UTF-8 once enabled
// (RFC 6855, RFC 9051). INBOX in any case is INBOX. With a prefix, names are taken with and without it. The delimiter
// inside a level is shown shifted ("&AC8-" for '/'), so that every existing mailbox has a name. With UTF-8 enabled a
// name is taken as it stands; only what does not exist so may be the modified UTF-7 of what does, since clients keep
// names that were listed to them before. Special uses (RFC 6154): which mailbox has a role follows from what a client
// said when it created the mailbox (CREATE with USE), else from the configured name and its aliases: the first that
// exists. An alias that does not exist as a mailbox stands for the role's mailbox, so that Sent, Sent Items and
// Gesendet are not three folders.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "imapd/response/ResponseWriter.h"
#include "imapd/session/ClientNames.h"
#include "imapd/session/Policy.h"
#include "maildir/mailbox/MailStore.h"
#include "maildir/names/MailTree.h"

namespace imapd {

class UserMail {
public:
    UserMail(maildir::TreeSettings settings, std::shared_ptr<const Policy> policy, maildir::MailStore& store,
             const WireFeatures& features);

    // Creates the root and the folders that are to be there, once; no folders while it can't be told which mailboxes
    // have their roles. True if there was no tree before.
    bool prepare();

    [[nodiscard]] const maildir::MailTree& tree() const { return _tree; }
    [[nodiscard]] char delimiter() const { return _policy->delimiter; }
    [[nodiscard]] const std::string& prefix() const { return _policy->prefix; }

    // Throws Error(InvalidName) with a text for the client when it can be no mailbox.
    [[nodiscard]] maildir::MailboxName nameOf(std::string_view wireName) const;
    // As nameOf, but a name in UTF-8 that does not exist becomes its Normalization Form C, if that exists (RFC
    // 9051 5.1); one in another case, or cut off, becomes the mailbox that it means where the admin wants that.
    [[nodiscard]] maildir::MailboxName existingNameOf(std::string_view wireName) const;
    // The name of a mailbox to be created: levels that do not exist yet are Net-Unicode (RFC 9051 6.3.4); those that
    // exist in another case are meant where case makes no difference. Throws InvalidName.
    [[nodiscard]] maildir::MailboxName newNameOf(std::string_view wireName) const;
    // As existingNameOf, but an alias that does not exist becomes the role's mailbox.
    [[nodiscard]] maildir::MailboxName resolvedNameOf(std::string_view wireName) const;
    [[nodiscard]] std::string wireNameOf(const maildir::MailboxName& name) const;
    // The existing mailbox, or level, that a name means, its own first.
    [[nodiscard]] std::optional<maildir::MailboxName> meantBy(const maildir::MailboxName& name) const;
    // How clients call the mailboxes of the tree as it is now; costs a listing unless names are exact.
    [[nodiscard]] ClientNames clientNames() const;
    // Two names, or a name and a LIST pattern, are compared in this form: without case where it makes no difference.
    [[nodiscard]] std::string comparable(std::string_view wireName) const;
    [[nodiscard]] bool isSameName(const maildir::MailboxName& left, const maildir::MailboxName& right) const;

    // Opens by wire name. Throws NotFound, InvalidName, NoPermission ...
    [[nodiscard]] std::shared_ptr<maildir::Mailbox> open(std::string_view wireName) const;
    [[nodiscard]] std::shared_ptr<maildir::Mailbox> open(const maildir::MailboxName& name) const;
    // Whether clients see mailboxes below it: with the prefix "INBOX." all lie below INBOX.
    [[nodiscard]] bool hasChildren(const maildir::MailboxName& name) const;
    // To be told of removed and renamed mailboxes.
    void forget(const maildir::MailboxName& name) const;

    // The attribute as it is written here, if it is one that mailboxes can have: those of RFC 6154 2 but \All and
    // \Flagged, which would have to show messages of other mailboxes.
    static std::optional<std::string> knownSpecialUse(std::string_view attribute);
    // "\\Sent" and so on for the mailboxes that have a role.
    using SpecialUses = std::map<maildir::MailboxName, std::vector<std::string>>;
    [[nodiscard]] SpecialUses specialUses() const;
    // The mailbox with the role: the one that a client created for it, else that of the configured names.
    [[nodiscard]] std::optional<maildir::MailboxName> holderOf(const std::string& attribute) const;

private:
    using Recorded = std::vector<maildir::SpecialUseFile::Assignment>;
    void createFolders();
    [[nodiscard]] std::string_view withoutPrefix(std::string_view wireName) const;
    [[nodiscard]] maildir::MailboxName meantName(const std::vector<std::string_view>& levels) const;
    [[nodiscard]] bool isThere(const maildir::MailboxName& name) const;
    [[nodiscard]] maildir::MailboxName configuredName(const std::string& text) const;
    [[nodiscard]] std::optional<maildir::MailboxName> holderOf(const std::string& attribute, const Recorded& recorded,
                                                               const ClientNames& names) const;
    [[nodiscard]] std::optional<maildir::MailboxName> selectable(const maildir::MailboxName& name,
                                                                 const ClientNames& names) const;
    [[nodiscard]] maildir::MailboxName belowExisting(maildir::MailboxName name) const;
    [[nodiscard]] ClientNames::Rules nameRules() const;

    maildir::MailTree _tree;
    std::shared_ptr<const Policy> _policy;
    maildir::MailStore* _store;
    const WireFeatures* _features;
};

}  // namespace imapd
