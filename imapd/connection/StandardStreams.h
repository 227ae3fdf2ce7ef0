// One conversation over two open descriptors, such as the standard input and output of a program that ssh started.
//
// Blocking, in the thread that calls: such a process serves this one client and ends with it. The descriptors stay the
// caller's and keep their modes, which other processes may share.
#pragma once

#include <functional>
#include <memory>

#include "imapd/connection/Conversation.h"

namespace imapd {

constexpr int standardInput = 0, standardOutput = 1;

// Returns when the conversation closes or either side is gone. Throws std::system_error, and what the conversation
// does.
void converseOver(int input, int output, const std::function<std::unique_ptr<Conversation>(Waker)>& factory);

}  // namespace imapd
