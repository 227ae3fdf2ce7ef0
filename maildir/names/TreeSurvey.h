// What lies in a user's tree, looked at without changing anything, for `maildock check` and `maildock auth test`.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "maildir/names/NameMapper.h"

namespace maildir {

struct TreeSurvey {
    struct Fault {
        bool isError = false;
        std::string text;  // the same for each tree that has it
    };
    bool isThere = false;  // a Maildir
    std::string owner;     // "user:group, mode 0700" of the root; empty: there is nothing
    std::uint64_t inboxMessages = 0;
    bool isWholeCount = true;  // false: there are more, and the time, or what may be looked at, was over
    std::vector<Fault> faults;
};

// Bounded in what it reads, and ends at the deadline but for what a single call of the system takes. Throws nothing
// that is the tree's fault: what can't be looked at is one of the faults.
[[nodiscard]] TreeSurvey surveyTree(const std::string& root, Layout layout,
                                    std::chrono::steady_clock::time_point deadline);

}  // namespace maildir
