// What `maildock check` and `maildock auth test` tell of a user's tree: the folder as a log-in would find it.
#pragma once

#include <chrono>

#include "modules/api/Account.h"
#include "modules/api/MailTrees.h"
#include "modules/api/Settings.h"

namespace imapd {

// As maildock::MailTrees::lookAtTree().
maildock::TreeReport lookAtTree(const maildock::Settings& settings, const maildock::Account& account,
                                std::chrono::steady_clock::time_point deadline);

}  // namespace imapd
