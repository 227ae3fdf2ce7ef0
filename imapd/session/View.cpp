#include "imapd/session/View.h"

#include <algorithm>

namespace imapd {

using maildir::Difference;
using maildir::Record;
using maildir::Snapshot;

namespace {

constexpr std::size_t mostUnaskedFlags = 20;  // FETCH responses that still count as short

}  // namespace

View::View(std::shared_ptr<maildir::Mailbox> mailbox, bool isReadOnly, ShownKeywords keywords,
           std::function<void()> onNews)
    : _mailbox(std::move(mailbox)), _isReadOnly(isReadOnly), _shownKeywords(std::move(keywords)) {
    _viewer = std::make_unique<maildir::Viewer>(_mailbox, std::move(onNews));
    _mailbox->refresh();
    if (!_mailbox->isWritable()) _isReadOnly = true;
    if (_isReadOnly) {
        // EXAMINE takes \Recent from nobody, but tells of it (RFC 3501 6.3.2).
        _shown = _mailbox->snapshot();
        for (const auto& chunk : _shown->chunks()) {
            if (chunk->recentUnclaimed() == 0) continue;
            for (const Record& record : chunk->records()) {
                if (record.isRecentUnclaimed) _recent.insert(record.uid.value);
            }
        }
    } else {
        for (const Uid uid : _mailbox->claimRecent()) _recent.insert(uid.value);
        _shown = _mailbox->snapshot();
    }
    _viewer->acknowledge(*_shown);
    _toldExists = _shown->size();
    _toldKeywords = _shown->keywords().fingerprint();
}

std::optional<SeqNum> View::numberOf(Uid uid) const {
    const auto index = _shown->indexOf(uid);
    if (!index) return std::nullopt;
    return SeqNum{static_cast<std::uint32_t>(*index + 1)};
}

std::optional<std::vector<Uid>> View::resolve(const SequenceSet& set, bool isUid) const {
    std::vector<Uid> uids;
    if (set.isSavedResult) {
        for (const Uid uid : _savedResult) {
            if (_shown->indexOf(uid)) uids.push_back(uid);
        }
        return uids;
    }
    const std::size_t size = _shown->size();
    // Half-open ranges of indexes, merged afterwards: a set of two million numbers costs its length.
    std::vector<std::pair<std::size_t, std::size_t>> ranges;
    ranges.reserve(set.ranges.size());
    const std::uint32_t lastUid = size == 0 ? 0 : _shown->at(size - 1)->uid.value;
    for (const SequenceSet::Range& range : set.ranges) {
        if (!isUid) {
            const auto last = static_cast<std::uint32_t>(size);
            const std::uint32_t a = range.first == 0 ? last : range.first, b = range.last == 0 ? last : range.last;
            if (size == 0 || a > size || b > size) return std::nullopt;
            ranges.emplace_back(std::min(a, b) - 1, std::max(a, b));
        } else if (size > 0) {
            const std::uint32_t a = range.first == 0 ? lastUid : range.first,
                                b = range.last == 0 ? lastUid : range.last;
            const std::size_t from = _shown->lowerBound(Uid{std::min(a, b)});
            const std::uint32_t high = std::max(a, b);
            const std::size_t to = high == UINT32_MAX ? size : _shown->lowerBound(Uid{high + 1});
            if (from < to) ranges.emplace_back(from, to);
        }
    }
    std::sort(ranges.begin(), ranges.end());
    std::size_t next = 0;
    for (const auto& [from, to] : ranges) {
        for (std::size_t index = std::max(from, next); index < to; ++index) uids.push_back(_shown->at(index)->uid);
        next = std::max(next, to);
    }
    return uids;
}

void View::flagsAreKnown(Uid uid, maildir::FlagSet flags, const maildir::KeywordSet& keywords) {
    _known[uid] = {flags, keywords};
}

void View::tellNewKeywords(ResponseWriter& writer, const maildir::KeywordTable& keywords) {
    if (keywords.fingerprint() == _toldKeywords || !_shownKeywords.isAny()) return;
    _toldKeywords = keywords.fingerprint();
    writer.flags(definedFlags(keywords));
}

std::vector<std::string> View::definedFlags() const {
    return definedFlags(_shown->keywords());
}

std::vector<std::string> View::definedFlags(const maildir::KeywordTable& keywords) const {
    std::vector<std::string> names{"\\Answered", "\\Flagged", "\\Deleted", "\\Seen", "\\Draft"};
    for (std::string& name : _shownKeywords.defined(keywords)) names.push_back(std::move(name));
    return names;
}

std::vector<std::string> View::namesOf(const Record& record, const maildir::KeywordTable& keywords,
                                       bool withRecent) const {
    const bool isRecentTold = withRecent && isRecent(record.uid);
    if (_shownKeywords.isAny()) return flagNames(record, keywords, isRecentTold);
    Record shown = record;
    shown.keywords = _shownKeywords.of(record.keywords, keywords);
    return flagNames(shown, keywords, isRecentTold);
}

View::KnownFlags View::flagsIn(const Snapshot& snapshot, Uid uid) {
    const auto record = snapshot.find(uid);
    return record ? KnownFlags{(*record)->flags, (*record)->keywords} : KnownFlags{};
}

// Whether the client, told these flags, sees the record as it is.
bool View::looksTheSame(const Record& record, const KnownFlags& told, const maildir::KeywordSet& renamed) const {
    const maildir::KeywordSet changed = (record.keywords ^ told.keywords) | (record.keywords & renamed);
    return record.flags == told.flags && _shownKeywords.of(changed, _shown->keywords()).none();
}

void View::synchronise(ResponseWriter& writer, const SyncOptions& options) {
    std::shared_ptr<const Snapshot> newest = options.lookAtDisk ? lookAtDisk(options) : _mailbox->snapshot();
    if (!_isReadOnly && newest->recentUnclaimed() > 0) {
        for (const Uid uid : _mailbox->claimRecent()) _recent.insert(uid.value);
        newest = _mailbox->snapshot();
    }
    if (newest->generation() == _shown->generation() && _held == 0 && _known.empty()) return;
    const Difference news = maildir::difference(*_shown, *newest);
    if (options.onlyIfShort && news.changed.size() + _known.size() > mostUnaskedFlags) return;
    bool announced = false;
    if (!news.vanished.empty()) {
        if (options.mayExpunge) {
            // Each number as it is after the ones before are gone (RFC 3501 7.4.1).
            std::uint32_t gone = 0;
            for (const Uid uid : news.vanished) {
                writer.expunge(SeqNum{static_cast<std::uint32_t>(*_shown->indexOf(uid)) + 1 - gone++});
                _recent.erase(uid.value);
            }
            _toldExists -= news.vanished.size();
            announced = options.existsAfterExpunge;
            _held = 0;
        } else {
            newest = maildir::withVanished(*newest, *_shown, news.vanished);
            _held = news.vanished.size();
        }
    } else {
        _held = 0;
    }
    const std::shared_ptr<const Snapshot> before = std::exchange(_shown, newest);
    if (_held == 0) _viewer->acknowledge(*_shown);
    if (_shown->size() != _toldExists || announced) {
        const bool grew = _shown->size() > _toldExists;
        _toldExists = _shown->size();
        writer.exists(_toldExists);
        if (grew) writer.recent(_recent.size());
    }
    tellNewKeywords(writer, _shown->keywords());
    // Also what a command told from a state in between, if it is no longer so: between what was shown and what is now
    // there may be no difference at all.
    std::vector<Uid> suspects = news.changed;
    for (const auto& [uid, flags] : _known) suspects.push_back(uid);
    std::sort(suspects.begin(), suspects.end());
    suspects.erase(std::unique(suspects.begin(), suspects.end()), suspects.end());
    // What a command told has its new names already, unless an index had another one before.
    const maildir::KeywordSet named = maildir::newlyNamed(before->keywords(), _shown->keywords());
    maildir::KeywordSet renamed = named;
    for (std::size_t index = 0; index < maildir::maxKeywords; ++index) {
        if (before->keywords().nameOf(index).empty()) renamed.reset(index);
    }
    for (const Uid uid : suspects) {
        const auto index = _shown->indexOf(uid);
        if (!index) continue;
        const Record& record = *_shown->at(*index);
        const auto known = _known.find(uid);
        if (known == _known.end() && !options.announceExternalFlags) continue;
        const bool isKnown = known != _known.end();
        if (looksTheSame(record, isKnown ? known->second : flagsIn(*before, uid), isKnown ? renamed : named)) continue;
        writer.fetchFlags(SeqNum{static_cast<std::uint32_t>(*index + 1)},
                          namesOf(record, _shown->keywords(), !writer.features().rev2),
                          options.withUid ? std::optional(uid) : std::nullopt);
    }
    _known.clear();
}

std::shared_ptr<const Snapshot> View::lookAtDisk(const SyncOptions& options) {
    return options.since ? _mailbox->refreshedSince(*options.since) : _mailbox->refresh();
}

}  // namespace imapd
