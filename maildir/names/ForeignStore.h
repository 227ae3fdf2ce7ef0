// Whether a folder that is no Maildir holds mail in another way, in which no Maildir may be made: users would see an
// empty INBOX instead of their mail. Pure but for the looks at the disk.
#pragma once

#include <optional>
#include <string>

namespace maildir {

// What is there, for the log ("Dovecot's sdbox (mailboxes/): ..."), with the cure. Nothing if there is none that is
// known, or no folder at all. Bounded: a look at some names. Throws NoPermission, Io where it can't be told.
[[nodiscard]] std::optional<std::string> foreignStoreIn(const std::string& folder);

}  // namespace maildir
