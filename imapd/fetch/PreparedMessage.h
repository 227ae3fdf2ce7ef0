// A message that a FETCH will come to, made ready by another thread: what is kept of it is derived, and what the
// response takes from its file is in memory.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "imapd/fetch/DerivedItems.h"
#include "imapd/fetch/FetchPlan.h"
#include "imapd/fetch/MessageContent.h"
#include "imapd/session/OctetPool.h"

namespace imapd {

// Contents that a reader is done with, kept until more is prepared: to free on one thread what another allocates costs
// both the allocator's locks. Any thread.
class UsedContents {
public:
    UsedContents();
    void add(std::unique_ptr<MessageContent> content);
    void clear();

private:
    std::mutex _mutex;
    std::vector<std::unique_ptr<MessageContent>> _contents;
};

struct PreparedMessage {
    struct Leave {
        std::shared_ptr<UsedContents> to;
        void operator()(MessageContent* content) const { to->add(std::unique_ptr<MessageContent>(content)); }
    };

    OctetPool::Block memory;  // what `content` holds is there
    std::unique_ptr<MessageContent, Leave> content;
};

// Prepares messages of one FETCH. Any thread.
class MessagePreparer {
public:
    MessagePreparer(FetchPlan plan, const ItemFormat& format, std::shared_ptr<OctetPool> pool)
        : _plan(std::move(plan)), _format(format), _pool(std::move(pool)) {}

    // Derives, and stores, what the plan needs of a message, so that a session which comes to it finds all of it known.
    // Gives its content where the response reads that, and the pool has memory for it. Throws maildir::Error.
    std::optional<PreparedMessage> operator()(maildir::Mailbox& mailbox, maildir::Uid uid) const;

private:
    FetchPlan _plan;
    ItemFormat _format;
    std::shared_ptr<OctetPool> _pool;
    std::shared_ptr<UsedContents> _used = std::make_shared<UsedContents>();
};

}  // namespace imapd
