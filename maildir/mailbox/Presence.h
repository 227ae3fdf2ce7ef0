// Whether a mailbox's directory is there, is gone for good, has another one in its place, or can't be looked at now.
//
// An error is no answer: of a disk, a mount, a network, a permission, or because a descriptor could not be had. Nor is
// absence by itself: where a file system is not mounted, or the tree has another name for a moment, nothing of it is
// there. So a mailbox counts as gone only if its directory is missing while those above it, up to the tree's root, are
// the ones that they were, at two looks some time apart; or if another directory has its place on the same file system.
// The root itself, which is INBOX, is never gone: it is away, or another one is there.
//
// Directories are known by device and inode. A file system that is mounted again may get another device number: the
// same inodes all the way down are then the same directories. Any thread; the mutex is an innermost one.
#pragma once

#include <sys/stat.h>

#include <atomic>
#include <chrono>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "maildir/Error.h"

namespace maildir {

class Presence {
public:
    // root: of the tree that the mailbox is in; empty: the directory above the mailbox's.
    Presence(std::string directory, const std::string& root);

    // From now on the directories that are there now are the right ones. Throws where they can't be looked at.
    void remember();
    [[nodiscard]] bool isKnown() const { return _curInode != 0; }

    // Whether the path leads to the cur/ that is remembered, by one call. False is no answer: judge() gives it.
    [[nodiscard]] bool isInPlace() const;
    [[nodiscard]] bool isCur(const struct stat& status) const;
    [[nodiscard]] bool isDirectory(const struct stat& status) const;  // the mailbox's own

    enum class Verdict {
        Here,
        Remounted,     // the same inodes on a device of another number: remember() if it is the same mailbox
        CurIsMissing,  // the mailbox's directory is there, without cur/
        CurIsAnother,  // the mailbox's directory is there, with another cur/
        Gone,
        Replaced  // another directory, with a cur/, has its place
    };
    // Once remembered. Throws Error(Unavailable, NoPermission), with the cure in its text, where it can't be told now.
    Verdict judge();
    // Throws Error(Unavailable, NoPermission) unless the tree's root is there, or a new one on the same file system.
    void requireRoot() const;

    static constexpr std::chrono::milliseconds apart{2000};  // two looks that both miss it

private:
    struct Place {
        std::string path;
        dev_t device = 0;
        ino_t inode = 0;
    };
    // What was found on the way down.
    struct Walk {
        std::optional<std::chrono::steady_clock::time_point> missingSince;  // at the looks before
        bool isOtherDevice = false, isOther = false;
        bool isOtherAbove = false;  // above the place that is looked at
    };
    Verdict judgeCurLocked(const Walk& walk);
    Verdict missingLocked(const std::string& path, bool isRoot, const Walk& walk);

    const std::string _directory;
    std::atomic<std::uint64_t> _curInode{0}, _curDevice{0};
    mutable std::mutex _mutex;   // guards what follows
    std::vector<Place> _places;  // from the root down to the mailbox's own directory
    std::optional<std::chrono::steady_clock::time_point> _missingSince;
};

}  // namespace maildir
