// Whether the holder of a lock file is gone, so that the lock may be taken away.
//
// A clock that runs here tells nothing of when a file server made a file. So how long a lock has stayed as it is is
// measured by our own steady clock, from when this process saw it first: its file, time of change and text. Whoever
// holds a lock for long renews it by a new time. A holder on this host is looked for itself: while it lives its lock is
// not taken, whatever its age.
//
// One for the process; any thread.
#pragma once

#include <sys/stat.h>
#include <sys/types.h>
#include <time.h>

#include <chrono>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace maildir {

class LockJudge {
public:
    using Clock = std::chrono::steady_clock;

    // What it looks at; a test brings its own.
    struct Sources {
        std::string host;
        std::function<Clock::time_point()> now;
        // How long this process of the host has lived; 0 where that can't be told; nothing if there is none.
        std::function<std::optional<std::chrono::seconds>(pid_t)> lifeOf;
        // The time that the file system gives to what changes now in this directory; nothing if it can't be told.
        std::function<std::optional<time_t>(const std::string& directory)> fileTime;
    };
    static Sources system();

    // Without a change for so long, the lock of a holder that can't be looked for is taken (Dovecot's limit too).
    static constexpr std::chrono::seconds staleAfter{120};
    // So long for a lock without its whole text, whose maker died between two system calls.
    static constexpr std::chrono::seconds unfinishedAfter{2};
    // So long for one that is older than the process whose number it has.
    static constexpr std::chrono::seconds doubtfulAfter{10};

    explicit LockJudge(Sources sources) : _sources(std::move(sources)) {}
    static LockJudge& ofProcess();

    // What a holder of this process writes into its lock.
    [[nodiscard]] std::string ownText() const;
    [[nodiscard]] Clock::time_point now() const { return _sources.now(); }

    // Locks of this process's threads, which flock(2) does not tell from those of a former process with its number
    // where a file system has no flock(2).
    void noteHeld(const struct stat& lock);
    void noteReleased(const struct stat& lock);

    // isFlocked: somebody who lives holds the file's flock(2). text: nothing if it may not be read.
    [[nodiscard]] bool isAbandoned(const std::string& path, const struct stat& lock,
                                   const std::optional<std::string>& text, bool isFlocked);
    // There is no lock of this path any more.
    void forget(const std::string& path);

private:
    using Identity = std::pair<dev_t, ino_t>;
    struct Seen {
        Identity identity;
        timespec modified{};
        std::string text;
        Clock::time_point since, last;
    };
    // For how long it has been as it is.
    Clock::duration unchangedFor(const std::string& path, const struct stat& lock, const std::string& text);
    [[nodiscard]] pid_t localPidIn(std::string_view text) const;

    static constexpr std::size_t mostSeen = 4096;

    const Sources _sources;
    std::mutex _mutex;                  // guards what follows
    std::map<std::string, Seen> _seen;  // by path
    std::map<Identity, int> _held;      // how often; more than once only where file systems use numbers twice
};

}  // namespace maildir
