// A copy of messages into a mailbox in the making: all or nothing. What takes long is prepared piece by piece and
// without any lock: the files are looked at, content that may not be on disk is synced, and what can't be linked is
// copied into the target's tmp/. Then commit() gives all of them their names and UIDs at once.
//
// Where another program renames files meanwhile, so that a commit misses one, all are linked into tmp/ first: the next
// commit then needs nothing of the source any more.
//
// One thread at a time. Both mailboxes outlive it. What is in tmp/ and was not committed goes with it.
#pragma once

#include <sys/stat.h>

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "maildir/FileOps.h"
#include "maildir/mailbox/FileSystemSync.h"
#include "maildir/mailbox/Folders.h"
#include "maildir/mailbox/Mailbox.h"

namespace maildir {

class Copying {
public:
    using Clock = std::chrono::steady_clock;
    enum class State {
        Preparing,  // prepare() has more to do
        Syncing,    // the file system writes; prepare() has nothing to do for some milliseconds
        Ready,      // commit() is next
        Gone        // one of the messages is gone: nothing will be copied
    };

    Copying(Mailbox& target, Mailbox& source, std::vector<Uid> uids);
    ~Copying();
    Copying(const Copying&) = delete;
    Copying& operator=(const Copying&) = delete;

    // Works until this time; then it returns after the message, or the block of a message, that it is at. Throws Error.
    State prepare(Clock::time_point until);
    // Once it is Ready. Durable when it returns. Nothing: prepare() again. Throws Error; nothing was copied then.
    std::optional<CopyResult> commit();
    // How many messages are prepared.
    [[nodiscard]] std::size_t preparedCount() const { return _next; }

private:
    struct Item {
        Uid uid;
        ino_t inode = 0;   // of the file that was looked at
        std::string held;  // its path in the target's tmp/, if it is there
        bool isUnsynced = false;
    };
    // The content of a message, on its way into tmp/.
    struct Transfer {
        OpenedMessage source;
        FileDescriptor target;
        std::string path;
    };

    void beginAgain();
    bool lookAt(Item& item);  // false: it is gone
    bool hold(Item& item, const Folders::Place& place, const struct stat& status);
    bool beginTransfer(Item& item, const Folders::Place& place);
    // False: there is more of it, but the time is over.
    bool transferSome(Item& item, Clock::time_point until);
    State lookAtAll(Clock::time_point until);
    State syncAll(Clock::time_point until);
    bool syncOne(Item& item);  // false: it is gone
    bool place(Item& item, const RecordRef& record, const std::string& name);
    bool areStillTheSame(const std::vector<std::string>& names);

    Mailbox &_target, &_source;
    const std::string _sourceDirectory, _targetDirectory;
    const Folders _sources, _targets;
    std::shared_ptr<const Snapshot> _from;
    const std::optional<std::uint64_t> _quiet;  // what the source's watch had told before anything was looked at
    dev_t _targetDevice = 0;
    std::vector<Item> _items;
    std::size_t _next = 0, _nextToSync = 0;
    std::optional<Transfer> _transfer;
    std::optional<FileSystemSync> _sync;
    bool _hasSyncedAll = false;  // that way was tried
    bool _holdsAll = false, _copiesContent = false;
    bool _isGone = false, _isCommitted = false;
    int _attempts = 0;
};

}  // namespace maildir
