// Where facts derived from message files are kept: everything here can be derived again, so an implementation may
// forget anything at any time. Facts are of one content: whoever finds that a message's content changed gives it a new
// UID. Any thread.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "maildir/Types.h"
#include "maildir/message/Structure.h"

namespace maildir {

// A message, across mailboxes: the mailbox's directory and UIDVALIDITY are hashed into one number by Mailbox.
struct MessageKey {
    std::uint64_t mailbox = 0;
    Uid uid;
    bool operator==(const MessageKey&) const = default;
};

struct FileFacts {
    std::int64_t internalDate = 0;  // seconds since the epoch
    std::uint64_t storedOctets = 0;
    // The file that the facts are of.
    std::uint64_t inode = 0;
    std::uint64_t fileOctets = 0;
    std::int64_t modificationNanoseconds = 0;  // since the epoch
    std::uint64_t opening = 0;  // the opening of the mailbox in which the file was last found to be this one
    // Of the content, once it was read.
    bool hasContentHash = false;
    std::array<std::uint64_t, 2> contentHash{};  // XXH3, 128 bits
};

// All that is known of one message.
struct MessageFacts {
    std::optional<FileFacts> file;
    std::optional<std::uint64_t> exactOctets;
    std::shared_ptr<const std::string> structure;  // encoded (FactCodec.h): a fifth of what it takes otherwise
    std::vector<std::pair<std::string, std::shared_ptr<const std::string>>> derived;  // name -> bytes
};

class FactStore {
public:
    virtual ~FactStore() = default;
    virtual MessageFacts all(MessageKey key) = 0;
    virtual std::optional<FileFacts> file(MessageKey key) = 0;
    virtual void putFile(MessageKey key, const FileFacts& facts) = 0;
    virtual std::optional<std::uint64_t> exactOctets(MessageKey key) = 0;
    virtual void putExactOctets(MessageKey key, std::uint64_t octets) = 0;
    virtual std::shared_ptr<const std::string> structure(MessageKey key) = 0;
    virtual void putStructure(MessageKey key, std::shared_ptr<const std::string> structure) = 0;
    virtual std::shared_ptr<const std::string> derived(MessageKey key, const std::string& name) = 0;
    // The same in one look, if the message's file was found to be that of the facts in this opening; else nothing.
    virtual std::optional<std::uint64_t> exactOctetsIn(std::uint64_t opening, MessageKey key) = 0;
    virtual std::shared_ptr<const std::string> derivedIn(std::uint64_t opening, MessageKey key,
                                                         const std::string& name) = 0;
    virtual void putDerived(MessageKey key, const std::string& name, std::string bytes) = 0;
    virtual void forget(MessageKey key) = 0;
    // Whether a good part of the budget is left: nothing is likely to be forgotten soon.
    virtual bool hasRoom() = 0;
};

// Keeps facts in memory, within a budget in octets; the least recently used go first. exactOctets and file facts are
// small and kept longest.
std::shared_ptr<FactStore> makeMemoryFactStore(std::uint64_t budgetOctets);

}  // namespace maildir
