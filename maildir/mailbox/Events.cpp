// What inotify told of a watched mailbox, applied to what is known of it. Whatever the events do not settle is left to
// a look at the directories (Look.cpp).
#include <sys/stat.h>

#include <algorithm>
#include <map>

#include "maildir/mailbox/FileName.h"
#include "maildir/mailbox/MailboxState.h"

namespace maildir {

namespace {

// What the events said about one base name.
struct Touched {
    const FileEvent* appeared = nullptr;  // the last file that came, or was written, and did not go again
    bool movedAway = false, removed = false;
};

std::map<std::string_view, Touched> byBaseName(const std::vector<FileEvent>& events) {
    std::map<std::string_view, Touched> touched;
    for (const FileEvent& event : events) {
        const std::string_view base = baseNameOf(event.name);
        if (base.empty()) continue;
        Touched& each = touched[base];
        switch (event.kind) {
            case FileEvent::Appeared:
            case FileEvent::Written:
                each.appeared = &event;
                continue;
            case FileEvent::MovedAway:
                each.movedAway = true;
                break;
            case FileEvent::Removed:
                each.removed = true;
                break;
        }
        if (each.appeared != nullptr && each.appeared->name == event.name && each.appeared->isInNew == event.isInNew) {
            each.appeared = nullptr;
        }
    }
    return touched;
}

bool isLink(const std::string& path) {
    struct stat status {};
    return lstat(path.c_str(), &status) == 0 && S_ISLNK(status.st_mode);
}

}  // namespace

bool Mailbox::State::applyEventsLocked(const std::vector<FileEvent>& events) {
    const std::shared_ptr<const Snapshot> snapshot = published();
    Findings findings;
    std::vector<Uid> suspects;  // messages whose content may have changed
    for (const auto& [base, each] : byBaseName(events)) {
        const std::uint64_t hash = NameIndex::hashOf(base);
        const std::optional<std::size_t> position = findByNameLocked(*snapshot, base, hash);
        const bool isThere = each.appeared != nullptr && exists({each.appeared->name, each.appeared->isInNew});
        if (each.appeared != nullptr && !isThere && !areLinksTold &&
            isLink(pathOf(each.appeared->name, each.appeared->isInNew)))
            return false;
        if (!position) {
            if (each.appeared == nullptr) continue;
            if (!isThere || !isUsableBaseName(base)) return false;  // renamed since, or to be renamed
            findings.reappeared = findings.reappeared || isGoneNameLocked(hash);
            findings.addUnknown({each.appeared->name, each.appeared->isInNew}, 1);
            continue;
        }
        const RecordRef known = snapshot->at(*position);
        const FilePlace knownPlace{known.fileName(), known->isInNew};
        const FilePlace place = isThere ? FilePlace{each.appeared->name, each.appeared->isInNew} : knownPlace;
        if (exists(knownPlace)) {
            if (place != knownPlace) return false;  // two files of one base name
            if (isThere) suspects.push_back(known->uid);
        } else if (isThere) {
            findings.edits[known->uid.value] = renamedEdit(known, place);
        } else if (each.removed && !each.movedAway && each.appeared == nullptr) {
            findings.edits[known->uid.value] = {*known, std::string(known.fileName()), true};
        } else {
            return false;  // moved to where we have not seen it: a second look decides
        }
    }
    if (!pendingRows.rows().empty()) return false;  // a look at them failed
    // A file is missing under its name also where the whole tree is away.
    if (!findings.edits.empty() && !presence.isInPlace()) return false;
    if (findings.unknown.empty()) {
        commitLocked(std::move(findings));
    } else {
        try {
            const ListLock lock(*this);
            if (absorbListLocked() && !matchPendingRowsLocked(findings)) {
                // Others gave UIDs to messages that no event told of yet: only a whole look keeps the order of UIDs.
                lookUnderListLockLocked();
            } else {
                assignLocked(findings);
                commitLocked(std::move(findings));
            }
        } catch (const Error& error) {
            if (!canWait(error)) throw;
            return false;  // a whole look finds out what can be shown without them
        }
    }
    for (const Uid uid : suspects) checkContentLocked(uid);
    return true;
}

bool Mailbox::State::matchPendingRowsLocked(Findings& findings) const {
    std::size_t matched = 0;
    std::vector<Findings::Unknown> unmatched;
    for (Findings::Unknown& file : findings.unknown) {
        const std::string_view base = baseNameOf(file.fileName);
        const auto position = pendingRows.find(base, NameIndex::hashOf(base));
        if (!position) {
            unmatched.push_back(std::move(file));
            continue;
        }
        ++matched;
        const UidRow& row = pendingRows.rows()[*position];
        findings.fromRows.push_back(
            {recordFor(row.uid, file.fileName, file.isInNew, row.extension), file.fileName, false});
    }
    findings.unknown = std::move(unmatched);
    findings.unknownIndex.clear();
    return matched == pendingRows.rows().size();
}

}  // namespace maildir
