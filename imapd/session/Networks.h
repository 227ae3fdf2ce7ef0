// Whether an address lies in one of some networks, as an account's allowed networks name them: "192.0.2.0/24",
// "2001:db8::/32", a single address, or "local" for this machine (Dovecot's allow_nets). Addresses are
// written in numbers.
#pragma once

#include <string>
#include <vector>

namespace imapd {

// A network that cannot be understood holds no address: a slip of the pen never opens a door.
bool isWithin(const std::string& address, const std::vector<std::string>& networks);
// Whether it can be understood.
bool isNetwork(const std::string& network);

}  // namespace imapd
