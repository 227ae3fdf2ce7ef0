// Mail in a mailbox's new/, where deliveries are until somebody takes them to cur/. A directory that has some is a
// mailbox, also without a cur/: there are programs that make new/ alone, and backups that leave empty directories out.
#pragma once

#include <string>

namespace maildir {

// Whether there is any below this mailbox's directory (relative to the open directory `folder`, or AT_FDCWD). False
// where there is no new/. Throws Error(NoPermission, Unavailable) where that can't be told.
bool hasNewMail(int folder, const std::string& directory);

}  // namespace maildir
