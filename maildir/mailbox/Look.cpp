// What other programs did to a mailbox: what is to be looked at and when, what their rows of the UID list say, giving
// UIDs.
//
// The UID list is read before the directories: whoever writes a row put its file in place before, so a row without a
// file is that of a message that is gone, not of one that is still to come.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "maildir/LargePages.h"
#include "maildir/mailbox/FileName.h"
#include "maildir/mailbox/MailboxState.h"

namespace maildir {

namespace {

// What was taken of the feed is settled at its end, whatever way that comes.
class Settling {
public:
    explicit Settling(ChangeFeed& feed) : _feed(feed) {}
    ~Settling() { _feed.settle(); }
    Settling(const Settling&) = delete;
    Settling& operator=(const Settling&) = delete;

private:
    ChangeFeed& _feed;
};

// Others have what is needed to give UIDs to new messages. Those that are known can be changed meanwhile.
bool isOfALock(const Error& error) {
    return error.kind() == ErrorKind::WouldWait || error.kind() == ErrorKind::Busy;
}

void sortByUid(std::vector<Edit>& edits) {
    const auto isBefore = [](const Edit& left, const Edit& right) { return left.record.uid < right.record.uid; };
    if (!std::is_sorted(edits.begin(), edits.end(), isBefore)) std::sort(edits.begin(), edits.end(), isBefore);
}

}  // namespace

void PendingRows::add(UidListNews news) {
    if (news.isWhole) clear();
    if (news.rows.empty()) return;
    _texts.push_back(std::move(news.text));
    const std::size_t before = _rows.size();
    if (before == 0)
        _rows = std::move(news.rows);
    else
        _rows.insert(_rows.end(), news.rows.begin(), news.rows.end());
    _index.reserve(_rows.size());
    NameInsertions insertions(_index);
    for (std::size_t at = before; at < _rows.size(); ++at) {
        insertions.insert(NameIndex::hashOf(_rows[at].baseName), Uid{static_cast<std::uint32_t>(at + 1)});
    }
}

void PendingRows::prefetch(std::span<const std::uint64_t> hashes) const {
    if (_rows.empty()) return;
    const auto first = [this](std::uint64_t hash) -> const UidRow& {
        const Uid entry = _index.find(hash, [](Uid) { return true; });
        return _rows[entry.value == 0 ? 0 : entry.value - 1];
    };
    for (const std::uint64_t hash : hashes) _index.prefetch(hash);
    for (const std::uint64_t hash : hashes) __builtin_prefetch(&first(hash));
    for (const std::uint64_t hash : hashes) __builtin_prefetch(first(hash).baseName.data());
}

std::optional<std::size_t> PendingRows::find(std::string_view baseName, std::uint64_t hash) const {
    std::size_t last = 0;
    (void)_index.find(hash, [&](Uid entry) {
        if (_rows[entry.value - 1].baseName == baseName) last = std::max<std::size_t>(last, entry.value);
        return false;
    });
    if (last == 0) return std::nullopt;
    return last - 1;
}

void PendingRows::clear() {
    _texts.clear();
    std::vector<UidRow>().swap(_rows);  // of a whole list it is megabytes
    _index.clear();
}

void Mailbox::State::watchLocked() {
    noteWatchedLocked(options.watcher->watch(directory, feed));
}

void Mailbox::State::noteWatchedLocked(bool isTold) {
    isWatchDue = false;
    isWatched = isTold;
    feed->setWatched(isWatched);
    isWatchedAndLoaded = isWatched && isLoaded;
}

void Mailbox::State::finishWatchingLocked() {
    if (!isWatchDue) return;
    watchLocked();
    lookAtGapLocked();
}

void Mailbox::State::lookAtGapLocked() {
    try {
        if (timesChangedLocked()) lookAtAllLocked();
    } catch (...) {
        feed->noteOverflow();  // no event tells of it: it is still to be seen
        throw;
    }
}

void Mailbox::State::prepareLocked() {
    loadLocked();
    requireLocked();
    finishWatchingLocked();
}

void Mailbox::State::loadLocked() {
    if (isLoaded) return;
    requireLocked();
    if (listIsHeld) const ListLock probe(*this);
    requireCurLocked();
    presence.remember();
    (void)mendLocked(true);  // some programs make cur/ alone; a maildir has all three
    hasOwnClock = options.watcher->fileSystemOf(directory).isLocal;
    takeKeywordsLocked(keywordFile.load());
    cleanTmp(directory);
    takeOverCourierLocked();
    bool isUpToDate = false;
    const bool isRestored = restoreLocked(isUpToDate) && isUpToDate;
    // Where the directories have the times that they had, the watch can wait until the client was answered.
    isWatchDue = isRestored && options.onWatchDue;
    if (!isWatchDue) {
        watchLocked();
        if (!isRestored || timesChangedLocked()) {
            lookAtAllLocked();
            returnFreedPages(published()->size());
        }
    }
    isLoaded = true;
    isWatchedAndLoaded = isWatched;
    troubleIsOverLocked();
}

void Mailbox::State::refreshUnwatchedLocked() {
    // A cache file that turned out to be damaged is told of by the feed.
    if (!timesChangedLocked() && !feed->hasPending()) return;
    if (isWatchDue) watchLocked();
    (void)feed->take();
    const Settling settling(*feed);
    try {
        lookAtAllLocked();
    } catch (...) {
        feed->noteOverflow();
        throw;
    }
}

void Mailbox::State::refreshLocked() {
    requireLocked();
    if (!isLoaded) return loadLocked();
    requireInPlaceLocked();
    if (isTroubled) {
        // Nobody told of what happened meanwhile, nor of what messages contain now.
        (void)mendLocked(false);
        startOpening();
        feed->noteOverflow();
        timesAreTrusted = false;
        if (!isWatched) isWatchDue = true;
    }
    if (awaitedLetters.any()) takeKeywordsLocked(keywordFile.load());
    if (!isWatched) return refreshUnwatchedLocked();
    const ChangeFeed::Pending pending = feed->take();
    // Whoever asks meanwhile must wait for the writer's lock, not be answered from the snapshot before these changes.
    const Settling settling(*feed);
    if (!pending.everything && pending.events.empty()) {
        if (isToAskForRoom()) lookAtAllLocked();
        return;
    }
    try {
        takeKeywordsLocked(keywordFile.load());
        if (pending.everything) {
            // Events were lost, or a directory was made anew: what was remembered of contents is not certain any more.
            startOpening();
            watchLocked();
            lookAtAllLocked();
        } else if (!applyEventsLocked(pending.events)) {
            lookAtAllLocked();
        }
    } catch (...) {
        feed->noteOverflow();  // the events are used up; what they told of is still to be seen
        throw;
    }
}

void Mailbox::State::catchUpLocked() {
    prepareLocked();
    if (isWatched) requireInPlaceLocked();
    catchUpWithEventsLocked();
}

void Mailbox::State::catchUpWithEventsLocked() {
    prepareLocked();
    if (!isWatched) return;
    const auto began = std::chrono::steady_clock::now();
    options.watcher->drain();
    try {
        if (!isAsKnown()) refreshLocked();
    } catch (const Error& error) {
        if (!isOfALock(error)) throw;
        return lookAtKnownLocked();
    }
    lookedAt = began;
}

void Mailbox::State::lookForMissingLocked() {
    options.watcher->drain();
    try {
        lookAtAllLocked();
    } catch (const Error& error) {
        if (!isOfALock(error)) throw;
        lookAtKnownLocked();
    }
}

void Mailbox::State::lookAtAllLocked() {
    requireInPlaceLocked();
    (void)mendLocked(false);
    std::optional<ListLock> heldBefore;
    if (listIsHeld) heldBefore.emplace(*this);
    takeKeywordsLocked(keywordFile.load());
    absorbListLocked();
    Findings findings = lookLocked();
    if (!findings.unknown.empty() || !list.exists() || list.isDamaged()) {
        try {
            const ListLock lock(*this);
            if (absorbListLocked()) findings = lookLocked();
            assignLocked(findings);
            commitLocked(std::move(findings));
            return roomIsFoundLocked();
        } catch (const Error& error) {
            if (!canWait(error)) throw;
            waitForRoomLocked(findings, error);
        }
    }
    commitLocked(std::move(findings));
}

void Mailbox::State::lookAtKnownLocked() {
    takeKeywordsLocked(keywordFile.load());
    absorbListLocked();
    Findings findings = lookLocked();
    findings.unknown.clear();
    findings.unknownIndex.clear();
    findings.hasTimes = false;  // what has no UID is still to be looked at
    commitLocked(std::move(findings));
}

void Mailbox::State::lookUnderListLockLocked() {
    Findings findings = lookLocked();
    assignLocked(findings);
    commitLocked(std::move(findings));
    roomIsFoundLocked();
}

void Mailbox::State::logDamageLocked(const UidListNews& news) {
    const std::string name = "the UID list of " + directory + " ";
    for (const Uid leapt : news.leapt) {
        logLocked("the row of UID " + std::to_string(leapt.value) + " in " + name +
                  "is far above its neighbours: it is taken for damaged, and its message gets another UID");
    }
    if (news.badLines > 0) {
        logLocked(name + "is damaged: " + std::to_string(news.badLines) +
                  " of its lines are malformed, or have UIDs that are not above those before. The others count, and "
                  "messages without a line get new UIDs");
    }
    // It is read again under its lock before it is written anew.
    const bool wasTold = std::exchange(isUnknownListTold, news.hasUnknownHeader);
    if (wasTold || !news.hasUnknownHeader) return;
    const bool isKnown = published()->uidValidity().value != 0;
    logLocked(name + "is damaged: its first line is not understood. " +
              (isKnown ? "It is written anew from what is known"
                       : "All messages get new UIDs, with a new UIDVALIDITY, and clients download them again. If a "
                         "backup has it whole, stop the server and put that back"));
}

bool Mailbox::State::absorbListLocked() {
    const std::shared_ptr<const Snapshot> snapshot = published();
    std::optional<UidListNews> news = list.refresh();
    if (!news) return !pendingRows.rows().empty();
    logDamageLocked(*news);
    if (!list.exists()) {
        pendingRows.clear();
        return false;  // to be written anew, from what we know
    }
    if (snapshot->uidValidity().value != 0 && list.uidValidity() != snapshot->uidValidity()) {
        // Another program started the mailbox anew: what our clients know is worth nothing. This object ends here; the
        // next open loads the new state.
        endLocked("got a new UIDVALIDITY by another program");
    }
    const Uid known = snapshot->uidNext();
    // An older list was put back: UIDs that clients know are not in it, and would be given again.
    if (news->isWhole && snapshot->uidValidity().value != 0 && list.nextUid() < known) list.setDamaged();
    const std::shared_ptr<const std::string> text = news->text;
    const auto isOlder = [&](const UidRow& row) {
        return row.uid < known || (row.uid.value == UINT32_MAX && snapshot->find(row.uid));
    };
    const auto firstNew = std::partition_point(news->rows.begin(), news->rows.end(), isOlder);
    const std::vector<UidRow> older(news->rows.begin(), firstNew);
    news->rows.erase(news->rows.begin(), firstNew);
    pendingRows.add(std::move(*news));
    absorbKeywordsLocked(older);
    return !pendingRows.rows().empty();
}

void Mailbox::State::absorbKeywordsLocked(const std::vector<UidRow>& rows) {
    const std::shared_ptr<const Snapshot> snapshot = published();
    std::vector<Edit> edits;
    std::size_t position = 0;
    for (const UidRow& row : rows) {
        if (row.uid >= snapshot->uidNext()) break;
        while (position < snapshot->size() && snapshot->at(position)->uid < row.uid) ++position;
        if (position == snapshot->size()) break;
        const RecordRef record = snapshot->at(position);
        if (record->uid != row.uid) continue;
        const KeywordSet late = keywordsOf(row.extension);
        if ((record->keywords >> keywordLetters) == (late >> keywordLetters)) continue;
        Edit edit{*record, std::string(record.fileName()), false};
        edit.record.keywords = (record->keywords & lettersMask()) | late;
        edits.push_back(std::move(edit));
    }
    if (!edits.empty()) publishEditsLocked(edits, {});
}

std::size_t Mailbox::State::numberLocked(Findings& findings) {
    const std::shared_ptr<const Snapshot> snapshot = published();
    struct Delivered {
        std::uint64_t time = 0;
        Findings::Unknown file;
    };
    std::vector<Delivered> unknown;
    unknown.reserve(findings.unknown.size());
    preferLargePages(unknown);
    for (Findings::Unknown& file : findings.unknown) {
        const std::uint64_t time = deliveryTimeOf(file.fileName);
        unknown.push_back({time, std::move(file)});
    }
    findings.unknown.clear();
    findings.unknownIndex.clear();
    // In the order of delivery, as far as the names tell it.
    std::sort(unknown.begin(), unknown.end(), [](const Delivered& left, const Delivered& right) {
        return left.time != right.time ? left.time < right.time : left.file.fileName < right.file.fileName;
    });
    sortByUid(findings.fromRows);
    Uid next = std::max(list.nextUid(), snapshot->uidNext());
    const std::size_t firstNew = findings.fromRows.size();
    findings.fromRows.reserve(firstNew + unknown.size());
    preferLargePages(findings.fromRows);
    for (const auto& [time, file] : unknown) {
        // A copy of the name: those of neighbours lie side by side then, where they are read again and again.
        findings.fromRows.push_back({recordFor(next, file.fileName, file.isInNew, {}), file.fileName, false});
        next = uidAfter(next);
    }
    return firstNew;
}

void Mailbox::State::assignLocked(Findings& findings) {
    const std::shared_ptr<const Snapshot> snapshot = published();
    if (findings.unknown.size() > uidsLeftLocked(std::max({list.nextUid(), snapshot->uidNext(), Uid{1}}))) {
        renumberLocked(findings);
        if (isGone) throw Error(ErrorKind::NotFound, "the mailbox has a new UIDVALIDITY", directory);
        return;
    }
    const std::size_t firstNew = numberLocked(findings);
    try {
        if (!list.exists() || list.isDamaged() || findings.reappeared) {
            rewriteListLocked(*snapshot, findings.fromRows, findings.edits);
        } else if (firstNew < findings.fromRows.size()) {
            appendRowsLocked(std::span(findings.fromRows).subspan(firstNew));
        }
    } catch (const Error&) {
        findings.fromRows.resize(firstNew);
        throw;
    }
    compactListLocked(snapshot->size() + findings.fromRows.size(), findings.fromRows, findings.edits);
}

void Mailbox::State::compactListLocked(std::size_t messages, const std::vector<Edit>& added,
                                       const std::map<std::uint32_t, Edit>& changed) {
    if (list.rowCount() <= 2 * messages + 1000) return;
    try {
        rewriteListLocked(*published(), added, changed);
    } catch (const Error& error) {
        if (error.kind() != ErrorKind::OverQuota) throw;  // it may stay as long as it is
    }
}

void Mailbox::State::commitLocked(Findings findings) {
    sortByUid(findings.fromRows);
    std::vector<Edit> edits;
    edits.reserve(findings.edits.size());
    for (auto& [uid, edit] : findings.edits) edits.push_back(std::move(edit));
    pendingRows.clear();
    publishEditsLocked(edits, findings.fromRows);
    if (!findings.hasTimes) return;
    newTime = findings.newTime;
    curTime = findings.curTime;
    timesSince = findings.timesSince;
    timesAreTrusted = findings.timesAreTrusted;
}

}  // namespace maildir
