#include "maildir/mailbox/ChangeFeed.h"

#include <xxhash.h>

#include <algorithm>
#include <utility>

#include "maildir/FileOps.h"

namespace maildir {

namespace {

std::uint64_t mark(FileEvent::Kind kind, bool isInNew, std::string_view name) {
    return XXH3_64bits_withSeed(name.data(), name.size(), static_cast<XXH64_hash_t>(kind) * 2 + (isInNew ? 1 : 0));
}

std::int64_t clockNow() {
    timespec now{};
    clock_gettime(CLOCK_REALTIME, &now);
    return nanosecondsOf(now);
}

}  // namespace

ChangeFeed::Pending ChangeFeed::take() {
    const std::lock_guard lock(_mutex);
    _isTaken = true;
    return std::exchange(_pending, {});
}

void ChangeFeed::settle() {
    const std::lock_guard lock(_mutex);
    _isTaken = false;
}

bool ChangeFeed::hasPending() const {
    const std::lock_guard lock(_mutex);
    return _isTaken || _pending.everything || !_pending.events.empty();
}

std::uint64_t ChangeFeed::newsOfOthers() const {
    const std::lock_guard lock(_mutex);
    return _newsOfOthers;
}

void ChangeFeed::lookAtEverything() {
    ++_newsOfOthers;
    _pending = {true, {}};
}

void ChangeFeed::expect(FileEvent::Kind kind, bool isInNew, std::string_view name) {
    const std::lock_guard lock(_mutex);
    if (!_isWatched) return;
    if (_expected.size() == ExpectedEvents::most) {
        _expected.clear();
        lookAtEverything();
    }
    _expected.add(mark(kind, isInNew, name));
}

void ChangeFeed::unexpect(FileEvent::Kind kind, bool isInNew, std::string_view name) {
    const std::lock_guard lock(_mutex);
    if (!_isWatched) return;
    if (!_expected.take(mark(kind, isInNew, name))) lookAtEverything();
}

void ChangeFeed::setWatched(bool isWatched) {
    const std::lock_guard lock(_mutex);
    ++_newsOfOthers;
    _isWatched = isWatched;
    _toldAt = clockNow();
    _expected.clear();
}

void ChangeFeed::setReminding(bool isReminding) {
    const std::lock_guard lock(_mutex);
    _isReminding = isReminding;
}

void ChangeFeed::add(const Viewer* viewer, std::function<void()> onNews, std::uint64_t generation) {
    const std::lock_guard lock(_mutex);
    _viewers[viewer] = {std::move(onNews), generation};
}

void ChangeFeed::remove(const Viewer* viewer) {
    const std::lock_guard lock(_mutex);
    _viewers.erase(viewer);
}

void ChangeFeed::acknowledge(const Viewer* viewer, std::uint64_t generation) {
    const std::lock_guard lock(_mutex);
    if (const auto found = _viewers.find(viewer); found != _viewers.end()) found->second.generation = generation;
}

bool ChangeFeed::isShownBesides(const Viewer* viewer) const {
    const std::lock_guard lock(_mutex);
    return _viewers.size() > (_viewers.contains(viewer) ? 1u : 0u);
}

std::uint64_t ChangeFeed::oldestShown() const {
    const std::lock_guard lock(_mutex);
    std::uint64_t oldest = UINT64_MAX;
    for (const auto& [viewer, watching] : _viewers) oldest = std::min(oldest, watching.generation);
    return oldest;
}

void ChangeFeed::wakeViewers() {
    const std::lock_guard lock(_mutex);
    for (const auto& [viewer, watching] : _viewers) {
        if (watching.onNews) watching.onNews();
    }
}

void ChangeFeed::noteEvent(FileEvent::Kind kind, bool isInNew, std::string_view name) {
    const std::lock_guard lock(_mutex);
    _toldAt = clockNow();
    if (_expected.take(mark(kind, isInNew, name))) return;
    ++_newsOfOthers;
    if (_pending.everything) return;
    if (_pending.events.size() >= maxPending) return lookAtEverything();
    _pending.events.push_back({kind, isInNew, std::string(name)});
}

void ChangeFeed::noteOverflow() {
    const std::lock_guard lock(_mutex);
    lookAtEverything();
    _expected.clear();
}

void ChangeFeed::noteNews() {
    {
        const std::lock_guard lock(_mutex);
        if (!_pending.everything && _pending.events.empty()) return;
    }
    wakeViewers();
}

void ChangeFeed::noteOther() {
    const std::lock_guard lock(_mutex);
    _toldAt = clockNow();
}

bool ChangeFeed::isMissed(const FolderTimes& times, bool isLocal) {
    if (!_isWatched || times == std::exchange(_times, times)) return false;
    // A change has the time of the moment before it is told. Where another clock gives the time that says nothing, and
    // after this one was set back neither.
    const std::int64_t now = clockNow();
    if (isLocal && _toldAt <= now && std::max(times.forNew, times.forCur) <= _toldAt) return false;
    _toldAt = now;
    return true;
}

bool ChangeFeed::noteTimes(const FolderTimes& times, bool isLocal) {
    bool hasMissed = false, isReminding = false;
    {
        const std::lock_guard lock(_mutex);
        hasMissed = isMissed(times, isLocal);
        if (hasMissed) lookAtEverything();
        isReminding = _isReminding;
    }
    if (hasMissed || isReminding) wakeViewers();
    return hasMissed;
}

void ChangeFeed::poll() {
    wakeViewers();
}

}  // namespace maildir
