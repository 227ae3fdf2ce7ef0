// How COPY and MOVE go on with a copy: in short steps, between which others have their turn.
#pragma once

#include <chrono>
#include <optional>

#include "imapd/session/Execution.h"
#include "maildir/mailbox/Copying.h"

namespace imapd {

constexpr std::chrono::milliseconds copySlice{40};  // of a command's step

// The copy's result, of which someExpunged says that nothing was copied; or how the command's step ends before that.
struct CopyStep {
    Progress progress = Progress::Done;
    std::optional<maildir::CopyResult> result;
};

// Prepares more of it until this time, or commits it. Throws maildir::Error.
CopyStep stepOf(maildir::Copying& copying, Session& session, maildir::Copying::Clock::time_point until);

}  // namespace imapd
