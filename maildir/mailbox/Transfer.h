// What copying (Copying.cpp) and moving (Transfer.cpp) share. For maildir/mailbox only.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "maildir/mailbox/MailboxState.h"

namespace maildir {

// A file that came under its name where it should go.
struct Placed {
    std::string path;
    std::string movedFrom;  // where it was before, empty for a link
    bool isOurs = false;    // nobody knew it before: if it can't go back it is removed
};

// Takes back what was placed, unless it is kept: a failure in between leaves nothing half-done.
class Placement {
public:
    Placement() = default;
    Placement(const Placement&) = delete;
    Placement& operator=(const Placement&) = delete;
    ~Placement();
    void add(Placed placed) { _placed.push_back(std::move(placed)); }
    void keep() { _placed.clear(); }

private:
    std::vector<Placed> _placed;
};

// The keywords of a record by name, so that they can be found again in another mailbox.
std::vector<std::string> keywordNames(const Snapshot& snapshot, const KeywordSet& set);
// The keywords of all these messages.
std::vector<std::string> keywordNames(const Snapshot& snapshot, std::span<const Uid> uids);

// A base name for a copy: fresh, with the sizes of the original, so that they stay known.
std::string copiedBaseName(const Record& record);

}  // namespace maildir
