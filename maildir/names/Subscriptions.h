// The file `subscriptions` in a tree's root, as Dovecot keeps it: which mailbox names a user has subscribed to.
//
//   version 1: a name a line, its components separated as in directories ('.' in Maildir++, '/' in layout fs)
//   version 2: "V<TAB>2", an empty line, then a name a line, its components separated by TAB; in a component octet 1
//              escapes: 1 '0' is NUL, 1 '1' octet 1, 1 't' TAB, 1 'n' LF, 1 'r' CR
//
// Components are written in the encoding of the tree's directories. A file is kept in the version it has; a new one is
// of version 2. Lines that name no mailbox are kept as they are. Changes are made under `subscriptions.lock`, the file
// is replaced by rename. Without such a file Courier's `courierimapsubscribed` is taken over, once; it stays.
#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "maildir/names/MailboxName.h"
#include "maildir/names/NameMapper.h"

namespace maildir {

// The content of the file as a value.
class SubscriptionList {
public:
    // An empty list of version 2.
    SubscriptionList() = default;
    static SubscriptionList parse(std::string_view text, const NameMapper& mapper);

    [[nodiscard]] std::set<MailboxName> names() const;
    // True if that changed the list. add throws as NameMapper::directoryOf does. Both throw Corrupt where the list is
    // of a version that is not known: its lines are shown, and nothing is written that could lose what they say.
    bool add(const MailboxName& name, const NameMapper& mapper);
    bool remove(const MailboxName& name);
    [[nodiscard]] std::string text() const;

private:
    struct Line {
        std::string text;                 // as in the file, without its LF
        std::optional<MailboxName> name;  // nothing: it names no mailbox
    };
    void requireKnown() const;
    [[nodiscard]] std::string lineOf(const MailboxName& name, const NameMapper& mapper) const;

    std::string _header = "V\t2\n";  // empty in version 1; the empty line behind it is the first of _lines
    std::vector<Line> _lines = {Line{}};
    bool _isKnown = true;  // the version
};

// Courier's file: lines "INBOX" and "INBOX.<directory>", in the encoding of the directories. Others (shared folders)
// are passed over.
std::set<MailboxName> parseCourierSubscriptions(std::string_view text, const NameMapper& mapper);

// Stateless: every call looks at the disk. Any thread may use it.
class SubscriptionFile {
public:
    SubscriptionFile(const std::string& root, std::shared_ptr<const NameMapper> mapper);

    // Throws Error(Limit) for a file that is absurdly large, else as the file system does.
    [[nodiscard]] std::set<MailboxName> load() const;
    void add(const MailboxName& name) const;
    void remove(const MailboxName& name) const;

private:
    // What the file says, or what it will once Courier's is taken over.
    [[nodiscard]] SubscriptionList read(bool& isThere) const;

    std::string _path, _courierPath;
    std::shared_ptr<const NameMapper> _mapper;
};

}  // namespace maildir
