// Messages that come in one by one. The order that keeps every promise: the content is on disk before the file has a
// name in new/ or cur/; then, under the UID list's lock, the file gets its name, its row is appended, both the folder
// and the list are synced; then the snapshot is published and the caller may tell the client. Should the power fail
// before both syncs are done, a row without a file is that of a message that is gone, and a file without a row gets a
// UID.
//
// Content is synced by each delivery for itself. For the rest the first one to get the writer's lock takes along all
// that wait for it: the syncs, and the lock file, are shared by them.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "maildir/Patience.h"
#include "maildir/mailbox/FileName.h"
#include "maildir/mailbox/MailboxState.h"

namespace maildir {

struct Delivery::State {
    std::string path;
    FileDescriptor file;
    std::string buffer;
    std::uint64_t storedOctets = 0, wireOctets = 0, takenOctets = 0;
    char last = 0, beforeLast = 0;  // of the octets taken; a CR at the end is held back
    bool isDelivered = false, isRemoved = false, isFinished = false;

    void put(std::string_view octets) {
        buffer.append(octets);
        storedOctets += octets.size();
        if (buffer.size() >= flushOctets) flush();
    }
    void flush() {
        writeAll(file.get(), buffer, path);
        buffer.clear();
    }
    // No more octets come: all of them, and the times, are on disk.
    void finish(std::optional<std::int64_t> internalDate);
    void remove() {
        removeUnderAnyName(path);
        isRemoved = true;
    }
    static constexpr std::size_t flushOctets = 256 * 1024;
};

Delivery::Delivery(std::unique_ptr<State> state) : _state(std::move(state)) {}

Delivery::~Delivery() {
    if (!_state->isDelivered && !_state->isRemoved) _state->remove();
}

std::uint64_t Delivery::wireOctets() const {
    return _state->takenOctets;
}

void Delivery::write(std::string_view octets) {
    State& state = *_state;
    state.takenOctets += octets.size();
    // A run up to each LF is taken as it is but for a CR before the LF. "CR CR LF" stays: as "CR LF" in the file it
    // would be sent without its first CR.
    while (!octets.empty()) {
        const std::size_t end = octets.find('\n');
        std::string_view run = octets.substr(0, end == std::string_view::npos ? octets.size() : end);
        if (!run.empty()) {
            if (state.last == '\r') state.put("\r");  // held back, and no LF followed
            state.wireOctets += run.size() + (state.last == '\r' ? 1 : 0);
            state.beforeLast = run.size() > 1 ? run[run.size() - 2] : state.last;
            state.last = run.back();
            if (state.last == '\r') {
                run.remove_suffix(1);
                --state.wireOctets;
            }
            state.put(run);
        }
        if (end == std::string_view::npos) return;
        state.put(state.last == '\r' && state.beforeLast == '\r' ? "\r\n" : "\n");
        state.wireOctets += 2;
        state.beforeLast = state.last;
        state.last = '\n';
        octets.remove_prefix(end + 1);
    }
}

void Delivery::writeAsIs(std::string_view octets) {
    _state->takenOctets += octets.size();
    _state->put(octets);
}

MessageFile Delivery::read() {
    _state->flush();
    FileDescriptor file(::fcntl(_state->file.get(), F_DUPFD_CLOEXEC, 0));
    if (!file.isOpen()) throw Error::fromErrno("cannot read", _state->path);
    return {std::move(file), _state->path};
}

std::unique_ptr<Delivery> Mailbox::beginDelivery() {
    if (_state->isGone) throw Error(ErrorKind::NotFound, "the mailbox is gone", _state->directory);
    auto state = std::make_unique<Delivery::State>();
    state->path = _state->directory + "/tmp/" + uniqueBaseName();
    try {
        state->file = createExclusive(state->path);
    } catch (const Error& error) {
        if (error.kind() != ErrorKind::Unavailable) throw;
        const std::lock_guard lock(_state->writer);
        _state->prepareLocked();
        _state->requireInPlaceLocked();
        (void)_state->mendLocked(true);
        state->file = createExclusive(state->path);
    }
    return std::unique_ptr<Delivery>(new Delivery(std::move(state)));
}

namespace {

void setModificationTime(int fd, std::int64_t seconds, const std::string& path) {
    const timespec times[2] = {{0, UTIME_NOW}, {static_cast<time_t>(seconds), 0}};
    if (futimens(fd, times) != 0) throw Error::fromErrno("cannot set the time of", path);
}

}  // namespace

void Delivery::State::finish(std::optional<std::int64_t> internalDate) {
    if (isFinished) return;
    if (last == '\r') {
        put("\r");
        ++wireOctets;
        last = 0;
    }
    flush();
    if (internalDate) setModificationTime(file.get(), *internalDate, path);
    if (fsync(file.get()) != 0) throw Error::fromErrno("cannot sync", path);
    isFinished = true;
}

// A delivery while its thread waits for the writer's lock; what became of it is guarded by that.
struct Mailbox::State::Arrival {
    Delivery::State& message;
    const FlagSet flags;
    const std::vector<std::string>& keywordNames;
    bool isSettled = false;
    DeliveryResult result{};
    std::exception_ptr failure{};
};

Edit Mailbox::State::placeArrivalLocked(const Arrival& arrival, Uid uid) {
    Delivery::State& message = arrival.message;
    const KeywordSet set = keywordSetLocked(arrival.keywordNames);
    const std::string base =
        uniqueBaseName() + ",S=" + std::to_string(message.storedOctets) + ",W=" + std::to_string(message.wireOctets);
    const bool toNew = arrival.flags.isEmpty() && set.none();
    const std::string name = toNew ? base : withFlags(base, arrival.flags, set);
    Edit edit{recordFor(uid, name, toNew, {}), name, false};
    edit.record.isRecentUnclaimed = true;
    edit.record.keywords = set;
    std::string target = pathOf(name, toNew);
    renewListLocked();
    feed->expect(FileEvent::Appeared, toNew, name);
    if (rename(message.path.c_str(), target.c_str()) != 0) {
        const int number = errno;
        feed->unexpect(FileEvent::Appeared, toNew, name);
        throw Error::fromErrno("cannot deliver to", target, number);
    }
    message.path = std::move(target);  // to be removed from there if what follows fails
    return edit;
}

void Mailbox::State::commitArrivedLocked(std::span<Arrival* const> taken) {
    prepareLocked();
    requireInPlaceLocked();
    (void)mendLocked(true);
    const ListLock listLock(*this);
    for (Arrival* const arrival : taken) {
        try {
            addKeywordsLocked(arrival->keywordNames, true);
        } catch (const Error&) {
            arrival->failure = std::current_exception();  // the others need not fail for that
        }
    }
    Uid next = nextUidLocked(taken.size());
    std::vector<Edit> added;
    std::vector<Arrival*> placed;
    bool isIntoNew = false, isIntoCur = false;
    for (Arrival* const arrival : taken) {
        if (arrival->failure) continue;
        try {
            added.push_back(placeArrivalLocked(*arrival, next));
            arrival->result = {list.uidValidity(), next};
            placed.push_back(arrival);
            (added.back().record.isInNew ? isIntoNew : isIntoCur) = true;
            next = uidAfter(next);
        } catch (const Error&) {
            arrival->failure = std::current_exception();  // the others need not fail for that
        }
    }
    std::vector<std::string> folders;
    if (isIntoNew) folders.push_back(directory + "/new");
    if (isIntoCur) folders.push_back(directory + "/cur");
    appendRowsLocked(added, folders);
    for (Arrival* const arrival : placed) arrival->message.isDelivered = true;
    publishEditsLocked({}, added);
}

namespace {

bool isWait(const std::exception_ptr& failure) {
    try {
        std::rethrow_exception(failure);
    } catch (const Error& error) {
        return error.kind() == ErrorKind::WouldWait;
    } catch (...) {
        return false;
    }
}

}  // namespace

bool Mailbox::State::awaitTurn(Arrival& arrival) {
    const std::optional<std::chrono::milliseconds> most = Patience::forWork();
    if (!most || !writer.try_lock_for(*most)) {
        if (most) {
            const std::lock_guard lock(arrivalsMutex);
            if (std::erase(arrivals, &arrival) > 0) throw Patience::error("others deliver into the mailbox", directory);
        }
        writer.lock();  // or else whoever has taken the arrival along is about to be done
    }
    if (!arrival.isSettled) return true;
    writer.unlock();
    return false;
}

void Mailbox::State::settleArrivalsLocked() {
    std::vector<Arrival*> taken;
    {
        const std::lock_guard lock(arrivalsMutex);
        taken.swap(arrivals);
    }
    std::exception_ptr failure;
    try {
        commitArrivedLocked(taken);
    } catch (...) {
        failure = std::current_exception();
    }
    for (Arrival* const arrival : taken) {
        if (!arrival->message.isDelivered && !arrival->failure) arrival->failure = failure;
        // Before anybody looks at the folder. What had to wait is in tmp/ as it was.
        if (arrival->failure && !isWait(arrival->failure)) arrival->message.remove();
        arrival->isSettled = true;
    }
}

DeliveryResult Mailbox::deliver(Delivery& delivery, FlagSet flags, const std::vector<std::string>& keywordNames,
                                std::optional<std::int64_t> internalDate) {
    delivery._state->finish(internalDate);
    State::Arrival arrival{*delivery._state, flags, keywordNames};
    {
        const std::lock_guard lock(_state->arrivalsMutex);
        _state->arrivals.push_back(&arrival);
    }
    // Whoever had the lock before has settled this one as well, if it waited then.
    if (_state->awaitTurn(arrival)) {
        const std::lock_guard lock(_state->writer, std::adopt_lock);
        // Others whose deliveries are taken along may still try again, though this one may not.
        const bool mayWait = Patience::current() == Patience::Kind::Waits;
        const Patience::Scope patience(mayWait ? Patience::Kind::Waits : Patience::Kind::Returns);
        _state->settleArrivalsLocked();
    }
    if (arrival.failure && isWait(arrival.failure)) throw Patience::error("a lock is held by another", directory());
    if (arrival.failure) std::rethrow_exception(arrival.failure);
    return arrival.result;
}

}  // namespace maildir
