// What RFC822.SIZE, LARGER, SMALLER and STATUS SIZE say of a message, as the size plugin decides (row V0006).
#pragma once

#include <cstdint>

#include "maildir/mailbox/Mailbox.h"
#include "modules/api/SizeStrategy.h"

namespace imapd {

class Session;

// How the session is shown messages (row V0007).
maildir::Rendering renderingFor(const Session& session);

// Throw maildir::Error; Expunged if the strategy has to look at a message that is gone.
std::uint64_t messageOctets(const maildock::SizeStrategy& strategy, maildir::Mailbox& mailbox,
                            const maildir::RecordRef& record, maildir::Rendering rendering);
// A message of the selected mailbox.
std::uint64_t messageOctets(Session& session, const maildir::RecordRef& record);
// For sums and comparisons: a message that can't be read counts with the size of its file.
std::uint64_t countedOctets(Session& session, maildir::Mailbox& mailbox, const maildir::RecordRef& record);

}  // namespace imapd
