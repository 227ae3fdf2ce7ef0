// What a mailbox writes into its UID list: rows of new messages, or the whole list anew; and the UIDs that come next.
#include <algorithm>

#include "maildir/mailbox/FileName.h"
#include "maildir/mailbox/MailboxState.h"

namespace maildir {

Mailbox::State::ListLock::ListLock(State& state) : _state(state) {
    if (_state.list.lock() != nullptr) return;
    try {
        _lock.emplace(_state.list.lockPath(), _state.options.lockTimeoutMs);
    } catch (const Error& error) {
        _state.listIsHeld = error.kind() == ErrorKind::WouldWait;
        throw;
    }
    _state.listIsHeld = false;
    _state.list.setLock(&*_lock);
}

Mailbox::State::ListLock::~ListLock() {
    if (_lock) _state.list.setLock(nullptr);
}

void Mailbox::State::settleListLocked() {
    requireInPlaceLocked();  // a list that is missing is written again, which must not be in another mailbox
    if (absorbListLocked() || !list.exists() || list.isDamaged()) lookUnderListLockLocked();
    compactListLocked(published()->size(), {}, {});
}

Uid Mailbox::State::nextUidLocked(std::size_t messages) {
    settleListLocked();
    const Uid next = std::max({list.nextUid(), published()->uidNext(), Uid{1}});
    if (messages <= uidsLeftLocked(next)) return next;
    Findings findings = lookLocked();
    renumberLocked(findings);
    throw Error(ErrorKind::Busy, "the mailbox's UIDs were used up, and it has a new UIDVALIDITY", directory);
}

void Mailbox::State::appendRowsLocked(std::span<const Edit> added, std::span<const std::string> folders) {
    std::vector<UidRow> rows;
    std::vector<std::string> extensions;
    rows.reserve(added.size());
    extensions.reserve(added.size());
    for (const Edit& edit : added) {
        extensions.push_back(withKeywords({}, edit.record.keywords));
        rows.push_back({edit.record.uid, extensions.back(), baseNameOf(edit.fileName)});
    }
    list.append(rows, folders);
}

void Mailbox::State::rewriteListLocked(const Snapshot& base, const std::vector<Edit>& added,
                                       const std::map<std::uint32_t, Edit>& changed) {
    // The letters of rows that are not ours are kept: read them again.
    UidList onDisk(directory);
    const std::optional<UidListNews> old = onDisk.refresh();
    const auto extensionOf = [&old](Uid uid) -> std::string_view {
        if (!old) return {};
        const auto row = std::partition_point(old->rows.begin(), old->rows.end(),
                                              [uid](const UidRow& each) { return each.uid < uid; });
        return row != old->rows.end() && row->uid == uid ? row->extension : std::string_view();
    };
    std::vector<UidRow> rows;
    std::vector<std::string> extensions;
    rows.reserve(base.size() + added.size());
    extensions.reserve(base.size() + added.size());
    const auto add = [&](const Record& record, std::string_view baseName) {
        extensions.push_back(withKeywords(extensionOf(record.uid), record.keywords));
        rows.push_back({record.uid, extensions.back(), baseName});
    };
    for (const auto& chunk : base.chunks()) {
        for (const Record& record : chunk->records()) {
            const auto edit = changed.find(record.uid.value);
            if (edit == changed.end())
                add(record, chunk->baseName(record));
            else if (!edit->second.isRemoved)
                add(edit->second.record, chunk->baseName(record));
        }
    }
    for (const Edit& edit : added) add(edit.record, baseNameOf(edit.fileName));
    // That the last UID of all was given must not be forgotten with its message: a row without a file says so.
    const bool isExhausted = list.isExhausted() || (!list.exists() && base.uidNext().value == UINT32_MAX);
    if (isExhausted && (rows.empty() || rows.back().uid.value != UINT32_MAX)) {
        rows.push_back({Uid{UINT32_MAX}, {}, "maildock-last-uid"});
    }
    const UidValidity validity = base.uidValidity().value != 0 ? base.uidValidity() : list.uidValidity();
    // It was given when nothing could be written down.
    if (isProvisional) UidValidityFile(treePlace()).noteUsed(validity);
    list.setModSeqMark(ModSeq{modSeqClock});
    list.rewrite(validity.value != 0 ? validity : freshUidValidity(), std::max(base.uidNext(), list.nextUid()), rows);
    isProvisional = false;
    goneNames.clear();
    goneNamesAreKnown = true;
}

UidValidity Mailbox::State::freshUidValidity(UidValidity above) const {
    return UidValidityFile(treePlace()).next(above);
}

TreePlace Mailbox::State::treePlace() const {
    return options.tree.value_or(TreePlace{directory});
}

}  // namespace maildir
