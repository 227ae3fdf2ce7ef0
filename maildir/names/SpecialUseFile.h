// The file `maildock-special-use` in a tree's root: which mailbox a client created for which special use (RFC 6154 3).
//
//   attribute TAB directory of the mailbox, relative to the root, in the tree's own spelling; a line each
//
// Such as "\Sent\t.Gesendet". An attribute may stand in several lines: the first whose mailbox exists has the role, so
// that a rename that a crash interrupts loses none. Lines that are not understood are kept and mean nothing. Changes
// are made under `maildock-special-use.lock`, the file is replaced by rename.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "maildir/names/MailboxName.h"
#include "maildir/names/NameMapper.h"

namespace maildir {

// The content of the file as a value.
class SpecialUseList {
public:
    using Assignment = std::pair<std::string, MailboxName>;  // "\\Sent", mailbox

    static SpecialUseList parse(std::string_view text, const NameMapper& mapper);

    // In the order of the file.
    [[nodiscard]] std::vector<Assignment> assignments() const;
    // Throws as NameMapper::directoryOf does; InvalidName for a name that has no line.
    void add(const std::string& attribute, const MailboxName& name, const NameMapper& mapper);
    // These return true if that changed the list.
    bool remove(const MailboxName& name);
    bool removeAttribute(const std::string& attribute);
    // Adds what `from` and mailboxes below it have under the names that they will have.
    bool addRenamed(const MailboxName& from, const MailboxName& to, const NameMapper& mapper);
    // Removes `from` and what is below it.
    bool removeTree(const MailboxName& from);
    [[nodiscard]] std::string text() const;

private:
    struct Line {
        std::string text;                      // as in the file, without its LF
        std::optional<Assignment> assignment;  // nothing: it means nothing
    };
    std::vector<Line> _lines;
};

// Stateless: every call looks at the disk. Any thread may use it.
class SpecialUseFile {
public:
    using Assignment = SpecialUseList::Assignment;

    SpecialUseFile(const std::string& root, std::shared_ptr<const NameMapper> mapper);

    // None where there is no such file. Throws where it can't be read: mailboxes whose roles are not known for a moment
    // have not lost them, and a client that is told so makes others for them.
    [[nodiscard]] std::vector<Assignment> load() const;

    // Gives the mailbox, which is about to be created, the roles. Throws AlreadyExists if exists() is true of a mailbox
    // that has one; else as the file system does. Durable on return.
    void assign(const std::vector<std::string>& attributes, const MailboxName& name,
                const std::function<bool(const MailboxName&)>& exists) const;
    // After the mailbox was deleted.
    void remove(const MailboxName& name) const;
    // Before a rename with all inferiors; endRename() after it, with the name that is no more.
    void beginRename(const MailboxName& from, const MailboxName& to) const;
    void endRename(const MailboxName& gone) const;

private:
    void change(const std::function<bool(SpecialUseList&)>& edit) const;

    std::string _path;
    std::shared_ptr<const NameMapper> _mapper;
};

}  // namespace maildir
