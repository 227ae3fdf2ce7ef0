// A mailbox whose UIDs are used up. 4294967295 is the last that there is, and the one after it needs a new UIDVALIDITY
// (RFC 3501 2.3.1.1), under which all messages are numbered from 1. What clients know is worth nothing then: sessions
// that have the mailbox selected must open it again.
#include <algorithm>

#include "maildir/mailbox/FileName.h"
#include "maildir/mailbox/MailboxState.h"

namespace maildir {

std::uint64_t Mailbox::State::uidsLeftLocked(Uid next) const {
    const std::shared_ptr<const Snapshot> snapshot = published();
    const bool isLastGiven = snapshot->size() > 0 && snapshot->at(snapshot->size() - 1)->uid.value == UINT32_MAX;
    if (list.isExhausted() || isLastGiven) return 0;
    return std::uint64_t(UINT32_MAX) - next.value + 1;
}

void Mailbox::State::renumberLocked(Findings& findings) {
    const std::shared_ptr<const Snapshot> snapshot = published();
    const bool isFirst = snapshot->uidValidity().value == 0;
    (void)numberLocked(findings);  // for their order; the numbers themselves are of no use
    std::vector<Edit> all;
    all.reserve(snapshot->size() + findings.fromRows.size());
    for (const auto& chunk : snapshot->chunks()) {
        for (const Record& record : chunk->records()) {
            const auto edit = findings.edits.find(record.uid.value);
            if (edit == findings.edits.end())
                all.push_back({record, std::string(chunk->fileName(record)), false});
            else if (!edit->second.isRemoved)
                all.push_back(edit->second);
        }
    }
    all.insert(all.end(), findings.fromRows.begin(), findings.fromRows.end());
    std::vector<UidRow> rows;
    std::vector<std::string> extensions;
    rows.reserve(all.size());
    extensions.reserve(all.size());
    Uid next{1};
    for (Edit& edit : all) {
        edit.record.uid = next;
        extensions.push_back(withKeywords({}, edit.record.keywords));
        rows.push_back({next, extensions.back(), baseNameOf(edit.fileName)});
        next = uidAfter(next);
    }
    const UidValidity before = std::max(list.uidValidity(), snapshot->uidValidity());
    const UidValidity fresh = freshUidValidity(before);
    list.rewrite(fresh, next, rows);
    logLocked("the UIDs of " + directory + " were used up: it has UIDVALIDITY " + std::to_string(fresh.value) +
              " now, instead of " + std::to_string(before.value) + ", and its " + std::to_string(all.size()) +
              " messages are numbered from 1");
    if (isFirst) {
        findings.edits.clear();
        findings.fromRows = std::move(all);
        return;
    }
    isGone = true;
    feed->wakeViewers();
}

}  // namespace maildir
