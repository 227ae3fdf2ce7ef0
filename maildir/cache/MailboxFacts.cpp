#include "maildir/cache/MailboxFacts.h"

#include <algorithm>
#include <utility>

#include "maildir/SteadyTime.h"
#include "maildir/cache/FactCodec.h"

namespace maildir {

namespace {

// Whether facts that were remembered of `older` hold for the content that `newer` is of.
bool isOfSameContent(const FileFacts& older, const FileFacts& newer) {
    if (older.hasContentHash && newer.hasContentHash) return older.contentHash == newer.contentHash;
    return older.inode == newer.inode && older.fileOctets == newer.fileOctets &&
           older.modificationNanoseconds == newer.modificationNanoseconds;
}

}  // namespace

MessageFacts MailboxFacts::stored(Uid uid) {
    const std::lock_guard lock(_mutex);
    const auto bytes = _blocks.find(uid);
    std::optional<MessageFacts> facts = bytes ? decodeFacts(*bytes) : std::nullopt;
    // What else was derived means nothing without the file that it was derived of.
    if (!facts || !facts->file) return {};
    return std::move(*facts);
}

bool MailboxFacts::fetch(MessageKey key) {
    if (!_hasBlocks) return false;
    MessageFacts facts = stored(key.uid);
    if (!facts.file) return false;
    if (const auto present = _store->file(key)) {
        if (!isOfSameContent(*facts.file, *present)) return false;
    } else {
        facts.file->opening = 0;
        _store->putFile(key, *facts.file);
    }
    if (facts.exactOctets) _store->putExactOctets(key, *facts.exactOctets);
    if (facts.structure) _store->putStructure(key, std::move(facts.structure));
    for (const auto& [name, bytes] : facts.derived) _store->putDerived(key, name, *bytes);
    return true;
}

std::optional<FileFacts> MailboxFacts::file(MessageKey key) {
    auto known = _store->file(key);
    if (!known && fetch(key)) known = _store->file(key);
    return known;
}

std::optional<std::uint64_t> MailboxFacts::exactOctets(MessageKey key) {
    auto known = _store->exactOctets(key);
    if (!known && fetch(key)) known = _store->exactOctets(key);
    return known;
}

std::shared_ptr<const Structure> MailboxFacts::structure(MessageKey key) {
    auto known = _store->structure(key);
    if (!known && fetch(key)) known = _store->structure(key);
    return known ? decodeStructure(*known) : nullptr;
}

std::shared_ptr<const std::string> MailboxFacts::derived(MessageKey key, const std::string& name) {
    auto known = _store->derived(key, name);
    if (!known && fetch(key)) known = _store->derived(key, name);
    return known;
}

void MailboxFacts::putFile(MessageKey key, const FileFacts& facts) {
    _store->putFile(key, facts);
    noteUnsaved(key);
}

void MailboxFacts::putExactOctets(MessageKey key, std::uint64_t octets) {
    _store->putExactOctets(key, octets);
    noteUnsaved(key);
}

void MailboxFacts::putStructure(MessageKey key, const Structure& structure) {
    _store->putStructure(key, std::make_shared<const std::string>(encodeStructure(structure)));
    noteUnsaved(key);
}

void MailboxFacts::putDerived(MessageKey key, const std::string& name, std::string bytes) {
    _store->putDerived(key, name, std::move(bytes));
    noteUnsaved(key);
}

void MailboxFacts::forget(MessageKey key) {
    _store->forget(key);
    const std::lock_guard lock(_mutex);
    _unsaved.erase(key.uid);
    _unsavedCount = _unsaved.size();
}

void MailboxFacts::noteUnsaved(MessageKey key) {
    if (!_isSaved) return;
    _derivedAt = steadyMilliseconds();
    bool isFirst = false;
    {
        const std::lock_guard lock(_mutex);
        _mailbox = key.mailbox;
        isFirst = _unsaved.empty();
        _unsaved.insert(_unsaved.end(), key.uid);
        _unsavedCount = _unsaved.size();
    }
    if (isFirst && _onUnsaved) _onUnsaved();
}

void MailboxFacts::attach(FactBlocks blocks) {
    const std::lock_guard lock(_mutex);
    _hasBlocks = !blocks.blocks().empty();
    _blocks = std::move(blocks);
}

FactBlocks::Load MailboxFacts::load() {
    const std::lock_guard lock(_mutex);
    return _blocks.load();
}

std::string MailboxFacts::allOf(MessageKey key) {
    MessageFacts facts = _store->all(key);
    if (!facts.file) return {};
    if (_hasBlocks) {
        const MessageFacts older = stored(key.uid);
        if (older.file && isOfSameContent(*older.file, *facts.file)) {
            if (!facts.exactOctets) facts.exactOctets = older.exactOctets;
            if (!facts.structure) facts.structure = older.structure;
            for (const auto& each : older.derived) {
                const auto isSame = [&each](const auto& other) { return other.first == each.first; };
                if (std::none_of(facts.derived.begin(), facts.derived.end(), isSame)) facts.derived.push_back(each);
            }
        }
    }
    std::string bytes;
    encodeFacts(facts, bytes);
    return bytes;
}

std::vector<FactBlock> MailboxFacts::save(CacheFile& file) {
    MessageKey key;
    {
        const std::lock_guard lock(_mutex);
        _saving = std::exchange(_unsaved, {});
        _unsavedCount = 0;
        _written.clear();
        key.mailbox = _mailbox;
    }
    FactBlockWriter writer(file, [this](FactBlock block) { _written.push_back(block); });
    for (const Uid uid : _saving) {
        key.uid = uid;
        if (const std::string bytes = allOf(key); !bytes.empty()) writer.add(uid, bytes);
    }
    writer.finish();
    const std::lock_guard lock(_mutex);
    std::vector<FactBlock> blocks = _blocks.blocks();
    blocks.insert(blocks.end(), _written.begin(), _written.end());
    return blocks;
}

void MailboxFacts::noteSaved() {
    const std::lock_guard lock(_mutex);
    for (const FactBlock& block : _written) _blocks.noteWritten(block);
    _hasBlocks = !_blocks.blocks().empty();
    _written.clear();
    _saving.clear();
}

void MailboxFacts::noteNotSaved() {
    const std::lock_guard lock(_mutex);
    _unsaved.merge(_saving);
    _unsavedCount = _unsaved.size();
    _written.clear();
    _saving.clear();
}

std::vector<FactBlock> MailboxFacts::copyTo(CacheFile& file, std::uint64_t maxOctets,
                                            const std::function<bool(Uid)>& isKept) {
    std::vector<FactBlock> blocks;
    FactBlockWriter writer(file, [&blocks](FactBlock block) { blocks.push_back(block); });
    const std::lock_guard lock(_mutex);
    const std::uint64_t start = file.octets();
    _blocks.each(isKept, [&](Uid uid, std::string_view facts) {
        if (file.octets() - start + facts.size() < maxOctets) writer.add(uid, facts);
    });
    writer.finish();
    return blocks;
}

void MailboxFacts::rest() {
    const std::lock_guard lock(_mutex);
    _blocks.dropRead();
}

}  // namespace maildir
