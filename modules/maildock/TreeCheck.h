// Looks at what the server will have to read and write, with the rights that it will have.
#pragma once

#include <ostream>

#include "modules/api/Account.h"
#include "modules/host/Assembly.h"

namespace maildock {

// For `maildock check`: files and folders that keys name, and the trees of up to a hundred users, where a plugin can
// list them. Adds to the assembly's complaints, and writes what is no complaint. Bounded in time.
void checkAsServer(host::Assembly& assembly, std::ostream& out);

// For `maildock auth test`: the user's folder, whether it is there, how many messages INBOX has.
void tellTree(const host::Assembly& assembly, const Account& account, std::ostream& out);

}  // namespace maildock
