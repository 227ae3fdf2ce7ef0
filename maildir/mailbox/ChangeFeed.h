// What is said about one mailbox from outside and to its viewers: file events that wait to be looked at, which of them
// our own calls caused, and the sessions to wake. Any thread; its mutex is the innermost of all.
#pragma once

#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "maildir/mailbox/ExpectedEvents.h"
#include "maildir/watch/Watcher.h"

namespace maildir {

class Viewer;

class ChangeFeed : public WatchTarget {
public:
    struct Pending {
        bool everything = false;  // events were lost
        std::vector<FileEvent> events;
    };
    // What came in since the last take; until settle() it counts as pending. One taker at a time (the mailbox's
    // writer).
    Pending take();
    // What was taken is published by now.
    void settle();
    // Whether there are changes that the published snapshot may not show yet.
    [[nodiscard]] bool hasPending() const;
    // How often something was told that our own calls did not cause; other than before also if some may not have been.
    [[nodiscard]] std::uint64_t newsOfOthers() const;

    // Our own call is about to cause this event: it will be no news. unexpect() if the call failed; should the same
    // event have come from another program meanwhile, and been taken for ours, everything is to be looked at.
    void expect(FileEvent::Kind kind, bool isInNew, std::string_view name);
    void unexpect(FileEvent::Kind kind, bool isInNew, std::string_view name);
    void setWatched(bool isWatched);
    // Viewers are to look now and then though nothing is told, as for room on a full disk.
    void setReminding(bool isReminding);

    // Viewers, each with the newest generation it has been told of.
    void add(const Viewer* viewer, std::function<void()> onNews, std::uint64_t generation);
    void remove(const Viewer* viewer);
    void acknowledge(const Viewer* viewer, std::uint64_t generation);
    // Whether anyone but this viewer (which may be null) shows the mailbox.
    [[nodiscard]] bool isShownBesides(const Viewer* viewer) const;
    // The oldest generation that some viewer still shows; UINT64_MAX without viewers.
    [[nodiscard]] std::uint64_t oldestShown() const;
    void wakeViewers();

    // --- WatchTarget
    void noteEvent(FileEvent::Kind kind, bool isInNew, std::string_view name) override;
    void noteOverflow() override;
    void noteNews() override;
    void poll() override;
    void noteOther() override;
    bool noteTimes(const FolderTimes& times, bool isLocal) override;

private:
    struct Watching {
        std::function<void()> onNews;
        std::uint64_t generation = 0;
    };
    void lookAtEverything();                                // with _mutex held
    bool isMissed(const FolderTimes& times, bool isLocal);  // the same

    static constexpr std::size_t maxPending = 5000;  // beyond: everything is looked at

    mutable std::mutex _mutex;  // guards what follows
    Pending _pending;
    std::uint64_t _newsOfOthers = 0;
    bool _isTaken = false;
    bool _isWatched = false, _isReminding = false;
    // The clock when something was told last, or the watch began: what changed up to then was told, or is looked at.
    std::int64_t _toldAt = 0;
    FolderTimes _times;        // of the last comparison
    ExpectedEvents _expected;  // hashes
    std::unordered_map<const Viewer*, Watching> _viewers;
};

}  // namespace maildir
