// Writes mailboxes to their cache files, on a thread of its own that sleeps while there is nothing to write; and has
// those watched that were read from one. Any thread.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "maildir/cache/CacheFolder.h"
#include "maildir/mailbox/Mailbox.h"

namespace maildir {

class Saver {
public:
    // Gives the open mailboxes one by one: the first whose directory comes after this one, or null.
    using Next = std::function<std::shared_ptr<Mailbox>(const std::string& directory)>;

    // Not within a FileIdentity::Scope.
    Saver(std::shared_ptr<CacheFolder> folder, Next next);
    ~Saver();
    Saver(const Saver&) = delete;
    Saver& operator=(const Saver&) = delete;

    // Some mailbox has something that is not saved.
    void noteUnsaved();
    // Calls finishWatching().
    void watchSoon(std::shared_ptr<Mailbox> mailbox);
    // Mailboxes that nobody uses any more are saved once more, then let go: taken out of the list.
    void close(std::vector<std::shared_ptr<Mailbox>>& mailboxes);
    // Saves what is open and ends.
    void stop();

private:
    void run();
    void watchWaiting();
    bool saveOpen(bool isLast);

    const std::shared_ptr<CacheFolder> _folder;
    const Next _next;
    std::mutex _mutex;  // guards what follows
    std::condition_variable _wake;
    std::vector<std::shared_ptr<Mailbox>> _closing, _toWatch;
    bool _hasWork = false, _isStopping = false;
    std::thread _thread;
};

}  // namespace maildir
