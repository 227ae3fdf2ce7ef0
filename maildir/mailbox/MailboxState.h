// The inside of a Mailbox, shared by the files that implement it: Look.cpp (what others did), Listing.cpp (the
// directories), Events.cpp (inotify), Stored.cpp (the cache file), Changes.cpp (flags, expunge), Delivery.cpp,
// Copying.cpp (copy), Transfer.cpp (move), Facts.cpp (reading messages), Rewritten.cpp (files whose content changed),
// TakeOver.cpp (Courier's files), Whole.cpp (whether the directories are there), Publishing.cpp (the next snapshot),
// ListedRows.cpp (what is written into the UID list), KeywordNames.cpp, Parked.cpp (expunged messages that are still
// shown), Room.cpp (full disks), Renumber.cpp (the end of all UIDs). For maildir/mailbox only.
#pragma once

#include <sys/stat.h>
#include <time.h>

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "maildir/FileIdentity.h"
#include "maildir/SteadyTime.h"
#include "maildir/cache/CacheFolder.h"
#include "maildir/cache/MailboxFacts.h"
#include "maildir/mailbox/ChangeFeed.h"
#include "maildir/mailbox/Folders.h"
#include "maildir/mailbox/Mailbox.h"
#include "maildir/mailbox/NameIndex.h"
#include "maildir/mailbox/Presence.h"
#include "maildir/mailbox/StoredMailbox.h"
#include "maildir/mailbox/UidList.h"
#include "maildir/mailbox/WriterMutex.h"
#include "maildir/names/Keywords.h"

namespace maildir {

// The keywords that stand in file names.
inline KeywordSet lettersMask() {
    return KeywordSet((1ull << keywordLetters) - 1);
}

// A record that differs from the published one, or is new, or (isRemoved) is gone.
struct Edit {
    Record record;
    std::string fileName;
    bool isRemoved = false;
};

// Removes a message that nobody was told of from tmp/, new/ or cur/, also if another program renamed it since: the base
// name is ours alone.
void removeUnderAnyName(const std::string& path);

// Rows of the UID list whose files were not seen yet. Of several rows of one base name the last counts, as for Dovecot.
class PendingRows {
public:
    void add(UidListNews news);
    // Position of the row, if there is one.
    [[nodiscard]] std::optional<std::size_t> find(std::string_view baseName, std::uint64_t hash) const;
    // Has memory fetch what find() will compare for these; a few at a time.
    void prefetch(std::span<const std::uint64_t> hashes) const;
    [[nodiscard]] const std::vector<UidRow>& rows() const { return _rows; }
    void clear();

private:
    std::vector<std::shared_ptr<const std::string>> _texts;
    std::vector<UidRow> _rows;  // UIDs ascending
    NameIndex _index;           // base name -> position + 1
};

// Where a message file is: its name, in new/ or cur/.
struct FilePlace {
    std::string_view name;
    bool isInNew = false;
    bool operator==(const FilePlace&) const = default;
};

// One listing of new/ and cur/.
struct Scan {
    struct File {
        std::uint32_t offset = 0;
        std::uint16_t octets = 0;
        bool isInNew = false;
    };
    std::string names;
    std::vector<File> files;
    timespec newTime{}, curTime{};   // of the directories, before they were listed
    timespec started{};              // when that was
    std::int64_t startedSteady = 0;  // the same, in nanoseconds of a clock that nobody sets
    bool isStable = false;           // the times were the same afterwards
    ino_t newInode = 0;              // of new/; 0: it is missing, which counts as empty
    std::size_t links = 0;           // symbolic links among the entries, which are no messages
    std::string link;                // one of them, as "cur/NAME"
    [[nodiscard]] FilePlace place(const File& file) const {
        return {std::string_view(names).substr(file.offset, file.octets), file.isInNew};
    }
};

// What a look at the directory found, compared with the published snapshot.
struct Findings {
    std::map<std::uint32_t, Edit> edits;  // by UID: changed and removed records
    std::vector<Edit> fromRows;           // messages that others gave a UID
    struct Unknown {
        std::string fileName;
        bool isInNew = false;
        int attempt = 0;  // at which it was listed
    };
    std::vector<Unknown> unknown;   // messages without a UID
    NameIndex unknownIndex;         // base name -> position + 1
    bool reappeared = false;        // one of them has an old row in the list
    timespec newTime{}, curTime{};  // of the directories, if they were looked at
    std::int64_t timesSince = 0;    // as in the state
    bool hasTimes = false, timesAreTrusted = false;

    [[nodiscard]] std::optional<std::size_t> findUnknown(std::string_view baseName, std::uint64_t hash) const;
    void addUnknown(FilePlace place, int attempt);
    void reserveUnknown(std::size_t files);
};

class Placement;  // Transfer.h

struct Mailbox::State {
    State(std::string directory, const std::string& root, Mailbox::Options options);
    ~State();

    // --- constant
    const std::string directory;
    const Mailbox::Options options;
    const std::shared_ptr<const FileIdentity> identity = FileIdentity::current();  // with which it is opened
    // Facts are kept under this name: what one user of the system read, another may not be allowed to read.
    const std::string factsName = FileIdentity::nameFor(directory, identity);
    const std::shared_ptr<ChangeFeed> feed = std::make_shared<ChangeFeed>();
    std::atomic<bool> isGone{false};
    std::atomic<std::uint64_t> listings{0}, parsed{0};
    Presence presence;

    // --- the published snapshot
    std::shared_ptr<const Snapshot> published() const;
    // Whether the published snapshot is all that is known, of a mailbox whose changes are told.
    [[nodiscard]] bool isAsKnown() const {
        return isWatchedAndLoaded && !feed->hasPending() && !awaitsNames && !isGone && !isTroubled && !isToAskForRoom();
    }
    // How often others are known to have changed something up to now; nothing where nobody tells. The same number
    // twice: no file got another name in between. Needs no lock.
    [[nodiscard]] std::optional<std::uint64_t> newsOfOthers() const;
    void publish(std::shared_ptr<const Snapshot> snapshot);
    // The times of a watched mailbox's directories, where it is time to compare them (ChangeFeed::noteTimes).
    std::optional<FolderTimes> timesToCheck();

    // --- readable without a lock: when, in steady milliseconds (savedAt: or opened)
    std::atomic<std::int64_t> changedAt{0}, savedAt{0}, failedAt{0};
    // When the last look of a change of ours began, after which all that had happened before was published.
    std::atomic<std::chrono::steady_clock::time_point> lookedAt{};
    std::atomic<std::uint64_t> publishedGeneration{0}, savedGeneration{0};
    std::atomic<int> uncertainSaves{0};      // since the last change
    std::atomic<std::int64_t> checkedAt{0};  // steady milliseconds; 0: to be checked
    // The times of its files are of this machine's clock. (False until it is loaded.)
    std::atomic<bool> hasOwnClock{false};
    // Moves to other mailboxes that take files away, of which the records do not tell yet.
    std::atomic<int> movesAway{0};

    // --- the writer's: all that follows needs `writer` held
    WriterMutex writer;
    UidList list;
    KeywordFile keywordFile;
    std::shared_ptr<const KeywordTable> keywords;
    // Letters of file names that no keyword's name is known for. Dovecot renames the files first and writes the name
    // afterwards, which no event tells of: the keyword files are looked at again until it is there.
    KeywordSet awaitedLetters;
    std::atomic<bool> awaitsNames{false};  // readable without the lock
    // The names of the published snapshot; one that was restored has no index until a name is looked for.
    mutable NameIndex index;
    mutable bool isIndexed = true;
    PendingRows pendingRows;
    // Hashes of base names that stand in the list but have no file; they are not known after a restore, until they are
    // asked for.
    std::unordered_set<std::uint64_t> goneNames;
    bool goneNamesAreKnown = true;
    bool isLoaded = false, isWatched = false;
    std::atomic<bool> isWatchedAndLoaded{false};  // readable without the lock
    // To be watched, but not yet: until then directory times tell of changes, of which we make none ourselves.
    std::atomic<bool> isWatchDue{false};  // readable without the lock
    timespec newTime{}, curTime{};
    std::int64_t timesSince = 0;  // steady nanoseconds: when the directories were first seen with these
    bool timesAreTrusted = false;
    std::uint64_t modSeqClock = 0;

    // --- what the cache file has (Stored.cpp)
    struct Saved {
        std::shared_ptr<CacheFile> file;
        std::unordered_map<const Chunk*, StoredChunk> chunks;
        std::vector<std::shared_ptr<const Chunk>> kept;  // so that a chunk stays the one that was saved
    };
    Saved saved;
    bool isSaving = false;
    // Takes the mailbox as the cache file has it. False: there is nothing of use; else a look is needed only if the
    // folders or the list are not as they were then, which `isUpToDate` tells.
    bool restoreLocked(bool& isUpToDate);
    // The mailbox as it is now. Nothing while that is not settled.
    std::optional<StoredMailbox> captureLocked(bool isLast);
    void writeNewFile(StoredMailbox& stored, const Snapshot& snapshot, Saved& target);
    void writeMore(StoredMailbox& stored, const Snapshot& snapshot, Saved& target);
    void writeChunks(StoredMailbox& stored, const Snapshot& snapshot, const Saved& from, Saved& target) const;
    [[nodiscard]] bool isWorthANewFile(const Snapshot& snapshot);

    // Holds the writer's mutex. Another thread that is at work is waited for as the thread's Patience has it: throws
    // WouldWait, Busy.
    class WriterLock {
    public:
        explicit WriterLock(State& state);
        ~WriterLock() { _state.writer.unlock(); }
        WriterLock(const WriterLock&) = delete;
        WriterLock& operator=(const WriterLock&) = delete;

    private:
        State& _state;
    };
    // The list's lock was held by another when it was wanted last: whoever tries again asks for it first, before a look
    // at large directories that would lead to it only.
    bool listIsHeld = false;

    // Holds dovecot-uidlist.lock; only the outermost of several takes it.
    class ListLock {
    public:
        explicit ListLock(State& state);
        ~ListLock();
        ListLock(const ListLock&) = delete;
        ListLock& operator=(const ListLock&) = delete;

    private:
        State& _state;
        std::optional<DotLock> _lock;
    };

    // --- whether the directories are there, and all of them (Whole.cpp)
    // The mailbox could not be looked at, or lacks a directory: another look is due soon, though nobody tells of news.
    std::atomic<bool> isTroubled{false};
    std::string complaint;  // the last that the log was told, until it is over
    std::optional<std::chrono::steady_clock::time_point> partsMissingSince;
    ino_t newInode = 0;  // of new/ at the last look
    // For loops over many messages under the list's lock: others see that its holder works.
    void renewListLocked() const {
        if (list.lock() != nullptr) list.lock()->renew();
    }
    void requireLocked() const;  // throws NotFound if the mailbox is gone
    // Throws NotFound, and the mailbox is gone, if its directory was removed or replaced by another one; Unavailable or
    // NoPermission if that can't be told now. Otherwise cur/ is there.
    void requireInPlaceLocked();
    void takeVerdictLocked(Presence::Verdict verdict);
    [[noreturn]] void endLocked(const std::string& why);
    // Makes new/ and tmp/ if they are missing: at once where they are needed, else when they were missing for a while
    // (a program that removes the whole directory would stumble over a new one in it). True: it made some.
    bool mendLocked(bool areNeeded);
    void remakeCurLocked();
    // Before it is loaded. Makes cur/ where it is missing and mail is in new/ (NewMail.h), once that was so for a
    // while: until then throws WouldWait. Throws NotFound if it is no mailbox.
    void requireCurLocked();
    [[nodiscard]] bool hasMessagesLocked(bool inNew) const;
    // Tells the log of what keeps the mailbox from being looked at: once, until it is something else or over.
    [[nodiscard]] Error toldLocked(const Error& error);
    void troubleIsOverLocked();
    void loadLocked();
    void watchLocked();
    void noteWatchedLocked(bool isTold);  // what watch() gave
    // Watches if that is still due, and looks at what happened before.
    void finishWatchingLocked();
    // What happened before it was watched.
    void lookAtGapLocked();
    void refreshLocked();
    void refreshUnwatchedLocked();
    // Before we change anything: loaded, there, and watched, so that our own changes need no look.
    void prepareLocked();
    // Hands out what the kernel knows and applies it, where the mailbox is watched; no look at the disk otherwise.
    void catchUpLocked();
    // As catchUpLocked(), for a change that the names of files alone decide: that the directory is another one is found
    // when there is no such file in it.
    void catchUpWithEventsLocked();
    void lookAtAllLocked();
    // As lookAtAllLocked(), but messages without a UID stay without: it needs no lock of the UID list.
    void lookAtKnownLocked();
    // Looks where messages are that were not under their names: at all where that can be, else at what has a UID.
    void lookForMissingLocked();
    void lookUnderListLockLocked();
    // False: the events do not tell enough, all has to be looked at.
    bool applyEventsLocked(const std::vector<FileEvent>& events);
    // Gives unknown files the UIDs that others wrote. False: there are rows of other files too.
    bool matchPendingRowsLocked(Findings& findings) const;
    bool timesChangedLocked() const;
    // Symbolic links are no messages (openMessage()), which surprises whoever made them: the log is told once.
    void tellOfLinksLocked(const Scan& scan);
    bool areLinksTold = false;

    // One look at the directories, of several listings where the first leaves a doubt.
    struct Look {
        std::shared_ptr<const Snapshot> snapshot;
        Findings findings;
        int attempt = 0;                      // number of the present listing, from 1
        std::vector<std::uint8_t> seen;       // by position: the last attempt that listed the record's file, or 0
        std::vector<std::uint8_t> seenRows;   // as seen, of pending rows
        std::vector<std::uint32_t> rowEdits;  // by row: position in findings.fromRows
    };
    Findings lookLocked();
    // How much the watch told of others up to now; the same as before: it told of nothing.
    [[nodiscard]] std::uint64_t newsOfWatchLocked() const;
    // Removals of messages that were in a new/ which is missing, or another one, are not proven.
    void requireProofLocked(const Scan& scan, const Look& look);
    void matchLocked(const Scan& scan, Look& look);
    void matchFileLocked(Look& look, FilePlace file, std::uint64_t hash);  // hash: of the base name
    void matchKnownLocked(Look& look, std::size_t position, FilePlace file);
    void matchRowLocked(Look& look, std::size_t row, FilePlace file);
    void matchUnknownLocked(Look& look, std::string_view base, std::uint64_t hash, FilePlace file);
    // Two files of one base name in one listing: whether the second one is the message's. If both are there and are
    // two messages, the other one gets a base name of its own. known: the place as published, if it was.
    bool takesSecondLocked(Look& look, FilePlace first, FilePlace second, const FilePlace* known);
    // Renames a message that cannot keep its base name, so that it gets a UID of its own.
    void giveFreshNameLocked(Findings& findings, FilePlace file, int attempt);
    // A known message under another name.
    [[nodiscard]] Edit renamedEdit(const RecordRef& known, FilePlace place) const;

    // --- what needs room on a full disk, and has to wait for it (Room.cpp)
    // Messages have no UID since there is no room for their rows: they are shown to nobody, and asked for again.
    // Readable without the lock, as the next two.
    std::atomic<bool> awaitsRoom{false};
    std::atomic<std::int64_t> askedForRoomAt{0};  // steady milliseconds
    // The UIDs are in memory alone: the mailbox was never opened before, and nothing could be written. It is read-only.
    std::atomic<bool> isProvisional{false};
    // Whether it is time to ask whether there is room now.
    [[nodiscard]] bool isToAskForRoom() const;
    // Whether the mailbox can be shown though this failed: what needs no room must work.
    [[nodiscard]] bool canWait(const Error& error) const;
    // Leaves out what has no UID and can't get one for this reason.
    void waitForRoomLocked(Findings& findings, const Error& error);
    void roomIsFoundLocked();
    void logLocked(const std::string& line) const;

    // Takes what the list has that we have not: true if others added rows that wait for a look.
    bool absorbListLocked();
    void logDamageLocked(const UidListNews& news);
    bool isUnknownListTold = false;
    void absorbKeywordsLocked(const std::vector<UidRow>& rows);
    // Gives UIDs to unknown files (the list's lock must be held), durably; appends to findings.fromRows, or takes them
    // back when it throws.
    void assignLocked(Findings& findings);
    // Gives them UIDs, not durably. Returns how many in findings.fromRows had one before.
    std::size_t numberLocked(Findings& findings);
    // Where rows of messages that are gone are most of the list, it is written anew. messages: that it shall have.
    void compactListLocked(std::size_t messages, const std::vector<Edit>& added,
                           const std::map<std::uint32_t, Edit>& changed);
    // --- the end of all UIDs (Renumber.cpp)
    // How many are left from this one on.
    [[nodiscard]] std::uint64_t uidsLeftLocked(Uid next) const;
    // Writes the list with a new UIDVALIDITY and all messages numbered from 1 (RFC 3501 2.3.1.1); the list's lock must
    // be held. Before anything was published the findings are all of them, with their new UIDs. Else the mailbox ends
    // here: clients have to open it again.
    void renumberLocked(Findings& findings);
    void commitLocked(Findings findings);
    // With the list's lock held: takes in all that others gave UIDs, so that rows may be added or the list be
    // rewritten.
    void settleListLocked();
    // settleListLocked(), and the UID of the next message, of so many. Throws Busy where there are not as many left:
    // the mailbox has another UIDVALIDITY then, and is to be opened again.
    Uid nextUidLocked(std::size_t messages = 1);
    // For a list that begins anew: none that this mailbox, or another of its tree, had before, and above this one.
    [[nodiscard]] UidValidity freshUidValidity(UidValidity above = {}) const;
    [[nodiscard]] TreePlace treePlace() const;
    void advanceModSeqLocked();
    // Appends rows of new records, ascending, and syncs them together with the directories that their files came into.
    // The list's lock must be held, and nextUidLocked() or a look have come before.
    void appendRowsLocked(std::span<const Edit> added, std::span<const std::string> folders = {});
    // Writes the list anew: base with these changes, and new records.
    void rewriteListLocked(const Snapshot& base, const std::vector<Edit>& added,
                           const std::map<std::uint32_t, Edit>& changed);
    // Publishes the snapshot with these edits (by UID ascending; those of messages that are gone by now are passed
    // over) and new records (ascending, above all others).
    void publishEditsLocked(const std::vector<Edit>& edits, const std::vector<Edit>& added);
    [[nodiscard]] bool isGoneNameLocked(std::uint64_t hash);
    void indexLocked() const;
    // Position in the published snapshot.
    [[nodiscard]] std::optional<std::size_t> findByNameLocked(const Snapshot& snapshot, std::string_view baseName,
                                                              std::uint64_t hash) const;
    [[nodiscard]] Record recordFor(Uid uid, std::string_view fileName, bool isInNew, std::string_view extension) const;
    [[nodiscard]] std::string pathOf(std::string_view fileName, bool isInNew) const;
    [[nodiscard]] std::string pathOf(const RecordRef& record) const {
        return pathOf(record.fileName(), record->isInNew);
    }
    [[nodiscard]] bool exists(FilePlace place) const;  // as a regular file; throws if that can't be told
    // Indexes of these keywords, as far as they have any.
    [[nodiscard]] KeywordSet keywordSetLocked(const std::vector<std::string>& names) const;
    // Gives indexes to those that have none, durably: under the UID list's lock, as Dovecot does. May look at
    // everything, so no file may have been placed yet. Where there is no room: throws Limit, or goes without them and
    // tells the log.
    void addKeywordsLocked(const std::vector<std::string>& names, bool mayLeaveOut);
    // From now on the table. Messages whose letters it gives a name to are published as changed.
    void takeKeywordsLocked(std::shared_ptr<const KeywordTable> table);
    [[nodiscard]] KeywordSet namelessOf(const KeywordSet& letters) const;
    void takeOverCourierLocked();
    bool isTakeOverFaultTold = false;
    // Renames a message file and tells the feed to expect it; never onto another message. False: the file is not there
    // under this name, or another has the new one: a look tells.
    bool renameMessageLocked(const Folders& folders, std::string_view fromName, bool fromNew, std::string_view toName,
                             bool toNew);
    bool renameMessageLocked(std::string_view fromName, bool fromNew, std::string_view toName, bool toNew) {
        return renameMessageLocked(Folders(directory, 1), fromName, fromNew, toName, toNew);
    }
    bool takeMessageLocked(State& source, const Folders& sources, const RecordRef& record, const Folders& folders,
                           const std::string& name);
    // A message that was put into cur/ under this name.
    [[nodiscard]] Edit arrivalLocked(Uid uid, const std::string& name, const KeywordSet& keywordSet) const;
    // Makes what was put into cur/ last, under the UID list's lock: the folder, the rows, then the next snapshot.
    void commitArrivalsLocked(const std::vector<Edit>& added, Placement& placement);
    // Unlinks a message file, or parks it where viewers besides `asker` may show it. False: it is not there.
    bool removeMessageLocked(const Folders& folders, const RecordRef& record, const Viewer* asker);
    bool unlinkMessageLocked(const Folders::Place& place, const RecordRef& record);
    std::optional<Edit> editFlagsLocked(const Folders& folders, const RecordRef& record, const FlagChange& change,
                                        const KeywordSet& set, bool& isMissing);
    // How often a change is tried against another program that keeps renaming the same file. (Where nobody tells of
    // changes a look cannot be certain for a while that a message is gone, so more of them do not help.)
    [[nodiscard]] int maxTries() const { return isWatched ? 20 : 3; }
    // Those whose files are under their known names at this moment.
    [[nodiscard]] std::vector<Uid> stillThereLocked(const std::vector<Uid>& uids) const;
    // Changes those that are there under their known names; returns the others.
    std::vector<Uid> changeFlagsLocked(const std::vector<Uid>& uids, const FlagChange& change, const KeywordSet& set,
                                       FlagChangeResult& result);

    // --- deliveries whose content is on disk (Delivery.cpp)
    struct Arrival;
    std::mutex arrivalsMutex;
    std::vector<Arrival*> arrivals;  // that nobody has taken to settle; guarded by arrivalsMutex
    // Makes messages of all that wait, or says in each why it is none.
    void settleArrivalsLocked();
    // Waits for the writer's lock; true: it is this thread's. False: another has settled the arrival meanwhile. Throws
    // WouldWait, Busy; then nobody has the arrival any more.
    bool awaitTurn(Arrival& arrival);
    void commitArrivedLocked(std::span<Arrival* const> taken);
    // Gives the file its name. Its UID will be `uid`.
    [[nodiscard]] Edit placeArrivalLocked(const Arrival& arrival, Uid uid);

    // --- messages that are expunged but still shown by a viewer
    struct Parked {
        std::string path;
        std::uint64_t generation = UINT64_MAX;  // of the first snapshot without it; UINT64_MAX: not published yet
    };
    mutable std::mutex parkedMutex;
    std::map<Uid, Parked> parked;
    [[nodiscard]] std::string freshParkingPath() const;
    void park(Uid uid, std::string path);
    void parkLink(Uid uid, const std::string& path);  // a second link, where the file system has them
    void unpark(Uid uid);                             // it did not go after all
    [[nodiscard]] std::string parkedPath(Uid uid) const;
    void releaseParked();

    // --- facts of message files (Facts.cpp, Rewritten.cpp)
    MailboxFacts messageFacts;
    // Facts that were not looked at since this number's time are compared with the file before they are served.
    std::atomic<std::uint64_t> opening{0};
    void startOpening();
    mutable std::atomic<std::uint64_t> mailboxKey{0};  // of the directory and UIDVALIDITY, once that is known
    [[nodiscard]] MessageKey keyOf(Uid uid) const;
    // Facts of a file of which nothing is remembered, without opening it; nothing if it is not under its name.
    std::optional<FileFacts> factsByStat(Uid uid);
    // Whether the file under its name is the one of these facts; then they hold for this opening.
    bool isConfirmedByStat(Uid uid, FileFacts known);
    // Whether the file's content is what is remembered of the message; remembers a file that nothing is known of.
    bool isRemembered(const MessageKey& key, const MessageFile& file, const struct stat& status);
    // The file was read: remembers its hash. False: it was rewritten meanwhile, so what was derived may be of both.
    bool rememberContent(const MessageKey& key, const MessageFile& file);
    // Gives a message whose content was rewritten a new UID, if its file is still the one of `status`.
    void replaceRewrittenLocked(Uid uid, const struct stat& status);
    // What was closed after writing, or came under a known name: compared with what is remembered of it.
    void checkContentLocked(Uid uid);

private:
    mutable std::mutex _publishedMutex;
    std::shared_ptr<const Snapshot> _published;  // guarded by _publishedMutex
};

// Leftovers in tmp/ that nobody touched for 36 hours (as the Maildir format has it) are removed.
void cleanTmp(const std::string& directory);

}  // namespace maildir
