// Finds the directories of a tree that may be mailboxes, whatever their names mean.
#pragma once

#include <string>
#include <vector>

#include "maildir/names/NameMapper.h"

namespace maildir {

// Relative to the root, without the root itself; none if there is no root. Layout Maildir++: what begins with a dot.
// Layout fs: all directories that a mailbox name could lead to, to a depth that no sane tree has; a symbolic link is
// followed, but not to a directory that is above it. Throws Error(Limit) for a tree of absurdly many.
std::vector<std::string> directoriesBelow(const std::string& root, Layout layout);

}  // namespace maildir
