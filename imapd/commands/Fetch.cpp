#include "imapd/commands/Fetch.h"

#include <algorithm>
#include <span>
#include <string>
#include <unordered_set>

#include "imapd/fetch/DerivedItems.h"
#include "imapd/fetch/FetchPlan.h"
#include "imapd/fetch/FetchedMessage.h"
#include "imapd/fetch/FlagLines.h"
#include "imapd/fetch/PreparedMessage.h"
#include "imapd/session/Services.h"
#include "imapd/session/Session.h"
#include "maildir/UnreadableFile.h"

namespace imapd {

using maildir::Error;
using maildir::ErrorKind;
using maildir::Flag;

namespace {

// Messages that are marked \Seen by one change, before their contents are sent: few, so that a client that goes away
// leaves few marked that it never got; many enough to spare a change for each.
constexpr std::size_t seenBatch = 32;

// As far as it can be told without waiting for a lock.
std::shared_ptr<const maildir::Snapshot> newestOf(maildir::Mailbox& mailbox) {
    try {
        return mailbox.refresh();
    } catch (const Error& error) {
        if (error.kind() != ErrorKind::WouldWait) throw;
        return mailbox.snapshot();
    }
}

class FetchExecution : public Execution {
public:
    FetchExecution(FetchPlan plan, const ItemFormat& format, std::vector<Uid> uids)
        : _plan(std::move(plan)), _format(format), _uids(std::move(uids)) {}

    Progress step(Session& session) override {
        const TimeSlice slice;
        if (FlagLines::suffice(_plan)) return writeFlagLines(session, slice);
        while (!session.outputIsFull() && !slice.isOver()) {
            if (_message) {
                if (_message->write(session, slice)) _message.reset();
            } else if (_next < _uids.size()) {
                begin(session);
            } else {
                return Progress::Done;
            }
        }
        return Progress::Again;
    }

    Reply reply() override {
        // RFC 2180 4.1.2: what could be fetched was sent; RFC 5530 names the reason for the rest.
        if (_someGone) return Reply::no("Some of the messages no longer exist", "EXPUNGEISSUED");
        if (_unreadableCount > 0) return unreadable();
        if (_someUnknown) {
            return Reply::no("The Content-Transfer-Encoding of a part is not known", "UNKNOWN-CTE");  // RFC 3516 4.3
        }
        return Reply::ok("Fetch completed");
    }

private:
    Progress writeFlagLines(Session& session, const TimeSlice& slice) {
        constexpr std::size_t batch = 256;
        while (_next < _uids.size()) {
            if (session.outputIsFull() || slice.isOver()) return Progress::Again;
            const std::size_t count = std::min(batch, _uids.size() - _next);
            if (!_flagLines.write(session, _plan, std::span(_uids).subspan(_next, count))) _someGone = true;
            _next += count;
        }
        return Progress::Done;
    }

    void begin(Session& session) {
        if (_plan.setsSeen && _next >= _markedUpTo) markSeen(session);
        if (!_ahead) considerReadingAhead(session);
        std::optional<PreparedMessage> prepared = _ahead ? _ahead->take(_next) : std::nullopt;
        const Uid uid = _uids[_next++];
        try {
            _message = std::make_unique<FetchedMessage>(session, _plan, _format, uid, std::move(prepared),
                                                        _marked.contains(uid.value));
        } catch (const Error& error) {
            if (error.kind() == ErrorKind::WouldWait) --_next;
            if (error.kind() == ErrorKind::Expunged)
                _someGone = true;
            else if (maildir::isOfOneMessage(error))
                noteUnreadable(session, uid, error);
            else
                throw;
        } catch (const UnknownEncoding&) {
            _someUnknown = true;
        }
    }

    // The others are told all the same; that it was read is not true of this one.
    void noteUnreadable(Session& session, Uid uid, const Error& error) {
        session.noteUnreadable(error);
        if (_unreadableCount++ == 0) {
            const std::optional<SeqNum> number = session.view().numberOf(uid);
            _unreadable =
                "Message " + std::to_string(number ? number->value : 0) + " (UID " + std::to_string(uid.value) + ")";
            _unreadableCode = error.kind() == ErrorKind::NoPermission ? "NOPERM" : "CONTACTADMIN";
        }
        if (!_marked.contains(uid.value)) return;
        maildir::FlagChange change;
        change.mode = maildir::FlagChange::Remove;
        change.flags.set(Flag::Seen);
        try {
            session.view().mailbox().changeFlags(std::span(&uid, 1), change);
        } catch (const Error& failure) {
            session.logFailure("\\Seen could not be taken back", failure);
        }
    }

    [[nodiscard]] Reply unreadable() const {
        const std::size_t others = _unreadableCount - 1;
        const std::string more =
            others == 0 ? "" : " and " + std::to_string(others) + (others == 1 ? " other" : " others");
        return Reply::no(_unreadable + more + " cannot be read; the admin's log tells why", _unreadableCode);
    }

    // A FETCH of many messages has other threads prepare those to come, if it reads files: for what it sends, or since
    // most of the first messages had to be parsed.
    void considerReadingAhead(Session& session) {
        constexpr std::size_t sample = 32;
        if (_next != 0 && _next != sample) return;
        const std::uint64_t parsed = session.view().mailbox().parsedCount();
        if (_next == 0) _parsedBefore = parsed;
        if (_next == 0 || _uids.size() <= 2 * sample) return;
        const bool readsContent = _plan.readsContent();
        Services& services = session.services();
        // To hand over what needs no parsing costs more in all: for a core that has nothing else to do.
        if (parsed - _parsedBefore <= sample / 2 && (!readsContent || services.readAhead().isBusy())) return;
        // What is derived is small, contents are held only for a short way.
        const maildir::ReadAhead::Reach reach =
            readsContent ? maildir::ReadAhead::Reach{8, 16} : maildir::ReadAhead::Reach();
        _ahead.emplace(services.readAhead(), session.view().sharedMailbox(), _uids,
                       MessagePreparer(_plan, _format, services.contentMemory()), reach);
    }

    // RFC 3501 6.4.5: \Seen is set implicitly, and the change is shown in the response.
    void markSeen(Session& session) {
        const std::size_t end = std::min(_uids.size(), _next + seenBatch);
        _markedUpTo = end;
        _marked.clear();
        View& view = session.view();
        if (view.isReadOnly()) return;  // RFC 3501 6.3.2
        std::vector<Uid> unseen;
        try {
            // Another program may have taken \Seen away a moment ago.
            const auto newest = newestOf(view.mailbox());
            for (std::size_t i = _next; i < end; ++i) {
                const auto record = newest->find(_uids[i]);
                if (record && !(*record)->flags.has(Flag::Seen)) unseen.push_back(_uids[i]);
            }
            if (unseen.empty()) return;
            maildir::FlagChange change;
            change.flags.set(Flag::Seen);
            view.mailbox().changeFlags(unseen, change);
        } catch (const Error& error) {
            if (error.kind() == ErrorKind::WouldWait) {
                _markedUpTo = _next;
                throw;
            }
            // A mailbox that cannot be written to can still be read.
            session.logFailure("\\Seen could not be set", error);
            return;
        }
        for (const Uid uid : unseen) _marked.insert(uid.value);
    }

    FetchPlan _plan;
    ItemFormat _format;
    FlagLines _flagLines;
    std::vector<Uid> _uids;
    std::size_t _next = 0;
    std::size_t _markedUpTo = 0;
    std::unordered_set<std::uint32_t> _marked;  // of the current batch
    std::uint64_t _parsedBefore = 0;            // by all sessions, when this command began
    std::optional<maildir::Preparations<PreparedMessage>> _ahead;
    std::unique_ptr<FetchedMessage> _message;
    bool _someGone = false, _someUnknown = false;
    std::size_t _unreadableCount = 0;
    std::string _unreadable, _unreadableCode;  // the first of them, and why
};

}  // namespace

std::unique_ptr<Execution> startFetch(Session& session, Arguments&& arguments) {
    const Fetch fetch = std::get<Fetch>(std::move(arguments));
    std::optional<std::vector<Uid>> uids = session.view().resolve(fetch.set, fetch.isUid);
    if (!uids) return finished(Reply::bad("No message has this number"));
    return std::make_unique<FetchExecution>(FetchPlan::of(fetch, session.features()), ItemFormat::of(session),
                                            std::move(*uids));
}

}  // namespace imapd
