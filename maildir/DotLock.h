// A lock file as Dovecot makes them: `path` created by O_EXCL with "pid:hostname" in it.
//
// The holder keeps the file flocked too: so that a lock left by a killed process whose number we have now (a
// container's process 1) is told from a lock held by another thread of this process, and only one of several waiting
// processes takes an abandoned lock away. LockJudge tells when it is abandoned.
//
// A holder that was held up for minutes (a stopped process, a file server that did not answer) may have lost its lock.
// So it asks by require() before each step that changes what the lock guards, and that also renews the lock.
// One thread at a time.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>

#include "maildir/Error.h"
#include "maildir/FileOps.h"
#include "maildir/LockJudge.h"

namespace maildir {

class DotLock {
public:
    // Waits up to timeoutMs, as far as the thread's Patience lets it; throws Busy, or WouldWait. Released by the
    // destructor.
    DotLock(std::string path, int timeoutMs, LockJudge& judge = LockJudge::ofProcess());
    ~DotLock();
    DotLock(const DotLock&) = delete;
    DotLock& operator=(const DotLock&) = delete;

    // Whether the file is still the one that was made.
    [[nodiscard]] bool stillMine() const;
    // Throws Busy if it is not; else renews it where that is due.
    void require();
    // Gives it a new time where the last one is a while ago, so that others see that its holder works. Quick.
    void renew();

private:
    bool tryAcquire();
    void removeIfAbandoned() const;

    static constexpr std::chrono::seconds renewedEvery{10};

    std::string _path;
    LockJudge& _judge;
    FileDescriptor _file;
    struct stat _status {};
    LockJudge::Clock::time_point _renewed;
};

// As FileOps' replaceFile(), of a file that the lock guards: the lock is asked right before the rename.
void replaceFile(DotLock& lock, const std::string& path, std::string_view content);

}  // namespace maildir
