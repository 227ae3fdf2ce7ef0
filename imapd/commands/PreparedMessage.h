// A message that a FETCH will come to, made ready by another thread: what is kept of it is derived, and what the
// response takes from its file is in memory.
#pragma once

#include <memory>
#include <optional>

#include "imapd/commands/DerivedItems.h"
#include "imapd/commands/FetchPlan.h"
#include "imapd/commands/MessageContent.h"
#include "imapd/session/OctetBudget.h"

namespace imapd {

struct PreparedMessage {
    std::unique_ptr<MessageContent> content;
    OctetBudget::Share memory;
};

// Derives, and stores, what the plan needs of a message, so that a session which comes to it finds all of it known.
// Gives its content where the response reads that, and the budget has room for it. Throws maildir::Error.
std::optional<PreparedMessage> prepareMessage(maildir::Mailbox& mailbox, maildir::Uid uid, const FetchPlan& plan,
                                              const ItemFormat& format, OctetBudget& budget);

}  // namespace imapd
