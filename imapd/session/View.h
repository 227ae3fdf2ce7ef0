// What one session has been told of its selected mailbox: the only place that turns sequence numbers into UIDs.
//
// The law (RFC 3501 5.5, 7.4.1; RFC 9051 7.5.1): messages disappear from the view only when the session may send
// EXPUNGE: at the end of any command but FETCH, STORE and SEARCH (their UID forms may), and during IDLE. Flags and new
// messages are news at every synchronisation point. Until told, a vanished message keeps its number, and its content
// stays readable. Owned by its session; one thread at a time.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "imapd/parser/Command.h"
#include "imapd/response/ResponseWriter.h"
#include "imapd/session/News.h"
#include "imapd/session/ShownKeywords.h"
#include "maildir/mailbox/Mailbox.h"

namespace imapd {

class View {
public:
    // Selects: refreshes the mailbox, claims \Recent unless read-only, which it is too if it can't be written. onNews:
    // from any thread.
    View(std::shared_ptr<maildir::Mailbox> mailbox, bool isReadOnly, ShownKeywords keywords,
         std::function<void()> onNews);

    [[nodiscard]] maildir::Mailbox& mailbox() const { return *_mailbox; }
    [[nodiscard]] std::shared_ptr<maildir::Mailbox> sharedMailbox() const { return _mailbox; }
    // The view's stake in the mailbox: what its own client removes need not stay readable for it.
    [[nodiscard]] const maildir::Viewer* viewer() const { return _viewer.get(); }
    [[nodiscard]] bool isReadOnly() const { return _isReadOnly; }
    // What the session shows; index + 1 is the sequence number.
    [[nodiscard]] const maildir::Snapshot& shown() const { return *_shown; }
    [[nodiscard]] std::shared_ptr<const maildir::Snapshot> sharedShown() const { return _shown; }
    [[nodiscard]] std::size_t size() const { return _shown->size(); }
    [[nodiscard]] bool isRecent(Uid uid) const { return _recent.contains(uid.value); }
    [[nodiscard]] std::size_t recentCount() const { return _recent.size(); }
    [[nodiscard]] std::optional<SeqNum> numberOf(Uid uid) const;

    // UIDs of the set that the view shows, ascending, each once. By sequence numbers: a number past the end is nothing
    // (the client's mistake: BAD); by UIDs absent ones are passed over (RFC 3501 6.4.8), and n:* always holds the last
    // message. "$" is the saved result.
    [[nodiscard]] std::optional<std::vector<Uid>> resolve(const SequenceSet& set, bool isUid) const;

    // Gives the same as half-open ranges of indexes, ascending and apart: costs what the set is long, not what it
    // names.
    using IndexRanges = std::vector<std::pair<std::size_t, std::size_t>>;
    [[nodiscard]] std::optional<IndexRanges> indexesOf(const SequenceSet& set, bool isUid) const;

    // SEARCH RETURN (SAVE) (RFC 5182): expunged messages drop out by themselves.
    void saveResult(std::vector<Uid> uids) { _savedResult = std::move(uids); }

    // The session's own command told the client these flags for the message (or the client knows without being told, as
    // after .SILENT): not news later, unless they differ.
    void flagsAreKnown(Uid uid, maildir::FlagSet flags, const maildir::KeywordSet& keywords);

    // News are looked for, then told in pieces: EXPUNGE where mayExpunge, EXISTS, RECENT, FLAGS on new keywords, FETCH
    // (FLAGS) with UID if withUid. announceExternalFlags: row V0046.
    struct SyncOptions {
        bool mayExpunge = true;
        bool withUid = false;
        bool lookAtDisk = true;
        // A look at the disk that began later is as good; nothing: none is.
        std::optional<std::chrono::steady_clock::time_point> since = {};
        bool announceExternalFlags = true;
        bool existsAfterExpunge = false;  // row V0055
        bool onlyIfShort = false;         // much to tell is left for later
    };
    // The view becomes what the client knows once all of it is told: nobody may use it before. Not while something is
    // still to be told. Throws Error, with the view as it was, where the mailbox can't be looked at: nothing of it is
    // told to be gone then. Of a mailbox that is gone altogether (Mailbox::isGone) nothing is told at all: the session
    // ends.
    void lookForNews(const SyncOptions& options);
    // Tells on, until isEnough (asked between two responses); true once all is told.
    bool tellNews(ResponseWriter& writer, const std::function<bool()>& isEnough);

    // Tells keywords that are new since the last FLAGS response, before they are used (RFC 3501 7.2.6).
    void tellNewKeywords(ResponseWriter& writer, const maildir::KeywordTable& keywords);

    // FLAGS and PERMANENTFLAGS names (without "\*").
    [[nodiscard]] std::vector<std::string> definedFlags() const;
    [[nodiscard]] const ShownKeywords& shownKeywords() const { return _shownKeywords; }
    // The flags of a message as this client is told them; \Recent too if withRecent.
    [[nodiscard]] std::vector<std::string> namesOf(const maildir::Record& record, const maildir::KeywordTable& keywords,
                                                   bool withRecent) const;

private:
    using KnownFlags = News::KnownFlags;
    bool tellFlags(ResponseWriter& writer, const std::function<bool()>& isEnough);
    std::shared_ptr<maildir::Mailbox> _mailbox;
    bool _isReadOnly;
    ShownKeywords _shownKeywords;
    std::unique_ptr<maildir::Viewer> _viewer;
    std::shared_ptr<const maildir::Snapshot> _shown;
    std::unordered_set<std::uint32_t> _recent;
    News::Known _known;
    std::vector<Uid> _savedResult;
    std::size_t _toldKeywords = 0;  // fingerprint of their names
    std::size_t _toldExists = 0;
    std::size_t _held = 0;  // messages shown that are gone
    std::optional<News> _news;
    std::shared_ptr<const maildir::Snapshot> lookAtDisk(const SyncOptions& options);
    [[nodiscard]] std::vector<std::string> definedFlags(const maildir::KeywordTable& keywords) const;
    static KnownFlags flagsIn(const maildir::Snapshot& snapshot, Uid uid);
    [[nodiscard]] bool looksTheSame(const maildir::Record& record, const KnownFlags& told,
                                    const maildir::KeywordSet& renamed) const;
};

}  // namespace imapd
