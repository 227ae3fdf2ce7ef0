// One open mailbox: one object a process for each Maildir, shared by all sessions that use it. Its state is an
// immutable Snapshot; changes go through one writer, are made durable, then published.
//
// Any thread may call any function; each takes the writer's mutex inside where it changes something. No function waits
// for the network. Lock order: Mailbox writer mutex -> dovecot-uidlist.lock -> dovecot-keywords.lock -> Watcher; two
// mailboxes are never locked at once (a copy reads the source's snapshot, then locks the target).
//
// Every function throws maildir::Error (NotFound once the mailbox's directory is proven to be gone, Unavailable or
// NoPermission while it can't be looked at, OverQuota, Io, Busy). What can't be looked at stays as it was published.
#pragma once

#include <sys/stat.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "maildir/Error.h"
#include "maildir/ToldOnce.h"
#include "maildir/Types.h"
#include "maildir/cache/Columns.h"
#include "maildir/cache/FactStore.h"
#include "maildir/cache/Renderings.h"
#include "maildir/mailbox/Snapshot.h"
#include "maildir/message/MessageFile.h"
#include "maildir/message/SevenBit.h"
#include "maildir/names/UidValidityFile.h"

namespace maildir {

class CacheFolder;
class Watcher;
class Mailbox;
class Delivery;

// A session's stake in a mailbox: it is told of news, and the content of messages that it still shows stays readable.
// Ends with its destruction. The callback comes from any thread, must be quick and must not call the mailbox.
class Viewer {
public:
    Viewer(std::shared_ptr<Mailbox> mailbox, std::function<void()> onNews);
    ~Viewer();
    Viewer(const Viewer&) = delete;
    Viewer& operator=(const Viewer&) = delete;
    // The session has been told of everything up to this snapshot: what was expunged before may be unlinked.
    void acknowledge(const Snapshot& snapshot);

private:
    friend class Mailbox;
    std::shared_ptr<Mailbox> _mailbox;
    std::function<void()> _onNews;
    std::uint64_t _acknowledged;  // generation; guarded by the mailbox's viewers' mutex
};

struct FlagChange {
    enum Mode { Replace, Add, Remove };
    Mode mode = Add;
    FlagSet flags;
    std::vector<std::string> keywords;  // names; unknown ones are created by Replace and Add, ignored by Remove
    std::optional<std::vector<std::string>> replaced = {};  // Replace takes away these keywords alone; nothing: any
};

struct FlagChangeResult {
    std::vector<Uid> expunged;  // named messages that are gone
    std::shared_ptr<const Snapshot> after;
};

// UIDs of copied messages: source[i] became target[i].
struct CopyResult {
    UidValidity targetUidValidity;
    std::vector<Uid> source, target;
    // Messages of a MOVE that stay where they are, since something kept them after others were moved: a lock, or
    // another program that renames them. The caller asks for them again, and is told then what it was if it still is.
    std::vector<Uid> waiting = {};
    bool someExpunged = false;  // named messages that were gone: a MOVE goes on without them, a COPY copies nothing
};

struct DeliveryResult {
    UidValidity uidValidity;
    Uid uid;
};

class Mailbox : public std::enable_shared_from_this<Mailbox> {
public:
    // Settings of the process for all mailboxes.
    struct Options {
        int lockTimeoutMs = 30000;
        std::shared_ptr<FactStore> facts;    // never null
        std::shared_ptr<CacheFolder> cache;  // null: nothing is kept over a restart
        std::function<void()> onUnsaved;     // something is to be saved there; must be quick. MailStore sets it
        // A line for the admin: what keeps a mailbox from being looked at. May be null; must be quick.
        std::function<void(const std::string&)> log = nullptr;
        // Mailboxes whose links the log was told of. Null: each Mailbox tells of them. MailStore sets it
        std::shared_ptr<ToldOnce> toldOfLinks = nullptr;
        std::shared_ptr<Watcher> watcher;  // never null
        // A mailbox that was taken from the cache file is not watched yet: finishWatching() is to be called soon, by
        // another thread; must be quick. Null: it is watched at once. MailStore sets it
        std::function<void(const std::shared_ptr<Mailbox>&)> onWatchDue;
        std::shared_ptr<Renderings> renderings;  // null: each look at a rendering makes it
        std::shared_ptr<Columns> columns;        // null: none are kept
        std::optional<TreePlace> tree;           // of the mailbox; nothing: it is one of its own. MailStore sets it
    };

    // root: of the tree that it is in; empty: the directory above. A mailbox whose root is away is not gone (Presence).
    Mailbox(std::string directory, Options options, const std::string& root = {});
    ~Mailbox();

    [[nodiscard]] const std::string& directory() const;
    // Under which name the cache has it: the directory, and with whose rights it was read (FileIdentity).
    [[nodiscard]] const std::string& factsName() const;

    // The newest published state, as it is known now: no look at the disk. Before the first refresh(): loads.
    std::shared_ptr<const Snapshot> snapshot();
    // Looks for changes made by others (cheap where the mailbox is watched or nothing changed), then as snapshot().
    // New messages get their UIDs (durable) before this returns.
    std::shared_ptr<const Snapshot> refresh();
    // Does the same, but does not look where a look for somebody else began later than at this moment.
    std::shared_ptr<const Snapshot> refreshedSince(std::chrono::steady_clock::time_point moment);

    // Gives the caller \Recent for every message that no session was given it for, moving new/ -> cur/. Returns their
    // UIDs in order.
    std::vector<Uid> claimRecent();

    FlagChangeResult changeFlags(std::span<const Uid> uids, const FlagChange& change);

    // Removes messages for good. With onlyIfDeleted those that carry \Deleted at this moment, else all of them. Returns
    // those that are removed now, in order. Content stays readable for viewers that have not been told; but for
    // `asker`, which needs it no more (it saves work to name it).
    std::vector<Uid> expunge(std::span<const Uid> uids, bool onlyIfDeleted, const Viewer* asker = nullptr);

    // A message being received: streamed to a file in tmp/.
    std::unique_ptr<Delivery> beginDelivery();
    // Durable when it returns. internalDate: seconds since the epoch, else now. After WouldWait the delivery is as it
    // was, to be delivered again with the same arguments; after other errors it is gone.
    DeliveryResult deliver(Delivery& delivery, FlagSet flags, const std::vector<std::string>& keywords,
                           std::optional<std::int64_t> internalDate);
    DeliveryResult deliver(const std::unique_ptr<Delivery>& delivery, FlagSet flags,
                           const std::vector<std::string>& keywords, std::optional<std::int64_t> internalDate) {
        return deliver(*delivery, flags, keywords, internalDate);
    }

    // Copies into this mailbox (flags, keywords and INTERNALDATE kept): all or nothing. Durable when it returns. Takes
    // as long as it takes: Copying does the same step by step.
    CopyResult copyFrom(Mailbox& source, std::span<const Uid> uids);
    // Moves into this mailbox, message by message: each is in one of the two at any moment (between file systems, and
    // within one mailbox, in both for a while). asker: as in expunge(), a viewer of the source.
    CopyResult moveFrom(Mailbox& source, std::span<const Uid> uids, const Viewer* asker = nullptr);
    // The second half of a move by copies: removes their originals from the source. Copies of what can't be removed are
    // taken back, so that no message stays in both mailboxes, and one more with each further try (RFC 6851 3.3). After
    // WouldWait all copies are there, and it is to be called again with the same arguments.
    CopyResult finishMove(Mailbox& source, const CopyResult& copies, const Viewer* asker = nullptr);
    // Whether moveFrom() has to copy, which takes long: between file systems, and within one mailbox.
    [[nodiscard]] bool movesByCopying(const Mailbox& source) const;

    // Opens a message for reading; one that another session expunged stays readable while viewers hold it. Throws
    // Expunged.
    MessageFile open(Uid uid);

    // Derived facts, from the FactStore or the file (then stored there). Throw Expunged.
    // opened: the message's file where the caller has it open, else null.
    std::shared_ptr<const Structure> structure(Uid uid, const MessageFile* opened = nullptr);
    std::shared_ptr<const Structure> knownStructure(Uid uid);  // null: the file would have to be parsed
    std::int64_t internalDate(Uid uid);                        // seconds since the epoch
    std::uint64_t storedOctets(Uid uid);
    std::uint64_t exactOctets(Uid uid, Rendering rendering = Rendering::AsStored);  // octets as sent
    // The message as Rendering::SevenBit shows it; null: as it is stored.
    std::shared_ptr<const RenderedMessage> sevenBit(Uid uid);
    // Opaque bytes that the caller derived of the message's content before, under its key.
    std::shared_ptr<const std::string> derived(Uid uid, const std::string& key);
    void storeDerived(Uid uid, const std::string& key, std::string bytes);
    // The column that was kept under this name, an empty one if there is none; never null. A value of a message is good
    // as long as derived facts are: of the present opening.
    std::shared_ptr<const Column> column(std::string_view name);
    // column: of the values of column(name), and others that were derived since.
    void keepColumn(const std::string& name, std::shared_ptr<const Column> column);

    // The directory was removed or renamed by this process: from now on looks and changes throw NotFound.
    void markGone();
    [[nodiscard]] bool isGone() const;
    // Whether its directory is there, the one that was loaded; throws Unavailable or NoPermission if that can't be
    // told.
    [[nodiscard]] bool isPresent();
    // Throws Unavailable or NoPermission if it was loaded from a tree whose root is not there now.
    void requireRoot() const;
    // It could not be looked at, or lacks a directory: nobody tells when that changes, so it is to be looked at soon.
    [[nodiscard]] bool isTroubled() const;
    // Whether this thread has the rights (FileIdentity) with which it was opened.
    [[nodiscard]] bool isOfCurrentUser() const;
    // Whether it was loaded from a directory with this cur/ (or was not loaded yet): paths may lead elsewhere by now.
    [[nodiscard]] bool isOf(const struct stat& cur) const;
    // Whether this process may change it (permissions, a file system mounted read-only, or a full one on which it was
    // never opened before). To be asked once it was looked at.
    [[nodiscard]] bool isWritable() const;
    // How often the directories were listed since it was opened: what costs time in a large mailbox.
    [[nodiscard]] std::uint64_t listingCount() const;
    // How many messages were parsed since then.
    [[nodiscard]] std::uint64_t parsedCount() const;
    // Messages in the published state, without loading it.
    [[nodiscard]] std::size_t size() const;

    // Somebody opens it: the next refresh() makes sure that a watch has told of every change. No look at the disk.
    void noteOpened();

    // Watches a mailbox that is not watched yet, and looks at what happened before if anything did. Never throws.
    void finishWatching();

    enum class Saving { Nothing, Later, Now };
    // Whether there is something that the cache file does not have, and it is time to save it.
    [[nodiscard]] Saving saving() const;
    // Writes what is known to the cache file. isLast: nobody uses the mailbox any more. Never throws: a cache that
    // can't be written is told to the log.
    void save(bool isLast);

private:
    void noteMovedAway(std::span<const Uid> uids);
    // Looks where a message is that was not found under its name; false if it is gone.
    bool findAgain(Uid uid);
    CopyResult moveOnce(Mailbox& source, std::span<const Uid> uids, const Viewer* asker, std::vector<Uid>& missing);
    CopyResult moveByCopying(Mailbox& source, std::span<const Uid> uids, const Viewer* asker);
    // Whether facts are remembered that are of the file as it is now.
    bool hasFacts(Uid uid);
    FileFacts fileFacts(Uid uid);
    std::uint64_t exactSevenBitOctets(Uid uid);
    friend class Copying;
    friend class Viewer;
    friend class Delivery;
    friend class Watcher;
    struct State;
    std::unique_ptr<State> _state;
};

// A message being written into tmp/. Lines end in LF in the file (CRLF is taken for one; a CR before it stays). Removes
// its file unless delivered. One thread at a time.
class Delivery {
public:
    ~Delivery();
    void write(std::string_view wireOctets);
    // Without a look at its lines: for what is read() and written anew before it is delivered.
    void writeAsIs(std::string_view octets);
    [[nodiscard]] MessageFile read();                // what was written so far
    [[nodiscard]] std::uint64_t wireOctets() const;  // taken so far

private:
    friend class Mailbox;
    struct State;
    explicit Delivery(std::unique_ptr<State> state);
    std::unique_ptr<State> _state;
};

}  // namespace maildir
