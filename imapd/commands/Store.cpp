#include "imapd/commands/Store.h"

#include <algorithm>

#include "imapd/commands/Batches.h"
#include "imapd/commands/FlagNames.h"
#include "imapd/session/Session.h"
#include "imapd/session/TimeSlice.h"

namespace imapd {

using maildir::FlagChange;
using maildir::FlagChangeResult;
using maildir::Record;
using maildir::RecordRef;

namespace {

// Messages whose flags are told together: a line has some kilobytes, if they carry many keywords.
constexpr std::size_t toldAtOnce = 128;

FlagChange::Mode modeOf(Store::Mode mode) {
    switch (mode) {
        case Store::Replace:
            return FlagChange::Replace;
        case Store::Add:
            return FlagChange::Add;
        case Store::Remove:
            break;
    }
    return FlagChange::Remove;
}

class StoreExecution : public Execution {
public:
    StoreExecution(const Store& store, NamedFlags named, std::vector<Uid> uids, const ShownKeywords& shown)
        : _isUid(store.isUid), _isSilent(store.isSilent), _batches(std::move(uids), toldAtOnce) {
        _change.mode = modeOf(store.mode);
        _change.flags = named.flags;
        _change.keywords = std::move(named.keywords);
        _change.replaced = shown.names();
    }

    Progress step(Session& session) override {
        const TimeSlice slice;
        while (!_batches.isOver()) {
            if (session.outputIsFull() || slice.isOver()) return Progress::Again;
            _batches.next([&](std::span<const Uid> uids) {
                const FlagChangeResult result = session.view().mailbox().changeFlags(uids, _change);
                if (!result.expunged.empty()) _someGone = true;
                tell(session, uids, *result.after);
            });
        }
        return Progress::Done;
    }

    Reply reply() override {
        // RFC 2180 4.2.1: the others were changed, and said so.
        if (_someGone) return Reply::no("Some of the messages no longer exist", "EXPUNGEISSUED");
        return Reply::ok("Store completed");
    }

private:
    void tell(Session& session, std::span<const Uid> uids, const maildir::Snapshot& after) {
        View& view = session.view();
        ResponseWriter writer = session.writer();
        view.tellNewKeywords(writer, after.keywords());
        maildir::KeywordSet named;
        for (const std::string& name : _change.keywords) {
            if (const auto index = after.keywords().indexOf(name)) named.set(*index);
        }
        for (const Uid uid : uids) {
            const std::optional<RecordRef> record = after.find(uid);
            const std::optional<SeqNum> number = view.numberOf(uid);
            if (!record || !number) continue;
            if (_isSilent) {
                // The client reckons the flags itself, from what it was told before. Where that gives something else,
                // because others changed the message too, it is told at the next synchronisation.
                const RecordRef told = view.shown().at(number->value - 1);
                if (!isExpected(*told, **record, named, after.keywords(), view.shownKeywords())) continue;
            } else {
                // RFC 9051 has no \Recent.
                writer.fetchFlags(*number, view.namesOf(**record, after.keywords(), !session.features().rev2),
                                  _isUid ? std::optional(uid) : std::nullopt);
            }
            view.flagsAreKnown(uid, (*record)->flags, (*record)->keywords);
        }
    }

    [[nodiscard]] bool isExpected(const Record& before, const Record& after, const maildir::KeywordSet& named,
                                  const maildir::KeywordTable& keywords, const ShownKeywords& shown) const {
        maildir::FlagSet flags = _change.flags;
        maildir::KeywordSet set = named;
        if (_change.mode == FlagChange::Add) {
            flags = before.flags | flags;
            set = before.keywords | named;
        } else if (_change.mode == FlagChange::Remove) {
            flags = before.flags.without(flags);
            set = before.keywords & ~named;
        }
        return after.flags == flags && shown.of(after.keywords ^ set, keywords).none();
    }

    bool _isUid, _isSilent;
    FlagChange _change;
    Batches _batches;
    bool _someGone = false;
};

}  // namespace

std::unique_ptr<Execution> startStore(Session& session, Arguments&& arguments) {
    const Store store = std::get<Store>(std::move(arguments));
    std::variant<NamedFlags, Reply> named = readFlags(store.flags, session.policy().keywords);
    if (Reply* refusal = std::get_if<Reply>(&named)) return finished(std::move(*refusal));
    std::optional<std::vector<Uid>> uids = session.view().resolve(store.set, store.isUid);
    if (!uids) return finished(Reply::bad("No message has this number"));
    if (session.view().isReadOnly()) return finished(Reply::no("The mailbox is selected read-only", "READ-ONLY"));
    return std::make_unique<StoreExecution>(store, std::get<NamedFlags>(std::move(named)), std::move(*uids),
                                            session.policy().keywords);
}

}  // namespace imapd
