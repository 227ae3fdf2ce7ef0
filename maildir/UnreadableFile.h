// A message file that is there and can't be read: others in its folder can, so it is a matter of that message alone.
#pragma once

#include <string>

#include "maildir/Error.h"

namespace maildir {

// Whether the error is about reading one message's file: rights that are missing, or a disk that fails.
bool isOfOneMessage(const Error& error);

// For the log: what is wrong, to whom the file belongs, who wanted to read it, and what helps.
std::string describeUnreadable(const Error& error);

}  // namespace maildir
