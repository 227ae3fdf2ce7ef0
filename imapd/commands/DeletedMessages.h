// Removes, in short steps, messages that are marked \Deleted: the work of EXPUNGE, UID EXPUNGE and CLOSE.
#pragma once

#include <vector>

#include "imapd/commands/Batches.h"
#include "imapd/session/TimeSlice.h"
#include "imapd/session/View.h"

namespace imapd {

// What the view shows with \Deleted: a message that another client marks meanwhile is not for this one to remove
// (promise 2).
std::vector<Uid> shownAsDeleted(const View& view);

class DeletedMessages {
public:
    // Those of `uids` that still carry \Deleted when their turn comes.
    explicit DeletedMessages(std::vector<Uid> uids) : _batches(std::move(uids)) {}

    // True once all are removed from the view's mailbox. Throws maildir::Error.
    bool remove(const View& view, const TimeSlice& slice);

private:
    Batches _batches;
};

}  // namespace imapd
