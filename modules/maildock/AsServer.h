// Does something in a process of its own with the rights that the server will have, for a bounded time.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "modules/api/Settings.h"

namespace maildock {

struct AsServerResult {
    std::vector<std::string> lines;  // what was told until the end, or until the time was over
    bool isWhole = false;            // false: the time was over
    std::string user;                // with whose rights
    bool isServersUser = true;       // false: server.user is another, and only root can become that one
};

// `work` tells lines, which have no line end in them. It runs in a child of this process, so nothing that it changes
// stays.
[[nodiscard]] AsServerResult asServer(const Settings& settings, std::chrono::seconds patience,
                                      const std::function<void(const std::function<void(std::string)>& tell)>& work);

}  // namespace maildock
