// One user's tree of mailboxes on disk: lists, creates, removes and renames mailbox directories, keeps the
// subscriptions. Stateless but for its settings and which directory the root was: every call looks at the disk, so that
// other programs may change the tree at any time. Any thread may use it.
//
// What can't be looked at is not gone: a folder that may not be read is listed, and where the root is away (not
// mounted, renamed) every call throws Unavailable, once the root was seen.
//
// Files: `subscriptions` (Dovecot's, versions 1 and 2), Courier's `courierimapsubscribed` taken over once;
// `maildock-special-use`;
// `maildirfolder` in subfolders (Maildir++), never in the root.
#pragma once

#include <sys/types.h>

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "maildir/Error.h"
#include "maildir/names/MailboxName.h"
#include "maildir/names/NameMapper.h"
#include "maildir/names/SpecialUseFile.h"

namespace maildir {

struct TreeSettings {
    std::string root;  // absolute path of the Maildir root, INBOX itself
    Layout layout = Layout::MaildirPlusPlus;
    std::optional<NameEncoding> encoding;  // nothing: detect
    char escapeCharacter = 0;
    bool mayMakeRoot = true;  // false: a tree that is missing is an error
};

struct MailboxEntry {
    MailboxName name;
    bool isSelectable = true;  // false: only a level above others (no cur/ and no mail in it, or no directory at all)
};

class MailTree {
public:
    // Looks at the tree's directory names if the encoding is to be detected. Throws NoPermission, Unavailable, Limit.
    explicit MailTree(TreeSettings settings);

    [[nodiscard]] const NameMapper& mapper() const;
    [[nodiscard]] const TreeSettings& settings() const;
    // What detection found; isMixed is for the log. Empty when the settings name the encoding.
    [[nodiscard]] const EncodingFinding& encodingFinding() const { return _finding; }

    // Whether the root is a Maildir: one of cur, new and tmp is in it. Throws where that can't be looked at.
    [[nodiscard]] bool isThere() const;
    // Creates the root (mode 0700, superiors as theirs) with cur, new and tmp if it is not there, and what of the three
    // is missing where it is. True if there was none. Throws Unavailable if none may be made, or one that was seen
    // before is away, Corrupt if mail lies there in another way than as a Maildir: an empty INBOX would be shown
    // instead of it.
    bool ensureRoot() const;

    // Every mailbox, INBOX first, the others sorted so that a parent stands before its children; levels that exist only
    // through their children are in it, not selectable.
    [[nodiscard]] std::vector<MailboxEntry> list() const;
    // Selectable mailboxes only: with a cur/, or mail in new/ (NewMail.h). True of one that may not be looked into;
    // throws Unavailable where nothing can be told.
    [[nodiscard]] bool exists(const MailboxName& name) const;
    [[nodiscard]] bool hasChildren(const MailboxName& name) const;
    // Whether mail lies in its new/, where deliveries are until the mailbox is opened; false where that can't be read.
    [[nodiscard]] bool hasNewMail(const MailboxName& name) const;

    // Absolute path of the mailbox's directory, whether it exists or not. Throws as NameMapper::directoryOf.
    [[nodiscard]] std::string pathOf(const MailboxName& name) const;

    // Creates the mailbox; superiors that are missing are created as real mailboxes too. All durable on return. Never
    // makes the root: Unavailable if that has gone, such as with its disk.
    // Throws AlreadyExists, InvalidName, Limit, NoPermission, OverQuota, Io.
    void create(const MailboxName& name) const;

    // Removes a mailbox with its messages: its directory is first renamed to a name that no mailbox has (one atomic
    // step; durable), then removed; leftovers of a crash are cleaned at a later call. INBOX cannot be removed. Children
    // stay. Throws NotFound.
    void remove(const MailboxName& name) const;
    // The first half of remove(), which takes the mailbox out of everybody's sight.
    void takeOut(const MailboxName& name) const;
    // The other half, for as long as `isOver` says no: false if there is more to be removed. What can't be removed is
    // left. Throws as listDirectory().
    bool removeLeftovers(const std::function<bool()>& isOver) const;

    // Renames the mailbox with all its inferiors (RFC 3501 6.3.5); missing superiors of `to` are created. INBOX is not
    // for this function: its messages are moved by the caller. Throws NotFound, AlreadyExists, InvalidName, Limit.
    // Maildir++ needs one rename a mailbox: children first checked, then renamed; after a crash in between a repeated
    // RENAME of what is left can finish it.
    void rename(const MailboxName& from, const MailboxName& to) const;

    // Subscriptions are names, not mailboxes: they may name what does not exist (RFC 3501 6.3.6).
    [[nodiscard]] std::set<MailboxName> subscriptions() const;
    void subscribe(const MailboxName& name) const;
    void unsubscribe(const MailboxName& name) const;  // no error if it was not there

    // Which mailboxes clients created for a special use.
    [[nodiscard]] SpecialUseFile specialUses() const;

private:
    void requireRoomForRoot() const;
    // Which directory the root was when it was seen last.
    struct KnownRoot {
        std::mutex mutex;
        bool isKnown = false;  // guarded by mutex, as what follows
        dev_t device = 0;
        ino_t inode = 0;
    };
    // Throws Unavailable if the root was seen and is not there now, or is on another file system. A root with another
    // device number and the same inode is the same, mounted again; another one on the same file system has its place.
    void requireRoot() const;
    [[nodiscard]] bool isMailbox(const std::string& directory, int root) const;
    void noteUsedUidValidity(const std::vector<std::string>& directories) const;
    void createSuperiors(const MailboxName& name) const;
    void moveOutOfTree(const std::string& path, const std::string& deleted) const;
    [[nodiscard]] std::vector<std::pair<std::string, std::string>> renameSteps(const MailboxName& from,
                                                                               const MailboxName& to) const;
    static void renameAll(const std::vector<std::pair<std::string, std::string>>& steps);

    TreeSettings _settings;
    EncodingFinding _finding;
    std::shared_ptr<const NameMapper> _mapper;
    std::shared_ptr<KnownRoot> _known = std::make_shared<KnownRoot>();
};

}  // namespace maildir
