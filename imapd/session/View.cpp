#include "imapd/session/View.h"

#include <algorithm>

namespace imapd {

using maildir::Difference;
using maildir::Record;
using maildir::RecordRef;
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
    const std::optional<IndexRanges> ranges = indexesOf(set, isUid);
    if (!ranges) return std::nullopt;
    std::vector<Uid> uids;
    for (const auto& [from, to] : *ranges) {
        for (std::size_t index = from; index < to; ++index) uids.push_back(_shown->at(index)->uid);
    }
    return uids;
}

std::optional<View::IndexRanges> View::indexesOf(const SequenceSet& set, bool isUid) const {
    IndexRanges ranges;
    const std::size_t size = _shown->size();
    if (set.isSavedResult) {
        for (const Uid uid : _savedResult) {
            if (const auto index = _shown->indexOf(uid)) ranges.emplace_back(*index, *index + 1);
        }
    }
    ranges.reserve(ranges.size() + set.ranges.size());
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
    std::size_t merged = 0;  // ranges that are final
    for (const auto& [from, to] : ranges) {
        if (merged > 0 && from <= ranges[merged - 1].second) {
            ranges[merged - 1].second = std::max(ranges[merged - 1].second, to);
        } else {
            ranges[merged++] = {from, to};
        }
    }
    ranges.resize(merged);
    return ranges;
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

void View::lookForNews(const SyncOptions& options) {
    std::shared_ptr<const Snapshot> newest = options.lookAtDisk ? lookAtDisk(options) : _mailbox->snapshot();
    if (!_isReadOnly && newest->recentUnclaimed() > 0) {
        try {
            for (const Uid uid : _mailbox->claimRecent()) _recent.insert(uid.value);
        } catch (const maildir::Error& error) {
            // What is known is news all the same; \Recent can be claimed when nobody is at work there.
            if (options.lookAtDisk || error.kind() != maildir::ErrorKind::WouldWait) throw;
        }
        newest = _mailbox->snapshot();
    }
    if (newest->generation() == _shown->generation() && _held == 0 && _known.empty()) return;
    Difference difference = maildir::difference(*_shown, *newest);
    if (options.onlyIfShort && difference.changed.size() + _known.size() > mostUnaskedFlags) return;
    News news;
    news.withUid = options.withUid;
    news.announceExternalFlags = options.announceExternalFlags;
    if (!difference.vanished.empty() && !options.mayExpunge) {
        newest = maildir::withVanished(*newest, *_shown, difference.vanished);
        _held = difference.vanished.size();
    } else {
        news.vanished = std::move(difference.vanished);
        _held = 0;
    }
    _toldExists -= news.vanished.size();
    news.before = std::exchange(_shown, newest);
    if (_shown->size() != _toldExists || (!news.vanished.empty() && options.existsAfterExpunge)) {
        news.tellsRecent = _shown->size() > _toldExists;
        news.exists = _toldExists = _shown->size();
    }
    // Also what a command told from a state in between, if it is no longer so: between what was shown and what is now
    // there may be no difference at all.
    news.suspects = std::move(difference.changed);
    for (const auto& [uid, flags] : _known) news.suspects.push_back(uid);
    std::sort(news.suspects.begin(), news.suspects.end());
    news.suspects.erase(std::unique(news.suspects.begin(), news.suspects.end()), news.suspects.end());
    news.known = std::exchange(_known, {});
    _news = std::move(news);
}

bool View::tellNews(ResponseWriter& writer, const std::function<bool()>& isEnough) {
    if (!_news) return true;
    // Each number as it is after the ones before are gone (RFC 3501 7.4.1).
    for (std::size_t& next = _news->nextVanished; next < _news->vanished.size(); ++next) {
        if (isEnough()) return false;
        const Uid uid = _news->vanished[next];
        writer.expunge(SeqNum{static_cast<std::uint32_t>(*_news->before->indexOf(uid) + 1 - next)});
        _recent.erase(uid.value);
    }
    if (_news->exists) {
        writer.exists(*std::exchange(_news->exists, std::nullopt));
        if (_news->tellsRecent) writer.recent(_recent.size());
    }
    if (std::exchange(_news->tellsKeywords, false)) tellNewKeywords(writer, _shown->keywords());
    if (!tellFlags(writer, isEnough)) return false;
    _news.reset();
    if (_held == 0) _viewer->acknowledge(*_shown);
    return true;
}

bool View::tellFlags(ResponseWriter& writer, const std::function<bool()>& isEnough) {
    const Snapshot& before = *_news->before;
    // What a command told has its new names already, unless an index had another one before.
    const maildir::KeywordSet named = maildir::newlyNamed(before.keywords(), _shown->keywords());
    maildir::KeywordSet renamed = named;
    for (std::size_t index = 0; index < maildir::maxKeywords; ++index) {
        if (before.keywords().nameOf(index).empty()) renamed.reset(index);
    }
    for (std::size_t& next = _news->nextSuspect; next < _news->suspects.size(); ++next) {
        if (isEnough()) return false;
        const Uid uid = _news->suspects[next];
        const auto index = _shown->indexOf(uid);
        if (!index) continue;
        const RecordRef record = _shown->at(*index);
        const auto known = _news->known.find(uid);
        const bool isKnown = known != _news->known.end();
        if (!isKnown && !_news->announceExternalFlags) continue;
        if (looksTheSame(*record, isKnown ? known->second : flagsIn(before, uid), isKnown ? renamed : named)) continue;
        writer.fetchFlags(SeqNum{static_cast<std::uint32_t>(*index + 1)},
                          namesOf(*record, _shown->keywords(), !writer.features().rev2),
                          _news->withUid ? std::optional(uid) : std::nullopt);
    }
    return true;
}

std::shared_ptr<const Snapshot> View::lookAtDisk(const SyncOptions& options) {
    return options.since ? _mailbox->refreshedSince(*options.since) : _mailbox->refresh();
}

}  // namespace imapd
