// Reading messages, and facts derived from them.
#include <sys/stat.h>

#include <charconv>

#include "maildir/UnreadableFile.h"
#include "maildir/mailbox/MailboxState.h"

namespace maildir {

namespace {

// Between two looks another program may have put another content in place.
void requireStructureOf(const MessageFile& file, const Structure& structure) {
    if (file.storedOctets() != structure.storedOctets) {
        throw Error(ErrorKind::Expunged, "the message was rewritten", file.path());
    }
}

}  // namespace

MessageFile Mailbox::open(Uid uid) {
    for (int attempt = 0; attempt < 3; ++attempt) {
        const std::shared_ptr<const Snapshot> snapshot = this->snapshot();
        const auto record = snapshot->find(uid);
        const std::string path = record ? _state->pathOf(*record) : _state->parkedPath(uid);
        if (!path.empty()) {
            if (auto opened = openMessage(path)) {
                const struct stat& status = opened->status;
                MessageFile message(std::move(opened->file), path, status);
                if (!record || _state->isRemembered(_state->keyOf(uid), message, status)) return message;
                const State::WriterLock lock(*_state);
                _state->requireLocked();
                _state->replaceRewrittenLocked(uid, status);
                continue;
            }
        } else if (attempt > 0) {
            break;
        }
        if (_state->isGone || !findAgain(uid)) break;
    }
    // Another session's expunge may have come between the two looks above.
    if (const std::string path = _state->parkedPath(uid); !path.empty()) {
        if (auto opened = openMessage(path)) return {std::move(opened->file), path, opened->status};
    }
    throw Error(ErrorKind::Expunged, "the message is gone: UID " + std::to_string(uid.value), _state->directory);
}

bool Mailbox::findAgain(Uid uid) {
    const auto placeOf = [](const std::optional<RecordRef>& record) {
        return record ? std::string(record->fileName()) + ((*record)->isInNew ? "/new" : "/cur") : std::string();
    };
    if (_state->isGone) return false;
    const std::shared_ptr<const Snapshot> before = snapshot();
    const std::string place = placeOf(before->find(uid));
    // Renamed by another program: events tell where to, or else a look at the directories.
    std::shared_ptr<const Snapshot> after = before;
    try {
        after = refresh();
    } catch (const Error& error) {
        if (error.kind() != ErrorKind::WouldWait && error.kind() != ErrorKind::Busy) throw;
        // Others have a lock, without which no new message gets a UID; this one has its own.
    }
    if (!place.empty() && placeOf(after->find(uid)) == place) {
        const State::WriterLock lock(*_state);
        if (placeOf(_state->published()->find(uid)) == place) _state->lookForMissingLocked();
        after = _state->published();
    }
    const auto record = after->find(uid);
    if (!record) return !_state->parkedPath(uid).empty();
    // It may be gone though that is not certain yet.
    return placeOf(record) != place || _state->exists({record->fileName(), (*record)->isInNew});
}

bool Mailbox::hasFacts(Uid uid) {
    (void)snapshot();  // loaded: the key needs its UIDVALIDITY
    const auto known = _state->messageFacts.file(_state->keyOf(uid));
    if (!known) return false;
    // In this opening nothing has escaped us, or it was looked at before; else open() compares.
    if (known->opening != _state->opening && !_state->isConfirmedByStat(uid, *known)) (void)open(uid);
    return true;
}

FileFacts Mailbox::fileFacts(Uid uid) {
    (void)snapshot();
    const MessageKey key = _state->keyOf(uid);
    MailboxFacts& store = _state->messageFacts;
    if (auto known = store.file(key)) {
        if (known->opening == _state->opening) return *known;
        try {
            if (hasFacts(uid)) {
                if ((known = store.file(key))) return *known;
            }
        } catch (const Error& error) {
            // It was touched, and whether it is still the same content can't be read.
            if (!isOfOneMessage(error)) throw;
            return *known;
        }
    }
    if (const auto facts = _state->factsByStat(uid)) return *facts;
    const MessageFile file = open(uid);
    if (const auto known = store.file(key)) return *known;
    FileFacts facts;
    facts.internalDate = file.modificationTime();
    facts.storedOctets = file.storedOctets();
    return facts;
}

std::int64_t Mailbox::internalDate(Uid uid) {
    return fileFacts(uid).internalDate;
}

std::uint64_t Mailbox::storedOctets(Uid uid) {
    return fileFacts(uid).storedOctets;
}

std::shared_ptr<const Structure> Mailbox::knownStructure(Uid uid) {
    if (!hasFacts(uid)) return nullptr;
    return _state->messageFacts.structure(_state->keyOf(uid));
}

std::shared_ptr<const Structure> Mailbox::structure(Uid uid, const MessageFile* opened) {
    if (auto known = knownStructure(uid)) return known;
    MailboxFacts& store = _state->messageFacts;
    const MessageKey key = _state->keyOf(uid);
    std::optional<MessageFile> own;
    if (opened == nullptr) own.emplace(open(uid));
    const MessageFile& file = own ? *own : *opened;
    auto structure = std::make_shared<const Structure>(file.structure());
    ++_state->parsed;
    if (_state->rememberContent(key, file)) {
        store.putExactOctets(key, structure->wireOctets);
        store.putStructure(key, *structure);
    }
    return structure;
}

std::shared_ptr<const RenderedMessage> Mailbox::sevenBit(Uid uid) {
    const std::shared_ptr<const Structure> stored = structure(uid);
    if (!needsSevenBit(*stored)) return nullptr;
    const MessageFile file = open(uid);
    requireStructureOf(file, *stored);
    const std::shared_ptr<Renderings>& renderings = _state->options.renderings;
    if (!renderings) return renderedSevenBit(file, *stored, {});
    struct stat source {};
    if (fstat(file.descriptor(), &source) != 0) throw Error::fromErrno("cannot stat", file.path());
    const MessageKey key = _state->keyOf(uid);
    if (auto known = renderings->find(key, source)) return known;
    auto rendering = renderedSevenBit(file, *stored, renderings->directory());
    renderings->put(key, source, rendering);
    return rendering;
}

std::uint64_t Mailbox::exactSevenBitOctets(Uid uid) {
    static const std::string key = "octets 7bit1";
    if (const auto known = derived(uid, key)) {
        std::uint64_t octets = 0;
        const auto [end, error] = std::from_chars(known->data(), known->data() + known->size(), octets);
        if (error == std::errc() && end == known->data() + known->size()) return octets;
    }
    const std::shared_ptr<const Structure> stored = structure(uid);
    if (!needsSevenBit(*stored)) return stored->wireOctets;
    std::uint64_t octets = 0;
    if (stored->storedOctets <= maxRenderedInMemory) {
        octets = sevenBit(uid)->structure().wireOctets;  // is likely to be asked for next
    } else {
        const MessageFile file = open(uid);
        requireStructureOf(file, *stored);
        octets = structureOfSevenBit(file, *stored).wireOctets;
    }
    storeDerived(uid, key, std::to_string(octets));
    return octets;
}

std::uint64_t Mailbox::exactOctets(Uid uid, Rendering rendering) {
    if (rendering == Rendering::SevenBit) return exactSevenBitOctets(uid);
    if (_state->mailboxKey != 0) {
        if (const auto known = _state->messageFacts.exactOctetsIn(_state->opening, _state->keyOf(uid))) return *known;
    }
    if (hasFacts(uid)) {
        if (const auto known = _state->messageFacts.exactOctets(_state->keyOf(uid))) return *known;
    }
    return structure(uid)->wireOctets;
}

std::shared_ptr<const std::string> Mailbox::derived(Uid uid, const std::string& key) {
    if (_state->mailboxKey != 0) {
        if (auto known = _state->messageFacts.derivedIn(_state->opening, _state->keyOf(uid), key)) return known;
    }
    if (!hasFacts(uid)) return nullptr;
    return _state->messageFacts.derived(_state->keyOf(uid), key);
}

void Mailbox::storeDerived(Uid uid, const std::string& key, std::string bytes) {
    (void)snapshot();
    _state->messageFacts.putDerived(_state->keyOf(uid), key, std::move(bytes));
}

std::shared_ptr<const Column> Mailbox::column(std::string_view name) {
    const std::uint64_t opening = _state->opening;
    std::shared_ptr<const Column> kept;
    if (_state->options.columns) kept = _state->options.columns->find(opening, name);
    return kept ? kept : std::make_shared<const Column>(opening);
}

void Mailbox::keepColumn(const std::string& name, std::shared_ptr<const Column> column) {
    if (_state->options.columns) _state->options.columns->put(name, std::move(column));
}

}  // namespace maildir
