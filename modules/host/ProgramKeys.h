// The keys that the program itself declares.
#pragma once

#include <vector>

#include "modules/api/Settings.h"

namespace maildock::host {

[[nodiscard]] std::vector<KeySpec> programKeys();

}  // namespace maildock::host
