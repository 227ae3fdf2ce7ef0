// The facts of one mailbox's messages: in memory (FactStore, which all mailboxes share), and behind it in the mailbox's
// cache file, if it has one. What is derived is noted as unsaved until it is written there. Any thread; keys are of
// this mailbox.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "maildir/cache/FactBlocks.h"
#include "maildir/cache/FactStore.h"

namespace maildir {

class MailboxFacts {
public:
    // isSaved: there is a file to save them to. onUnsaved, which may be null: called when the first thing is there to
    // be saved.
    MailboxFacts(std::shared_ptr<FactStore> store, bool isSaved, std::function<void()> onUnsaved)
        : _store(std::move(store)), _isSaved(isSaved), _onUnsaved(std::move(onUnsaved)) {}

    // As in FactStore. What comes from the file was found in no opening yet (FileFacts::opening is 0).
    std::optional<FileFacts> file(MessageKey key);
    void putFile(MessageKey key, const FileFacts& facts);
    // Only the opening is another.
    void putOpening(MessageKey key, const FileFacts& facts) { _store->putFile(key, facts); }
    std::optional<std::uint64_t> exactOctets(MessageKey key);
    void putExactOctets(MessageKey key, std::uint64_t octets);
    std::shared_ptr<const Structure> structure(MessageKey key);
    void putStructure(MessageKey key, const Structure& structure);
    std::shared_ptr<const std::string> derived(MessageKey key, const std::string& name);
    void putDerived(MessageKey key, const std::string& name, std::string bytes);
    // Of what is in memory.
    std::optional<std::uint64_t> exactOctetsIn(std::uint64_t opening, MessageKey key) {
        return _store->exactOctetsIn(opening, key);
    }
    std::shared_ptr<const std::string> derivedIn(std::uint64_t opening, MessageKey key, const std::string& name) {
        return _store->derivedIn(opening, key, name);
    }
    void forget(MessageKey key);

    // From now on what is in these blocks is known.
    void attach(FactBlocks blocks);
    [[nodiscard]] FactBlocks::Load load();
    [[nodiscard]] std::size_t unsaved() const { return _unsavedCount; }
    // Whether some of that may soon be forgotten.
    [[nodiscard]] bool isPressing() const { return _unsavedCount >= manyFacts && !_store->hasRoom(); }
    [[nodiscard]] std::int64_t derivedAt() const { return _derivedAt; }  // the last of it, in steady milliseconds
    // Appends what is unsaved to the file that is attached; gives all its blocks as they will be. The caller commits,
    // then calls noteSaved(), or else noteNotSaved().
    std::vector<FactBlock> save(CacheFile& file);
    void noteSaved();
    void noteNotSaved();
    // Appends all that is known of messages that isKept to another file, at most maxOctets; gives its blocks.
    std::vector<FactBlock> copyTo(CacheFile& file, std::uint64_t maxOctets, const std::function<bool(Uid)>& isKept);
    // Lets go of memory that only repeats what is in the file.
    void rest();

private:
    static constexpr std::size_t manyFacts = 2048;

    // Takes into memory what the file has of a message. False: nothing.
    bool fetch(MessageKey key);
    MessageFacts stored(Uid uid);
    void noteUnsaved(MessageKey key);
    // In memory and in the file.
    std::string allOf(MessageKey key);

    const std::shared_ptr<FactStore> _store;
    const bool _isSaved;
    const std::function<void()> _onUnsaved;
    std::mutex _mutex;  // guards what follows
    FactBlocks _blocks;
    std::set<Uid> _unsaved, _saving;
    std::vector<FactBlock> _written;  // not committed yet
    std::uint64_t _mailbox = 0;       // of the keys
    std::atomic<std::size_t> _unsavedCount{0};
    std::atomic<std::int64_t> _derivedAt{0};
    std::atomic<bool> _hasBlocks{false};
};

}  // namespace maildir
